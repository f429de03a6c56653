/**
 * Address translation as conntrack does it for the first packet of a connection
 * (net/netfilter/nf_nat_core.c, get_unique_tuple()).
 */
import type { Network } from '../snapshot/network.js';
import type { Endpoints, PortRange } from './model.js';
import type { Packet } from './packet.js';
import { selectAddress } from './routing.js';

/** What NAT draws from when nothing else is said (nf_nat_l4proto_unique_tuple()). */
const DRAWN_PORTS: PortRange = { low: 1024, high: 65535 };

export type PortFate = 'kept' | 'rewritten' | 'depends';

/**
 * What becomes of the source port. With `--random` and `--random-fully` alike it is drawn anew
 * (NF_NAT_RANGE_PROTO_RANDOM_ALL). Without them it stays if it is in the range given, or if there is
 * none; only a clash with another connection would change it.
 */
export function portFate(port: PortRange, ports: PortRange | null, random: boolean): PortFate {
  const only = ports && ports.low === ports.high ? ports.low : undefined;
  if (only !== undefined && port.low === only && port.high === only) return 'kept';
  if (random) return 'rewritten';
  if (!ports || (ports.low <= port.low && port.high <= ports.high)) return 'kept';
  return port.high < ports.low || ports.high < port.low ? 'rewritten' : 'depends';
}

/** The address that MASQUERADE gives; `undefined` if the device has none, and the packet is dropped. */
export function masqueradeAddress(packet: Packet, network: Network): string | undefined {
  return selectAddress(network, packet.outInterface, packet.nextHop);
}

/** Gives the packet a source, and says what that did. */
export function translateSource(
  packet: Packet,
  address: string,
  ports: PortRange | null,
  rewritten: boolean,
): string {
  const before = packet.source;
  packet.sourceDecided = true;
  packet.source = address;
  packet.addressRewritten ||= address !== before;
  if (rewritten) {
    packet.sourcePort = ports ?? DRAWN_PORTS;
    packet.portRewritten = true;
  }
  packet.sourceTranslated ||= rewritten || address !== before;
  const kept = address === before ? `source stays ${address}` : `source ${before} -> ${address}`;
  return `${kept}, port ${rewritten ? 'drawn anew' : 'kept'}`;
}

/** Gives the packet a destination, and says what that did. */
export function translateDestination(packet: Packet, { addresses, ports }: Endpoints): string {
  const before = `${packet.destination}:${packet.destinationPort}`;
  packet.destinationDecided = true;
  packet.destination = addresses?.[0] ?? packet.destination;
  if (ports) packet.destinationPort = ports.low;
  const after = `${packet.destination}:${packet.destinationPort}`;
  packet.destinationTranslated ||= after !== before;
  return `destination ${before} -> ${after}`;
}
