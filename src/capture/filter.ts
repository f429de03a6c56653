/**
 * What a capture lets in, described as data. The ring engine compiles it to a program for the kernel
 * (bpf-filter.ts), the engines on libpcap get it as text (pcap-filter.ts); both mean the same frames.
 */
import { StalesumError } from '../errors.js';
import { addressWords } from '../wire/address.js';

export type CaptureFilter =
  | { readonly kind: 'all' }
  | HostFilter
  | TunnelFilter
  | ChecksummedFilter;

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

/**
 * Datagrams to the ports of tunnels whose outer checksum is in use, over IPv4 (with options or without)
 * or IPv6, behind up to two VLAN tags. Of a datagram in fragments the first is let in, since only that
 * one shows its ports; of IPv6 extension headers only that of fragments is followed.
 */
export interface ChecksummedFilter {
  readonly kind: 'checksummed';
  /** UDP destination ports of tunnels, 1 to 100 of them. */
  readonly ports: readonly number[];
  /** Lets in a random part only. Engines on libpcap cannot. */
  readonly sample?: Sample;
}

/** One in so many of each kind, 1 being all of them. */
export interface Sample {
  /** What the bug shows on: inner TCP SYNs, and outer checksums of 0xffff. */
  readonly first: number;
  readonly other: number;
}

/** No smaller part than this can be asked for. */
export const SPARSEST_SAMPLE = 1 << 20;

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
export function assertPorts(ports: readonly number[]): void {
  for (const number of ports) {
    if (!Number.isInteger(number) || number < 1 || number > 0xffff) {
      throw new StalesumError('usage', `${number} is not a port; ports are 1 to 65535`);
    }
  }
}

/** The ports that a filter of one tunnel names. */
export function portsOf({ port, inner }: TunnelFilter): readonly number[] {
  return [port, inner?.port ?? port];
}
