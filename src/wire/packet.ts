/**
 * The walk through one frame's headers, outside in: link layer, IP, and where it is a tunnel's
 * datagram UDP, VXLAN or Geneve, and the packet inside. Lengths are checked here, once: behind a walk
 * that succeeded, every offset it names can be read.
 */
import {
  HEADER_LENGTH as ETHERNET_HEADER_LENGTH,
  ETHERTYPE_ETHERNET,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ethertypeOffset,
} from './ethernet.js';
import * as geneve from './geneve.js';
import { emptyIpLayer, type IpLayer, isCutLength, PROTOCOL_TCP, PROTOCOL_UDP } from './ip.js';
import { readIpv4 } from './ipv4.js';
import { readIpv6 } from './ipv6.js';
import { networkOffset } from './link-layer.js';
import * as udp from './udp.js';
import * as vxlan from './vxlan.js';

/** Offsets of one packet's layers. One object, filled again for every frame. */
export interface Packet {
  kind: PacketKind;
  /** The connection's own packet: what a tunnel carries, or the frame's only IP packet. */
  ip: IpLayer;
  /**
   * Ports of `ip`'s transport header; -1 where there is none. Where a TCP port is given, the header
   * was captured through its flags (14 bytes); what stands behind may have been cut off.
   */
  sourcePort: number;
  destinationPort: number;
  /** The tunnel's IP packet; version 0 where the frame is not encapsulated. */
  outer: IpLayer;
  encapsulation: Encapsulation;
  /** Offset of the tunnel's UDP header, and of the datagram's end as its length field claims. */
  udp: number;
  udpEnd: number;
  vni: number;
  /** Where the captured bytes end. */
  capturedEnd: number;
}

/**
 * - `none`: no IP packet, or one that is cut off before its header ends
 * - `plain`: an IP packet without encapsulation
 * - `tunnel`: a tunnel's datagram; `ip.version` is 0 if it carries no IP packet (ARP, say), or if the
 *   capture was cut before that packet's header ends
 */
export type PacketKind = 'none' | 'plain' | 'tunnel';

export type Encapsulation = 'none' | 'vxlan' | 'geneve';

/** A packet to be filled by `walkPacket`. */
export function emptyPacket(): Packet {
  return {
    kind: 'none',
    ip: emptyIpLayer(),
    sourcePort: -1,
    destinationPort: -1,
    outer: emptyIpLayer(),
    encapsulation: 'none',
    udp: -1,
    udpEnd: -1,
    vni: -1,
    capturedEnd: 0,
  };
}

/** The ports on which tunnels are expected unless the caller knows others. */
export const DEFAULT_TUNNEL_PORTS: ReadonlySet<number> = new Set([
  vxlan.IANA_PORT,
  vxlan.LINUX_PORT,
  geneve.IANA_PORT,
]);

/** Bytes of a transport header without which its ports are not given: TCP's end with its flags. */
const TCP_HEADER_NEEDED = 14;
const UDP_HEADER_NEEDED = 4;

/**
 * Walks the frame `[start, end)` and fills `packet`; returns its kind.
 *
 * @param linkType LINKTYPE_* of the frame
 * @param tunnelPorts UDP destination ports taken for tunnels; the header tells VXLAN from Geneve
 * @param originalLength of the frame on the wire, where it was captured in part
 */
export function walkPacket(
  view: DataView,
  start: number,
  end: number,
  linkType: number,
  tunnelPorts: ReadonlySet<number>,
  packet: Packet,
  originalLength = end - start,
): PacketKind {
  packet.outer.version = 0;
  packet.ip.version = 0;
  packet.encapsulation = 'none';
  packet.udp = -1;
  packet.udpEnd = -1;
  packet.vni = -1;
  packet.sourcePort = -1;
  packet.destinationPort = -1;
  packet.capturedEnd = end;
  packet.kind = 'none';
  const network = networkOffset(view, start, end, linkType);
  const limit = Math.max(end, start + originalLength);
  if (network < 0 || !readIp(view, network, end, limit, packet.ip)) return packet.kind;
  packet.kind = 'plain';
  readPorts(view, end, packet);
  if (tunnelPorts.has(packet.destinationPort) && packet.ip.protocol === PROTOCOL_UDP) {
    enterTunnel(view, packet);
  }
  return packet.kind;
}

/**
 * Takes the plain UDP packet of a walk for a tunnel's datagram, and walks on inside; false, and
 * nothing changed, where its bytes are no tunnel's header.
 */
export function enterTunnel(view: DataView, packet: Packet): boolean {
  const at = packet.ip.payload;
  const header = at + udp.HEADER_LENGTH;
  if (header + vxlan.HEADER_LENGTH > packet.capturedEnd) return false;
  const udpEnd = datagramEnd(view, packet.ip);
  if (header + vxlan.HEADER_LENGTH > udpEnd) return false;
  const isGeneve = geneve.isGeneve(view, header);
  if (!isGeneve && !vxlan.isVxlan(view, header)) return false;
  const outer = packet.ip;
  packet.ip = packet.outer;
  packet.outer = outer;
  packet.kind = 'tunnel';
  packet.encapsulation = isGeneve ? 'geneve' : 'vxlan';
  packet.udp = at;
  packet.udpEnd = udpEnd;
  packet.vni = isGeneve ? geneve.vni(view, header) : vxlan.vni(view, header);
  packet.sourcePort = -1;
  packet.destinationPort = -1;
  packet.ip.version = 0;
  if (isGeneve) {
    const inner = header + geneve.headerLength(view, header);
    walkInside(view, inner, geneve.payloadType(view, header), packet);
  } else walkInside(view, header + vxlan.HEADER_LENGTH, vxlan.payloadType(view, header), packet);
  return true;
}

/** Where the captured bytes of what is inside the tunnel end. */
export function innerCapturedEnd(packet: Packet): number {
  return Math.min(packet.capturedEnd, packet.outer.end, packet.udpEnd);
}

/** Walks what the tunnel carries at `inner`, `type` being its ethertype. */
function walkInside(view: DataView, inner: number, type: number, packet: Packet): void {
  const end = innerCapturedEnd(packet);
  const ip = type === ETHERTYPE_ETHERNET ? ipInFrame(view, inner, end) : isIp(type) ? inner : -1;
  if (ip < 0 || ip >= end) return;
  if (readIp(view, ip, end, packet.udpEnd, packet.ip)) readPorts(view, end, packet);
}

/** Offset of the IP packet in an Ethernet frame; -1 if it holds none, or ends before. */
function ipInFrame(view: DataView, at: number, end: number): number {
  if (at + ETHERNET_HEADER_LENGTH > end) return -1;
  const ethertype = ethertypeOffset(view, at, end);
  return ethertype >= 0 && isIp(view.getUint16(ethertype)) ? ethertype + 2 : -1;
}

function isIp(ethertype: number): boolean {
  return ethertype === ETHERTYPE_IPV4 || ethertype === ETHERTYPE_IPV6;
}

/** Where the datagram ends: as UDP's length claims, unless that cannot be true. */
function datagramEnd(view: DataView, ip: IpLayer): number {
  const length = udp.length(view, ip.payload);
  const room = ip.end - ip.payload;
  if (!isCutLength(length, room)) return ip.payload + length;
  if (!udp.isJumboLength(length, room)) ip.assumedEnd = true;
  return ip.end;
}

function readIp(view: DataView, at: number, end: number, limit: number, layer: IpLayer): boolean {
  const version = view.getUint8(at) >>> 4;
  const whole =
    version === 4
      ? readIpv4(view, at, end, layer, limit)
      : version === 6 && readIpv6(view, at, end, layer, limit);
  if (!whole) layer.version = 0;
  return whole;
}

function readPorts(view: DataView, end: number, packet: Packet): void {
  const { ip } = packet;
  packet.sourcePort = -1;
  packet.destinationPort = -1;
  if (ip.fragmentOffset !== 0) return;
  const needed = transportHeaderNeeded(ip.protocol);
  if (needed === 0 || ip.payload + needed > Math.min(end, ip.end)) return;
  packet.sourcePort = udp.sourcePort(view, ip.payload);
  packet.destinationPort = udp.destinationPort(view, ip.payload);
}

function transportHeaderNeeded(protocol: number): number {
  if (protocol === PROTOCOL_TCP) return TCP_HEADER_NEEDED;
  return protocol === PROTOCOL_UDP ? UDP_HEADER_NEEDED : 0;
}
