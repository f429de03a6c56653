/**
 * Takes what applications say out of a packet, and leaves everything else: evidence of a checksum needs
 * no payload.
 *
 * Payload becomes zeros, but for its first 16-bit word, which becomes the one's-complement sum of it all
 * (RFC 1071: a sum does not depend on the order of its words). So lengths stay, and every checksum that
 * covers the payload is exactly as right or wrong as it was, by the same difference: the inner one, the
 * outer one, and those of datagrams that are put together from fragments. What 16 bits tell of a payload
 * stays known; one of a single byte or of two stays as it is.
 */
import { fold, sumWords } from './checksum.js';
import {
  behindTags,
  HEADER_LENGTH as ETHERNET_HEADER_LENGTH,
  ETHERTYPE_ARP,
  ETHERTYPE_ETHERNET,
} from './ethernet.js';
import * as geneve from './geneve.js';
import { emptyIpLayer, type IpLayer, isCutLength, PROTOCOL_TCP, PROTOCOL_UDP } from './ip.js';
import { readIpv4 } from './ipv4.js';
import { readIpv6 } from './ipv6.js';
import { ethertypeAt, networkOffset } from './link-layer.js';
import { innerCapturedEnd, type Packet, walkPacket } from './packet.js';
import * as tcp from './tcp.js';
import * as udp from './udp.js';
import * as vxlan from './vxlan.js';

const PROTOCOL_ICMP = 1;
const PROTOCOL_ICMPV6 = 58;
const ICMP_HEADER_LENGTH = 8;
/** Messages that hold the beginning of the packet that they are about (RFC 792, RFC 4443). */
const ICMP_ERRORS: ReadonlySet<number> = new Set([3, 4, 5, 11, 12]);
const ICMPV6_ERRORS: ReadonlySet<number> = new Set([1, 2, 3, 4]);
/** Multicast listeners and neighbour discovery: no application speaks in them (RFC 2710, 4861, 3810). */
const ICMPV6_CONTROL: ReadonlySet<number> = new Set([130, 131, 132, 133, 134, 135, 136, 137, 143]);

const ARP_LENGTH = 28;

/**
 * Blanks the payload of the frame `[start, end)` in place.
 *
 * A frame that holds no IP packet and no ARP is not understood, and ends behind its link header.
 *
 * @param bytes the buffer, and `view` over exactly the same bytes
 * @param linkType LINKTYPE_* of the frame
 * @param originalLength of the frame on the wire
 * @param tunnelPorts UDP destination ports taken for tunnels; there the payload is that of the packet
 *   inside
 * @param packet filled again for every frame
 * @returns where the frame ends now: `end`, or before it if the rest is to be left out
 */
export function blankPayload(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  linkType: number,
  originalLength: number,
  tunnelPorts: ReadonlySet<number>,
  packet: Packet,
): number {
  const kind = walkPacket(view, start, end, linkType, tunnelPorts, packet, originalLength);
  if (kind === 'none') return behindLinkHeader(bytes, view, start, end, linkType);
  const outermost = kind === 'tunnel' ? packet.outer : packet.ip;
  if (kind === 'tunnel') blankTunnel(bytes, view, packet);
  else blankIp(bytes, view, packet.ip, end);
  // Padding of a short frame; whatever stands there, no checksum covers it.
  if (outermost.end < end) bytes.fill(0, outermost.end, end);
  return end;
}

function blankTunnel(bytes: Uint8Array, view: DataView, packet: Packet): void {
  const { ip, outer, udp: at, udpEnd, capturedEnd } = packet;
  const end = innerCapturedEnd(packet);
  if (ip.version !== 0) {
    blankIp(bytes, view, ip, end);
    // Padding of the inner frame: only the outer checksum covers it.
    if (ip.end < end) blankRange(bytes, view, ip.end, end, at);
  } else blankRange(bytes, view, behindInnerHeaders(view, packet, end), end, at);
  const datagramsEnd = Math.min(outer.end, capturedEnd);
  if (udpEnd < datagramsEnd) bytes.fill(0, udpEnd, datagramsEnd);
}

/** Behind the link header, or the ARP packet, of what is in a tunnel and no IP packet. */
function behindInnerHeaders(view: DataView, packet: Packet, end: number): number {
  const header = packet.udp + udp.HEADER_LENGTH;
  const isGeneve = packet.encapsulation === 'geneve';
  const inner = header + (isGeneve ? geneve.headerLength(view, header) : vxlan.HEADER_LENGTH);
  const type = isGeneve ? geneve.payloadType(view, header) : vxlan.payloadType(view, header);
  if (type !== ETHERTYPE_ETHERNET) return Math.min(inner, end);
  const ethertype = behindTags(view, inner + ETHERNET_HEADER_LENGTH - 2, end);
  return ethertype < 0 ? end : behindEthertype(view, ethertype, end);
}

function behindEthertype(view: DataView, ethertype: number, end: number): number {
  const isArp = view.getUint16(ethertype) === ETHERTYPE_ARP;
  return Math.min(ethertype + 2 + (isArp ? ARP_LENGTH : 0), end);
}

/** Where a frame ends of which only the link header, or an ARP packet, is understood. */
function behindLinkHeader(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  linkType: number,
): number {
  // The IP header is not whole, or contradicts itself.
  const network = networkOffset(view, start, end, linkType);
  if (network >= 0) return network;
  const ethertype = ethertypeAt(view, start, end, linkType);
  if (ethertype < 0) return start;
  const behind = behindEthertype(view, ethertype, end);
  if (view.getUint16(ethertype) !== ETHERTYPE_ARP) return behind;
  bytes.fill(0, behind, end);
  return end;
}

/** Blanks what an IP packet carries, whose captured bytes end at `capturedEnd`. */
function blankIp(bytes: Uint8Array, view: DataView, ip: IpLayer, capturedEnd: number): void {
  const end = Math.min(ip.end, capturedEnd);
  const { payload, protocol } = ip;
  if (ip.fragmentOffset !== 0) {
    // Behind a later fragment's header stands payload, whatever the protocol.
    blankRange(bytes, view, payload, end, payload);
  } else if (protocol === PROTOCOL_TCP) {
    if (payload + tcp.MIN_HEADER_LENGTH > end) return;
    const header = Math.max(tcp.headerLength(view, payload), tcp.MIN_HEADER_LENGTH);
    blankRange(bytes, view, payload + header, end, payload);
  } else if (protocol === PROTOCOL_UDP) {
    if (payload + udp.HEADER_LENGTH > end) return;
    const datagramEnd = Math.min(end, udpEnd(view, ip));
    blankRange(bytes, view, payload + udp.HEADER_LENGTH, datagramEnd, payload);
    // Behind the datagram, its own checksum does not reach, and an outer one does.
    blankRange(bytes, view, datagramEnd, end, payload);
  } else if (protocol === PROTOCOL_ICMP) blankIcmp(bytes, view, ip, end, ICMP_ERRORS);
  else if (protocol === PROTOCOL_ICMPV6) {
    const isControl = payload < end && ICMPV6_CONTROL.has(view.getUint8(payload));
    if (!isControl) blankIcmp(bytes, view, ip, end, ICMPV6_ERRORS);
  } else blankRange(bytes, view, payload, end, payload);
}

/** Where a datagram ends as its length says, where that can be. */
function udpEnd(view: DataView, ip: IpLayer): number {
  const length = udp.length(view, ip.payload);
  const isUsable =
    length >= udp.HEADER_LENGTH && !isCutLength(length, ip.end - ip.payload) && !ip.moreFragments;
  return isUsable ? ip.payload + length : ip.end;
}

/** An echo's data; of an error, the payload of the packet within. */
function blankIcmp(
  bytes: Uint8Array,
  view: DataView,
  ip: IpLayer,
  end: number,
  errors: ReadonlySet<number>,
): void {
  const inside = ip.payload + ICMP_HEADER_LENGTH;
  if (inside >= end) return;
  const about = emptyIpLayer();
  const isAbout =
    errors.has(view.getUint8(ip.payload)) &&
    (view.getUint8(inside) >>> 4 === 4
      ? readIpv4(view, inside, end, about)
      : readIpv6(view, inside, end, about));
  // One error is not about another (RFC 1122 section 3.2.2), so this ends.
  const isError = about.protocol === PROTOCOL_ICMP || about.protocol === PROTOCOL_ICMPV6;
  if (!isAbout || isError) blankRange(bytes, view, inside, end, ip.payload);
  else {
    blankIp(bytes, view, about, end);
    if (about.end < end) blankRange(bytes, view, about.end, end, ip.payload);
  }
}

/**
 * Zeros with the same sum as the bytes of `[from, to)` had, counted in words from `base` (RFC 1071). Where
 * there is no whole word to keep it in, the bytes stay.
 */
function blankRange(
  bytes: Uint8Array,
  view: DataView,
  from: number,
  to: number,
  base: number,
): void {
  const word = from + ((from - base) & 1);
  if (word + 2 > to) return;
  const sum = fold(sumWords(view, word, to) + (word > from ? view.getUint8(from) : 0));
  bytes.fill(0, from, to);
  view.setUint16(word, sum);
}
