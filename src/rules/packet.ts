/** A packet on its way through the hooks, with what conntrack knows of it. */
import type { AddressFamily, PortRange } from './model.js';

/** Changed by the rules it meets; each pass has its own. */
export interface Packet {
  readonly family: AddressFamily;
  readonly protocol: 'tcp' | 'udp';
  source: string;
  destination: string;
  /** Which port it will be is not known before it is sent. */
  sourcePort: PortRange;
  destinationPort: number;
  mark: number;
  inInterface: string;
  outInterface: string;
  /** The next hop, by which MASQUERADE picks the address. */
  nextHop: string;
  /** Conntrack looks at a packet at priority -200; a rule before that may keep it away. */
  tracking: 'not yet' | 'tracked' | 'untracked';
  ctMark: number;
  /** Each side is translated once for a connection (IPS_SRC_NAT_DONE, IPS_DST_NAT_DONE). */
  sourceDecided: boolean;
  destinationDecided: boolean;
  sourceTranslated: boolean;
  destinationTranslated: boolean;
  portRewritten: boolean;
  addressRewritten: boolean;
}

export type PacketStart = Pick<
  Packet,
  | 'family'
  | 'protocol'
  | 'source'
  | 'destination'
  | 'sourcePort'
  | 'destinationPort'
  | 'mark'
  | 'inInterface'
  | 'outInterface'
  | 'nextHop'
>;

/** A packet before its first hook: the first of its connection. Written out, as thousands are made. */
export function newPacket(start: PacketStart): Packet {
  return {
    family: start.family,
    protocol: start.protocol,
    source: start.source,
    destination: start.destination,
    sourcePort: start.sourcePort,
    destinationPort: start.destinationPort,
    mark: start.mark,
    inInterface: start.inInterface,
    outInterface: start.outInterface,
    nextHop: start.nextHop,
    tracking: 'not yet',
    ctMark: 0,
    sourceDecided: false,
    destinationDecided: false,
    sourceTranslated: false,
    destinationTranslated: false,
    portRewritten: false,
    addressRewritten: false,
  };
}
