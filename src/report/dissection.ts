/** A tunnel datagram taken apart field by field, for readers who want to see the bytes. */
import type { CapturedFrame } from '../capture-file/frame.js';
import { formatAddress } from '../wire/address.js';
import { emptyFinding, judgePacket, type SegmentFinding } from '../wire/checksum-state.js';
import * as geneve from '../wire/geneve.js';
import { type IpLayer, isFragment, PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/ip.js';
import { DEFAULT_TUNNEL_PORTS, emptyPacket, type Packet, walkPacket } from '../wire/packet.js';
import * as tcp from '../wire/tcp.js';
import * as udp from '../wire/udp.js';
import * as vxlan from '../wire/vxlan.js';

export const LAYERS = [
  'link',
  'outer-ip',
  'outer-udp',
  'tunnel',
  'inner-link',
  'inner-ip',
  'inner-transport',
  'payload',
] as const;
export type LayerName = (typeof LAYERS)[number];

/** What a field is to the argument. */
export type FieldMark = 'source-port' | 'checksum' | 'pseudo-header' | 'inner-checksum';

export interface Field {
  readonly layer: LayerName;
  readonly name: string;
  /** Offsets into the frame's bytes: `[start, end)`. */
  readonly start: number;
  readonly end: number;
  /** As a reader writes it: `38337 (0x95c1)`. */
  readonly value: string;
  readonly mark: FieldMark | null;
}

export interface Dissection {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly packet: Packet;
  readonly inner: SegmentFinding;
  readonly outer: SegmentFinding;
  /** In the order of the bytes, without gaps or overlaps. */
  readonly fields: readonly Field[];
}

/** Takes a frame apart; `undefined` if it holds no tunnel's datagram, or one that is cut off. */
export function dissect(
  frame: Pick<CapturedFrame, 'linkType' | 'originalLength'> & { readonly bytes: Uint8Array },
  tunnelPort: number,
): Dissection | undefined {
  const { bytes, linkType, originalLength } = frame;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const packet = emptyPacket();
  const inner = emptyFinding();
  const outer = emptyFinding();
  const ports = new Set([...DEFAULT_TUNNEL_PORTS, tunnelPort]);
  const kind = walkPacket(view, 0, bytes.length, linkType, ports, packet, originalLength);
  if (kind !== 'tunnel' || isFragment(packet.outer) || packet.udpEnd > bytes.length) {
    return undefined;
  }
  judgePacket(view, packet, inner, outer);
  return { bytes, view, packet, inner, outer, fields: fieldsOf(view, packet, bytes.length) };
}

function fieldsOf(view: DataView, packet: Packet, length: number): Field[] {
  const known = [
    ...ipFields(view, packet.outer, 'outer-ip', 'pseudo-header'),
    ...udpFields(view, packet.udp, 'outer-udp', true),
    ...tunnelFields(view, packet),
    ...innerFields(view, packet),
  ].sort((a, b) => a.start - b.start);
  const fields: Field[] = [];
  let at = 0;
  for (const field of known) {
    if (field.start < at || field.end > length) continue;
    if (field.start > at) fields.push(gap(view, packet, at, field.start));
    fields.push(field);
    at = field.end;
  }
  if (at < length) fields.push(gap(view, packet, at, length));
  return fields;
}

/** Bytes that no field names: link headers, options, payload, padding behind the datagram. */
function gap(view: DataView, packet: Packet, start: number, end: number): Field {
  const { outer, ip, udpEnd } = packet;
  const bytes = `${end - start} bytes`;
  const plain = (layer: LayerName, name: string): Field => ({
    layer,
    name,
    start,
    end,
    value: bytes,
    mark: null,
  });
  if (start < outer.start) return plain('link', 'link-layer header');
  if (start >= udpEnd) return plain('payload', 'padding behind the datagram');
  if (start < outer.payload) return plain('outer-ip', 'options');
  if (ip.version === 0) return plain('payload', 'payload');
  if (start < ip.start) return plain('inner-link', 'inner Ethernet header');
  if (start < ip.payload) return plain('inner-ip', 'options');
  return end <= transportHeaderEnd(view, packet)
    ? plain('inner-transport', 'options')
    : plain('payload', 'payload');
}

/** Where the inner TCP or UDP header ends, as it claims; its begin where none was captured. */
export function transportHeaderEnd(view: DataView, { ip, sourcePort }: Packet): number {
  if (sourcePort < 0 || isFragment(ip)) return ip.payload;
  return ip.payload + (ip.protocol === PROTOCOL_TCP ? tcp.headerLength(view, ip.payload) : 8);
}

function ipFields(view: DataView, ip: IpLayer, layer: LayerName, mark: FieldMark | null): Field[] {
  const at = ip.start;
  const field = (name: string, start: number, end: number, value: string, own = false): Field => ({
    layer,
    name,
    start,
    end,
    value,
    mark: own ? mark : null,
  });
  const address = (from: number) => formatAddress(view, from, ip.addressLength);
  const addresses = [
    field(
      'source address',
      ip.sourceAt,
      ip.sourceAt + ip.addressLength,
      address(ip.sourceAt),
      true,
    ),
    field(
      'destination address',
      ip.destinationAt,
      ip.destinationAt + ip.addressLength,
      address(ip.destinationAt),
      true,
    ),
  ];
  if (ip.version === 6) {
    return [
      field('version, class, flow label', at, at + 4, hexOf(view, at, at + 4)),
      field('payload length', at + 4, at + 6, number(view.getUint16(at + 4))),
      field('next header', at + 6, at + 7, number(view.getUint8(at + 6))),
      field('hop limit', at + 7, at + 8, number(view.getUint8(at + 7))),
      ...addresses,
    ];
  }
  return [
    field('version, header length, TOS', at, at + 2, hexOf(view, at, at + 2)),
    field('total length', at + 2, at + 4, number(view.getUint16(at + 2))),
    field('identification, flags, offset', at + 4, at + 8, hexOf(view, at + 4, at + 8)),
    field('time to live', at + 8, at + 9, number(view.getUint8(at + 8))),
    field('protocol', at + 9, at + 10, number(view.getUint8(at + 9)), true),
    field('header checksum', at + 10, at + 12, hexOf(view, at + 10, at + 12)),
    ...addresses,
  ];
}

function udpFields(view: DataView, at: number, layer: LayerName, isOuter: boolean): Field[] {
  const field = (name: string, from: number, value: string, mark: FieldMark | null): Field => ({
    layer,
    name,
    start: at + from,
    end: at + from + 2,
    value,
    mark,
  });
  return [
    field('source port', 0, port(udp.sourcePort(view, at)), isOuter ? 'source-port' : null),
    field('destination port', 2, port(udp.destinationPort(view, at)), null),
    field('length', 4, number(udp.length(view, at)), isOuter ? 'pseudo-header' : null),
    field('checksum', 6, hexOf(view, at + 6, at + 8), isOuter ? 'checksum' : 'inner-checksum'),
  ];
}

function tunnelFields(view: DataView, { udp: at, encapsulation }: Packet): Field[] {
  const header = at + udp.HEADER_LENGTH;
  const field = (name: string, from: number, to: number, value: string): Field => ({
    layer: 'tunnel',
    name,
    start: header + from,
    end: header + to,
    value,
    mark: null,
  });
  const raw = (from: number, to: number) => hexOf(view, header + from, header + to);
  if (encapsulation === 'geneve') {
    const length = geneve.headerLength(view, header);
    return [
      field('Geneve version, options, flags', 0, 2, raw(0, 2)),
      field('protocol type', 2, 4, raw(2, 4)),
      field('VNI', 4, 7, number(geneve.vni(view, header))),
      field('reserved', 7, 8, raw(7, 8)),
      ...(length > 8 ? [field('options', 8, length, `${length - 8} bytes`)] : []),
    ];
  }
  return [
    field('VXLAN flags', 0, 4, raw(0, 4)),
    field('VNI', 4, 7, number(vxlan.vni(view, header))),
    field('reserved', 7, 8, raw(7, 8)),
  ];
}

function innerFields(view: DataView, packet: Packet): Field[] {
  const { ip } = packet;
  if (ip.version === 0) return [];
  const at = ip.payload;
  const fields = ipFields(view, ip, 'inner-ip', null);
  if (isFragment(ip) || packet.sourcePort < 0) return fields;
  if (ip.protocol === PROTOCOL_UDP && at + udp.HEADER_LENGTH <= packet.udpEnd) {
    return [...fields, ...udpFields(view, at, 'inner-transport', false)];
  }
  if (ip.protocol !== PROTOCOL_TCP || at + tcp.MIN_HEADER_LENGTH > packet.udpEnd) return fields;
  const field = (name: string, from: number, to: number, value: string): Field => ({
    layer: 'inner-transport',
    name,
    start: at + from,
    end: at + to,
    value,
    mark: name === 'checksum' ? 'inner-checksum' : null,
  });
  return [
    ...fields,
    field('source port', 0, 2, port(tcp.sourcePort(view, at))),
    field('destination port', 2, 4, port(tcp.destinationPort(view, at))),
    field('sequence number', 4, 8, number(tcp.sequence(view, at))),
    field('acknowledgment number', 8, 12, number(tcp.acknowledgment(view, at))),
    field('header length, flags', 12, 14, `${hexOf(view, at + 12, at + 14)}${flagNames(view, at)}`),
    field('window', 14, 16, number(view.getUint16(at + 14))),
    field('checksum', 16, 18, hexOf(view, at + 16, at + 18)),
    field('urgent pointer', 18, 20, number(view.getUint16(at + 18))),
  ];
}

function flagNames(view: DataView, at: number): string {
  const flags = tcp.flags(view, at);
  const names = [
    [tcp.FLAG_SYN, 'SYN'],
    [tcp.FLAG_ACK, 'ACK'],
    [tcp.FLAG_FIN, 'FIN'],
    [tcp.FLAG_RST, 'RST'],
  ] as const;
  const set = names.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  return set.length === 0 ? '' : ` (${set.join(', ')})`;
}

/** Bytes in hexadecimal, `0x` in front. */
function hexOf(view: DataView, start: number, end: number): string {
  let text = '0x';
  for (let at = start; at < end; at++) text += view.getUint8(at).toString(16).padStart(2, '0');
  return text;
}

function port(value: number): string {
  return `${value} (0x${value.toString(16).padStart(4, '0')})`;
}

const number = String;
