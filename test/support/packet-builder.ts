/**
 * Packets for tests, built as plain arrays of bytes, one layer around the other. Slow and obvious on
 * purpose, and independent of src/wire: its checksum adds one word after the other and carries at
 * once, which is the definition and not an optimisation of it.
 */
import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

export type Bytes = readonly number[];

export const u16 = (value: number): number[] => [(value >>> 8) & 0xff, value & 0xff];
export const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];

/** A list of bytes written in hexadecimal, spaces between them as one likes. */
export function hex(text: string): number[] {
  return (text.replace(/\s/g, '').match(/../g) ?? []).map(digits => Number.parseInt(digits, 16));
}

/** One's-complement sum of 16-bit words; an odd last byte is followed by a zero (RFC 1071). */
export function naiveSum(bytes: Bytes): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += (bytes[i] ?? 0) * 256 + (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum = sum - 0x10000 + 1;
  }
  return sum;
}

export function naiveChecksum(bytes: Bytes): number {
  return 0xffff - naiveSum(bytes);
}

export function addressBytes(text: string): number[] {
  return ipaddr.parse(text).toByteArray();
}

export const TCP = 6;
export const UDP = 17;

/** RFC 768 and RFC 9293 for IPv4, RFC 8200 section 8.1 for IPv6. */
export function pseudoHeader(
  source: string,
  destination: string,
  protocol: number,
  length: number,
): number[] {
  const addresses = [...addressBytes(source), ...addressBytes(destination)];
  return isIPv6(source)
    ? [...addresses, ...u32(length), 0, 0, 0, protocol]
    : [...addresses, 0, protocol, ...u16(length)];
}

/**
 * What stands in a transport checksum: `right`; `zero` (UDP: not in use); `partial`, the sum of the
 * pseudo-header as offload leaves it; or any number.
 */
export type ChecksumChoice = 'right' | 'zero' | 'partial' | number;

function chosenChecksum(
  choice: ChecksumChoice,
  pseudo: Bytes,
  withZero: Bytes,
  protocol: number,
): number {
  if (typeof choice === 'number') return choice;
  if (choice === 'zero') return 0;
  if (choice === 'partial') return naiveSum(pseudo);
  const right = naiveChecksum([...pseudo, ...withZero]);
  return protocol === UDP && right === 0 ? 0xffff : right;
}

export interface UdpFields {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload?: Bytes;
  readonly checksum?: ChecksumChoice;
  /** Instead of the true one. */
  readonly length?: number;
}

export function udp(fields: UdpFields): number[] {
  const { source, destination, payload = [], checksum = 'right' } = fields;
  const length = fields.length ?? 8 + payload.length;
  const head = [...u16(fields.sourcePort), ...u16(fields.destinationPort), ...u16(length)];
  const pseudo = pseudoHeader(source, destination, UDP, length);
  // The checksum covers as many bytes as the length says.
  const covered = [...head, 0, 0, ...payload].slice(0, Math.max(length, 8));
  return [...head, ...u16(chosenChecksum(checksum, pseudo, covered, UDP)), ...payload];
}

export const FLAGS = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

export interface TcpFields {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence?: number;
  readonly acknowledgment?: number;
  readonly flags?: number;
  /** Padded with zeros to a multiple of 4 bytes. */
  readonly options?: Bytes;
  readonly payload?: Bytes;
  readonly checksum?: ChecksumChoice;
  /** Header length field in 4-byte words, instead of the true one. */
  readonly dataOffset?: number;
}

export function tcp(fields: TcpFields): number[] {
  const { source, destination, payload = [], checksum = 'right' } = fields;
  const options = [...(fields.options ?? [])];
  while (options.length % 4 !== 0) options.push(0);
  const words = fields.dataOffset ?? 5 + options.length / 4;
  const head = [
    ...u16(fields.sourcePort),
    ...u16(fields.destinationPort),
    ...u32(fields.sequence ?? 1),
    ...u32(fields.acknowledgment ?? 0),
    words << 4,
    fields.flags ?? FLAGS.syn,
    ...u16(64240),
  ];
  const tail = [0, 0, ...options, ...payload];
  const length = head.length + 2 + tail.length;
  const pseudo = pseudoHeader(source, destination, TCP, length);
  const withZero = [...head, 0, 0, ...tail];
  return [...head, ...u16(chosenChecksum(checksum, pseudo, withZero, TCP)), ...tail];
}

/** The timestamps option as Linux writes it, two NOPs in front. */
export function timestamps(value: number, echo: number): number[] {
  return [1, 1, 8, 10, ...u32(value), ...u32(echo)];
}

export interface Ipv4Fields {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly payload: Bytes;
  readonly options?: Bytes;
  readonly identification?: number;
  readonly ttl?: number;
  /** In bytes. */
  readonly fragmentOffset?: number;
  readonly moreFragments?: boolean;
  /** Instead of the true ones. */
  readonly totalLength?: number;
  readonly headerWords?: number;
}

export function ipv4(fields: Ipv4Fields): number[] {
  const options = fields.options ?? [];
  const words = fields.headerWords ?? 5 + options.length / 4;
  const total = fields.totalLength ?? 20 + options.length + fields.payload.length;
  const fragment = (fields.moreFragments ? 0x2000 : 0) | ((fields.fragmentOffset ?? 0) / 8);
  const before = [
    0x40 | words,
    0,
    ...u16(total),
    ...u16(fields.identification ?? 0x1234),
    ...u16(fragment),
    fields.ttl ?? 64,
    fields.protocol,
  ];
  const after = [...addressBytes(fields.source), ...addressBytes(fields.destination), ...options];
  const checksum = naiveChecksum([...before, 0, 0, ...after]);
  return [...before, ...u16(checksum), ...after, ...fields.payload];
}

export interface Ipv6Fields {
  readonly source: string;
  readonly destination: string;
  /** Protocol of the payload, or of the first extension header that the payload begins with. */
  readonly protocol: number;
  readonly payload: Bytes;
  readonly payloadLength?: number;
}

export function ipv6(fields: Ipv6Fields): number[] {
  return [
    0x60,
    0,
    0,
    0,
    ...u16(fields.payloadLength ?? fields.payload.length),
    fields.protocol,
    64,
    ...addressBytes(fields.source),
    ...addressBytes(fields.destination),
    ...fields.payload,
  ];
}

/** An IP packet of the family that its addresses have. */
export function ip(fields: {
  source: string;
  destination: string;
  protocol: number;
  payload: Bytes;
  ttl?: number;
  identification?: number;
}): number[] {
  return isIPv6(fields.source) ? ipv6(fields) : ipv4(fields);
}

export interface EthernetFields {
  readonly payload: Bytes;
  readonly ethertype?: number;
  /** VLAN tags, outermost first: ethertype of the tag, and its 16 bits. */
  readonly tags?: readonly (readonly [tpid: number, tag: number])[];
}

export function ethernet(fields: EthernetFields): number[] {
  const isV6 = ((fields.payload[0] ?? 0) & 0xf0) === 0x60;
  return [
    ...hex('02 bb 00 00 00 01'),
    ...hex('02 aa 00 00 00 01'),
    ...(fields.tags ?? []).flatMap(([tpid, tag]) => [...u16(tpid), ...u16(tag)]),
    ...u16(fields.ethertype ?? (isV6 ? 0x86dd : 0x0800)),
    ...fields.payload,
  ];
}

export interface TunnelFields {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort?: number;
  readonly vni?: number;
  readonly checksum?: ChecksumChoice;
  /** The Ethernet frame inside. */
  readonly frame: Bytes;
}

/** A VXLAN datagram (RFC 7348), from its UDP header on. */
export function vxlanDatagram(fields: TunnelFields): number[] {
  return udp({
    source: fields.source,
    destination: fields.destination,
    sourcePort: fields.sourcePort,
    destinationPort: fields.destinationPort ?? 8472,
    checksum: fields.checksum ?? 'right',
    payload: [8, 0, 0, 0, ...u32((fields.vni ?? 1) << 8), ...fields.frame],
  });
}

/** A VXLAN datagram as an Ethernet frame on the underlay. */
export function tunnelFrame(fields: TunnelFields): number[] {
  return ethernet({
    payload: ip({ ...fields, protocol: UDP, payload: vxlanDatagram(fields) }),
  });
}

/** A copy with some bytes replaced. */
export function patched(bytes: Bytes, at: number, replacement: Bytes): number[] {
  const copy = [...bytes];
  copy.splice(at, replacement.length, ...replacement);
  return copy;
}
