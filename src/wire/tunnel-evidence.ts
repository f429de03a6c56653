/**
 * Whether a UDP datagram on a port that nobody named is a tunnel's, by what its bytes show. Two steps:
 * a look at the tunnel header that nearly every other datagram fails at its first word, and, behind
 * the walk inside, whether what was found there is consistent.
 */
import { fold, sumWords } from './checksum.js';
import type { SegmentFinding } from './checksum-state.js';
import { ETHERTYPE_ARP } from './ethernet.js';
import * as geneve from './geneve.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from './ip.js';
import type { Packet } from './packet.js';
import * as udp from './udp.js';
import * as vxlan from './vxlan.js';

/**
 * - `none`: not a tunnel's datagram
 * - `consistent`: headers and lengths inside agree; once may be chance
 * - `decisive`: and a 16-bit checksum inside covers all of it
 */
export type TunnelEvidence = 'none' | 'consistent' | 'decisive';

/** An inner frame is padded up to this (Ethernet's minimum less its check sequence), and no longer one is. */
const PADDED_FRAME_LENGTH = 60;

/** Whether a plain UDP packet begins with a VXLAN or Geneve header as its standard wants it. */
export function mayBeTunnel(view: DataView, packet: Packet): boolean {
  const header = packet.ip.payload + udp.HEADER_LENGTH;
  if (header + vxlan.HEADER_LENGTH > packet.capturedEnd) return false;
  return vxlan.isStrictVxlan(view, header) || geneve.isGeneve(view, header);
}

/**
 * What the inner packet of a walk through a suspected tunnel says for it.
 *
 * An IPv4 header proves itself by its checksum; an IPv6 header has none, so its length has to fit to
 * the byte, and its protocol to be one that pods speak.
 *
 * @param inner the finding of `judgeTransport` for `packet.ip`
 */
export function tunnelEvidence(
  view: DataView,
  packet: Packet,
  inner: SegmentFinding,
): TunnelEvidence {
  const { ip } = packet;
  if (ip.version === 0) return isArp(view, packet) ? 'consistent' : 'none';
  if (ip.assumedEnd || !fillsDatagram(packet)) return 'none';
  if (ip.version === 4 && fold(sumWords(view, ip.start, ip.payload)) !== 0xffff) return 'none';
  if (ip.version === 6 && !isUsualProtocol(ip.protocol)) return 'none';
  return inner.state === 'valid' || inner.state === 'partial' ? 'decisive' : 'consistent';
}

const ETHERTYPE_AT = 12;
const ARP_LENGTH = 28;
/** Ethernet, IPv4, addresses of 6 and 4 bytes (RFC 826). */
const ARP_HARDWARE_AND_PROTOCOL = 0x0001_0800;
const ARP_ADDRESS_LENGTHS = 0x0604;

/** Whether a VXLAN datagram carries ARP, as the first of a new tunnel do. */
function isArp(view: DataView, packet: Packet): boolean {
  const ethertype = packet.udp + udp.HEADER_LENGTH + vxlan.HEADER_LENGTH + ETHERTYPE_AT;
  const arp = ethertype + 2;
  return (
    packet.encapsulation === 'vxlan' &&
    arp + ARP_LENGTH <= Math.min(packet.capturedEnd, packet.udpEnd) &&
    view.getUint16(ethertype) === ETHERTYPE_ARP &&
    view.getUint32(arp) === ARP_HARDWARE_AND_PROTOCOL &&
    view.getUint16(arp + 4) === ARP_ADDRESS_LENGTHS
  );
}

/** Whether the inner packet ends where its datagram does, but for padding of a short frame. */
function fillsDatagram({ ip, udp: at, udpEnd }: Packet): boolean {
  if (ip.end === udpEnd) return true;
  const frame = at + udp.HEADER_LENGTH + vxlan.HEADER_LENGTH;
  return ip.end < udpEnd && udpEnd - frame <= PADDED_FRAME_LENGTH;
}

const PROTOCOL_ICMPV6 = 58;

function isUsualProtocol(protocol: number): boolean {
  return protocol === PROTOCOL_TCP || protocol === PROTOCOL_UDP || protocol === PROTOCOL_ICMPV6;
}
