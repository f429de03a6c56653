/**
 * What a capture lets in, described as data. The ring engine compiles it to a program for the kernel
 * (bpf-filter.ts), the engines on libpcap get it as text (pcap-filter.ts); both mean the same frames.
 */
import { StalesumError } from '../errors.js';
import { addressWords } from '../wire/address.js';

export type CaptureFilter = { readonly kind: 'all' } | HostFilter | TunnelFilter;

/** IP packets from or to any of some addresses, untagged or behind one VLAN tag. */
export interface HostFilter {
  readonly kind: 'hosts';
  /** IPv4 and IPv6. */
  readonly addresses: readonly string[];
}

/**
 * Datagrams of a VXLAN, over IPv4 or IPv6, untagged or behind one VLAN tag. Fragments without a UDP
 * header are let in, since nothing in them says whose they are: of IPv4 the later fragments of any
 * UDP datagram, of IPv6 everything behind a fragment header. Other IPv6 extension headers are not
 * followed.
 */
export interface TunnelFilter {
  readonly kind: 'tunnel';
  /** The UDP port of the tunnel, as source or as destination. */
  readonly port: number;
  /** Leaves out datagrams whose outer checksum is zero, so that they cost nothing. */
  readonly onlyNonZeroChecksum?: boolean;
  readonly inner?: InnerFilter;
}

/**
 * What the encapsulated packet must be, behind a VXLAN header of 8 bytes and an Ethernet header. With a
 * port it is TCP or UDP, or a fragment that does not show its ports.
 */
export interface InnerFilter {
  /** IPv4 or IPv6, as source or as destination. */
  readonly address?: string;
  /** As source or as destination. */
  readonly port?: number;
}

/** Everything that passes the interface. */
export const EVERYTHING: CaptureFilter = { kind: 'all' };

/** The inner address; none if any will do. @throws StalesumError `usage` if it is none */
export function innerAddressWords({ inner }: TunnelFilter): readonly number[] {
  return inner?.address === undefined ? [] : filterWords(inner.address);
}

/**
 * An address as a filter compares it: 32-bit words in network order, one of IPv4, four of IPv6.
 *
 * @throws StalesumError `usage` if it is none
 */
export function filterWords(address: string): readonly number[] {
  const halves = addressWords(address);
  if (!halves) throw new StalesumError('usage', `"${address}" is not an IP address`);
  return Array.from(
    { length: halves.length / 2 },
    (_, word) => (halves[2 * word]! * 0x10000 + halves[2 * word + 1]!) >>> 0,
  );
}

/** @throws StalesumError `usage` for a port that none is. */
export function assertPorts({ port, inner }: TunnelFilter): void {
  for (const number of [port, inner?.port ?? port]) {
    if (!Number.isInteger(number) || number < 1 || number > 0xffff) {
      throw new StalesumError('usage', `${number} is not a port; ports are 1 to 65535`);
    }
  }
}
