/**
 * The walk through one frame's headers, outside in: link layer, IP, and where it is a tunnel's
 * datagram UDP, VXLAN and the packet inside. Lengths are checked here, once: behind a walk that
 * succeeded, every offset it names can be read.
 */
import {
  HEADER_LENGTH as ETHERNET_HEADER_LENGTH,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ethertypeOffset,
} from './ethernet.js';
import { emptyIpLayer, type IpLayer, PROTOCOL_TCP, PROTOCOL_UDP } from './ip.js';
import { readIpv4 } from './ipv4.js';
import { readIpv6 } from './ipv6.js';
import { networkOffset } from './link-layer.js';
import * as tcp from './tcp.js';
import * as udp from './udp.js';
import * as vxlan from './vxlan.js';

/** Offsets of one packet's layers. One object, filled again for every frame. */
export interface Packet {
  kind: PacketKind;
  /** The connection's own packet: what a tunnel carries, or the frame's only IP packet. */
  ip: IpLayer;
  /** Ports of `ip`'s transport header where it was captured; -1 where there is none. */
  sourcePort: number;
  destinationPort: number;
  /** The tunnel's IP packet; version 0 where the frame is not encapsulated. */
  outer: IpLayer;
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
 * - `tunnel`: a VXLAN datagram; `ip.version` is 0 if it carries no IP packet (ARP, say), or if the
 *   capture was cut before that packet's header ends
 */
export type PacketKind = 'none' | 'plain' | 'tunnel';

/** A packet to be filled by `walkPacket`. */
export function emptyPacket(): Packet {
  return {
    kind: 'none',
    ip: emptyIpLayer(),
    sourcePort: -1,
    destinationPort: -1,
    outer: emptyIpLayer(),
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
]);

/**
 * Walks the frame `[start, end)` and fills `packet`; returns its kind.
 *
 * @param linkType LINKTYPE_* of the frame
 * @param tunnelPorts UDP destination ports taken for VXLAN
 */
export function walkPacket(
  view: DataView,
  start: number,
  end: number,
  linkType: number,
  tunnelPorts: ReadonlySet<number>,
  packet: Packet,
): PacketKind {
  packet.outer.version = 0;
  packet.ip.version = 0;
  packet.udp = -1;
  packet.udpEnd = -1;
  packet.vni = -1;
  packet.sourcePort = -1;
  packet.destinationPort = -1;
  packet.capturedEnd = end;
  packet.kind = 'none';
  const network = networkOffset(view, start, end, linkType);
  if (network < 0 || !readIp(view, network, end, packet.ip)) return packet.kind;
  packet.kind = 'plain';
  readPorts(view, end, packet);
  if (tunnelPorts.has(packet.destinationPort) && packet.ip.protocol === PROTOCOL_UDP) {
    enterTunnel(view, end, packet);
  }
  return packet.kind;
}

function readIp(view: DataView, at: number, end: number, layer: IpLayer): boolean {
  const version = view.getUint8(at) >>> 4;
  const whole =
    version === 4
      ? readIpv4(view, at, end, layer)
      : version === 6 && readIpv6(view, at, end, layer);
  if (!whole) layer.version = 0;
  return whole;
}

function readPorts(view: DataView, end: number, packet: Packet): void {
  const { ip } = packet;
  packet.sourcePort = -1;
  packet.destinationPort = -1;
  if (ip.fragmentOffset !== 0) return;
  const needed = transportHeaderLength(ip.protocol);
  if (needed === 0 || ip.payload + needed > Math.min(end, ip.end)) return;
  packet.sourcePort = udp.sourcePort(view, ip.payload);
  packet.destinationPort = udp.destinationPort(view, ip.payload);
}

function transportHeaderLength(protocol: number): number {
  if (protocol === PROTOCOL_TCP) return tcp.MIN_HEADER_LENGTH;
  return protocol === PROTOCOL_UDP ? udp.HEADER_LENGTH : 0;
}

function enterTunnel(view: DataView, end: number, packet: Packet): void {
  const at = packet.ip.payload;
  const header = at + udp.HEADER_LENGTH;
  const inner = header + vxlan.HEADER_LENGTH;
  if (inner > end || !vxlan.isVxlan(view, header)) return;
  const length = udp.length(view, at);
  const outer = packet.ip;
  packet.ip = packet.outer;
  packet.outer = outer;
  packet.kind = 'tunnel';
  packet.udp = at;
  packet.udpEnd = length === 0 ? outer.end : at + length;
  packet.vni = vxlan.vni(view, header);
  packet.sourcePort = -1;
  packet.destinationPort = -1;
  packet.ip.version = 0;
  const innerEnd = Math.min(end, packet.udpEnd);
  const ethertype =
    inner + ETHERNET_HEADER_LENGTH <= innerEnd ? ethertypeOffset(view, inner, innerEnd) : -1;
  if (ethertype < 0 || ethertype + 2 >= innerEnd) return;
  if (!isIpEthertype(view.getUint16(ethertype))) return;
  if (readIp(view, ethertype + 2, innerEnd, packet.ip)) readPorts(view, innerEnd, packet);
}

function isIpEthertype(ethertype: number): boolean {
  return ethertype === ETHERTYPE_IPV4 || ethertype === ETHERTYPE_IPV6;
}
