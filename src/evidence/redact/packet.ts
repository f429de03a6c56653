/**
 * Redacts one frame: addresses replaced on every layer that is understood, headers kept, payload left out,
 * and every checksum made to say what it said.
 */

import { checksumOffset } from '../../wire/checksum-state.js';
import { ETHERTYPE_ETHERNET } from '../../wire/ethernet.js';
import * as geneve from '../../wire/geneve.js';
import { type IpLayer, PROTOCOL_TCP, PROTOCOL_UDP } from '../../wire/ip.js';
import { LINKTYPE_RAW } from '../../wire/link-layer.js';
import { emptyPacket, innerCapturedEnd, type Packet, walkPacket } from '../../wire/packet.js';
import * as tcp from '../../wire/tcp.js';
import * as udp from '../../wire/udp.js';
import * as vxlan from '../../wire/vxlan.js';
import type { AddressMap } from './address-map.js';
import {
  carryHeaderChecksum,
  carryOuterChecksum,
  carryTransportChecksum,
  type PortRewrite,
} from './checksums.js';
import {
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_IGMP,
  redactControlMessage,
} from './control-messages.js';
import { redactExtensionHeaders } from './extension-headers.js';
import { fragmentKey } from './fragment-key.js';
import { redactEthernet, redactLink } from './link.js';
import { Rewriting } from './rewriting.js';

export interface FrameRedaction {
  readonly addresses: AddressMap;
  /** UDP destination ports that are tunnels'. */
  readonly tunnelPorts: ReadonlySet<number>;
  /** A keyed hash of 4 bytes or more: of two payloads it tells whether they are the same. */
  readonly hashPayload: (payload: Uint8Array) => Uint8Array;
  /** What is known of datagrams that left from an outer address and source port. */
  readonly portRewrite: (source: Uint8Array, sourcePort: number) => PortRewrite | undefined;
  /** The checksum of a packet whose fragments were put together (`fragmentKey`). */
  readonly fragmentChecksum?: (key: string) => number | undefined;
}

export interface RedactedFrame {
  readonly bytes: Uint8Array;
  /** False where the frame, or what it carries, is of a kind that is not decoded, and came out as zeros. */
  readonly understood: boolean;
}

/** Packets quoted by messages that are quoted by messages: no further. */
const DEEPEST = 3;

/** Redacts a frame of which `bytes` were captured. The bytes stay as they are. */
export function redactFrame(
  bytes: Uint8Array,
  linkType: number,
  originalLength: number,
  redaction: FrameRedaction,
): RedactedFrame {
  const rewriting = new Rewriting(bytes, redaction.addresses);
  const link = redactLink(rewriting, linkType);
  const limit = Math.max(bytes.length, originalLength);
  const understood =
    link.ip < 0 ? link.understood : redactIp(rewriting, link.ip, bytes.length, limit, redaction);
  return { bytes: rewriting.copy, understood };
}

/**
 * Redacts the IP packet at `start`, captured up to `end`; false where its header cannot be read.
 *
 * @param limit end of what is around the packet, captured or not
 */
export function redactIp(
  rewriting: Rewriting,
  start: number,
  end: number,
  limit: number,
  redaction: FrameRedaction,
  depth = 0,
): boolean {
  const { from } = rewriting;
  const packet = emptyPacket();
  const { tunnelPorts } = redaction;
  if (start >= end || depth > DEEPEST) return false;
  if (walkPacket(from, start, end, LINKTYPE_RAW, tunnelPorts, packet, limit - start) === 'none') {
    return false;
  }
  const inside: Inside = { rewriting, redaction, depth };
  if (packet.kind === 'tunnel') return redactTunnel(inside, packet);
  redactIpHeader(rewriting, packet.ip);
  const understood = redactTransport(inside, packet.ip, end);
  carryTransportChecksum(rewriting, packet.ip, end);
  return understood;
}

interface Inside {
  readonly rewriting: Rewriting;
  readonly redaction: FrameRedaction;
  readonly depth: number;
}

function redactTunnel(inside: Inside, packet: Packet): boolean {
  const { rewriting, redaction } = inside;
  const { outer, udp: at, ip } = packet;
  const header = at + udp.HEADER_LENGTH;
  const end = innerCapturedEnd(packet);
  redactIpHeader(rewriting, outer);
  rewriting.keep(at, header);
  const { frame, type } = redactTunnelHeader(rewriting, packet, header);
  const link = type === ETHERTYPE_ETHERNET ? redactEthernet(rewriting, frame, end) : undefined;
  let understood = link?.understood ?? ip.version !== 0;
  if (ip.version !== 0) {
    redactIpHeader(rewriting, ip);
    understood = redactTransport(inside, ip, end);
  }
  const inner = carryTransportChecksum(rewriting, ip, end);
  if (ip.version !== 0 && ip.moreFragments) carryFragmentChecksum(inside, ip, end);
  const source = rewriting.original.slice(outer.sourceAt, outer.sourceAt + outer.addressLength);
  const port = udp.sourcePort(rewriting.from, at);
  carryOuterChecksum(rewriting, packet, inner, redaction.portRewrite(source, port));
  return understood;
}

/** Of the first fragment inside a tunnel, where the others are known too. */
function carryFragmentChecksum({ rewriting, redaction }: Inside, ip: IpLayer, end: number): void {
  const at = checksumOffset(ip);
  const isThere = ip.fragmentOffset === 0 && at + 2 <= Math.min(end, ip.end);
  if (!isThere || (ip.protocol !== PROTOCOL_TCP && ip.protocol !== PROTOCOL_UDP)) return;
  const key = fragmentKey(rewriting.original, ip, rewriting.from.getUint16(at));
  const checksum = redaction.fragmentChecksum?.(key);
  if (checksum !== undefined) rewriting.to.setUint16(at, checksum);
}

/** Keeps the tunnel's header; the data of Geneve's options is the tunnel's owner's. */
function redactTunnelHeader(
  rewriting: Rewriting,
  { encapsulation }: Packet,
  header: number,
): { frame: number; type: number } {
  const { from } = rewriting;
  if (encapsulation === 'vxlan') {
    const frame = header + vxlan.HEADER_LENGTH;
    rewriting.keep(header, frame);
    return { frame, type: vxlan.payloadType(from, header) };
  }
  const frame = header + geneve.headerLength(from, header);
  rewriting.keep(header, header + geneve.FIXED_HEADER_LENGTH);
  for (
    let option = header + geneve.FIXED_HEADER_LENGTH;
    option + 4 <= Math.min(frame, rewriting.length);
  ) {
    rewriting.keep(option, option + 4);
    option += 4 + (from.getUint8(option + 3) & 0x1f) * 4;
  }
  return { frame, type: geneve.payloadType(from, header) };
}

const IPV4_SOURCE_AT = 12;
const IPV6_SOURCE_AT = 8;
const IPV6_HEADER_LENGTH = 40;

/** IPv4 options record routes and times: they are left out, as zeros (end of options). */
function redactIpHeader(rewriting: Rewriting, layer: IpLayer): void {
  const { start, version } = layer;
  if (version === 4) {
    rewriting.keep(start, start + IPV4_SOURCE_AT);
    rewriting.ip(start + IPV4_SOURCE_AT, 4);
    rewriting.ip(start + IPV4_SOURCE_AT + 4, 4);
    carryHeaderChecksum(rewriting, layer);
    return;
  }
  rewriting.keep(start, start + IPV6_SOURCE_AT);
  rewriting.ip(start + IPV6_SOURCE_AT, 16);
  rewriting.ip(start + IPV6_SOURCE_AT + 16, 16);
  redactExtensionHeaders(rewriting, start + IPV6_HEADER_LENGTH, layer);
}

/** Keeps the transport header and leaves out what is behind it; false for a protocol that is not known. */
function redactTransport(inside: Inside, ip: IpLayer, capturedEnd: number): boolean {
  const { rewriting, redaction, depth } = inside;
  const at = ip.payload;
  const stop = Math.min(capturedEnd, ip.end);
  // A later fragment begins with payload.
  if (ip.fragmentOffset !== 0) return true;
  switch (ip.protocol) {
    case PROTOCOL_TCP:
      redactTcp(rewriting, at, stop);
      return true;
    case PROTOCOL_UDP:
      rewriting.keep(at, Math.min(at + udp.HEADER_LENGTH, stop));
      markPayload(inside, at + udp.HEADER_LENGTH, stop);
      return true;
    case PROTOCOL_ICMP:
    case PROTOCOL_IGMP:
    case PROTOCOL_ICMPV6:
      redactControlMessage(rewriting, ip, stop, (quoted, end) =>
        redactIp(rewriting, quoted, end, end, redaction, depth + 1),
      );
      return true;
    default:
      return false;
  }
}

/** As far as the analysis looks to know a packet again on its way (`fingerprint`). */
const FINGERPRINTED = 60;
const MARK_LENGTH = 4;

/**
 * Two datagrams of one socket may differ in nothing but what they say, so four bytes of a keyed hash stand
 * for it. (A TCP segment has its sequence number.)
 */
function markPayload({ rewriting, redaction }: Inside, at: number, stop: number): void {
  const { from, original, copy } = rewriting;
  if (at + MARK_LENGTH > stop) return;
  if (redaction.tunnelPorts.has(udp.destinationPort(from, at - udp.HEADER_LENGTH))) return;
  const end = Math.min(stop, at - udp.HEADER_LENGTH + FINGERPRINTED);
  const mark = redaction.hashPayload(original.subarray(at, end)).subarray(0, MARK_LENGTH);
  copy.set(mark, at);
  // No tunnel's header begins so.
  copy[at]! |= 0x80;
}

/** Options that are numbers: end, no-op, MSS, window scale, SACK permitted, SACK, timestamps. */
const KEPT_TCP_OPTIONS: ReadonlySet<number> = new Set([0, 1, 2, 3, 4, 5, 8]);

function redactTcp(rewriting: Rewriting, at: number, stop: number): void {
  const { from } = rewriting;
  rewriting.keep(at, Math.min(at + tcp.MIN_HEADER_LENGTH, stop));
  if (at + tcp.MIN_HEADER_LENGTH > stop) return;
  const end = Math.min(at + tcp.headerLength(from, at), stop);
  for (let option = at + tcp.MIN_HEADER_LENGTH; option < end; ) {
    const kind = from.getUint8(option);
    if (kind === 0) return;
    const length = kind === 1 ? 1 : option + 1 < end ? from.getUint8(option + 1) : 0;
    if (length === 0 || (kind !== 1 && length < 2)) return;
    const kept = KEPT_TCP_OPTIONS.has(kind) ? length : 2;
    rewriting.keep(option, Math.min(option + kept, end));
    option += length;
  }
}
