/**
 * The state of a checksum field: what stands in it, what its bytes call for, and what that means
 * under checksum offload. A finding returns both values, so that a caller can reason and not only
 * refuse.
 *
 * An unfinished field is a case of its own and no error: under offload the kernel leaves the folded
 * pseudo-header sum in the inner TCP or UDP checksum (CHECKSUM_PARTIAL), and with local checksum
 * offload it computes the outer one as if the inner one were complete (`lco_csum()`,
 * include/linux/skbuff.h; Documentation/networking/checksum-offloads.rst). So the inner field is
 * completed first, and the outer one is judged over the completed bytes.
 */
import { complement, congruent, fold, sumWords, swapBytes } from './checksum.js';
import { type IpLayer, isCutLength, isFragment, PROTOCOL_TCP, PROTOCOL_UDP } from './ip.js';
import { innerCapturedEnd, type Packet } from './packet.js';
import { pseudoHeaderSum } from './pseudo-header.js';
import * as tcp from './tcp.js';
import * as udp from './udp.js';

/**
 * - `absent`: the packet has no such field (an inner ICMP or ARP packet, or one too short for it)
 * - `valid`, `zero` (UDP only: not in use)
 * - `partial`: exactly the pseudo-header sum: offload pending
 * - `mismatch`: anything else; whether it is stale, mangled or just invalid is a question of context
 * - `unverifiable`: `missing` bytes were not captured, or belong to other fragments; -1 where the
 *   number is not known, or where it does not fit and the packet's length is not known for sure
 *   (`IpLayer.assumedEnd`)
 */
export type ChecksumField = 'absent' | 'valid' | 'zero' | 'partial' | 'mismatch' | 'unverifiable';

/** What was found. One object, filled again for every packet; values are 16-bit. */
export interface ChecksumFinding {
  state: ChecksumField;
  /** What stands in the field. */
  stored: number;
  /** What its bytes call for: for UDP a computed 0 is spelled 0xffff (RFC 768). */
  correct: number;
  missing: number;
}

/** An inner finding also remembers its segment's sum, which the outer checksum uses again. */
export interface SegmentFinding extends ChecksumFinding {
  /** Folded sum of the transport header and data, as they are once the checksum is complete. */
  segmentSum: number;
  /** Offset of the end of the bytes that sum covers. */
  segmentEnd: number;
}

/** A finding to be filled. */
export function emptyFinding(): SegmentFinding {
  return { state: 'absent', stored: 0, correct: 0, missing: 0, segmentSum: 0, segmentEnd: 0 };
}

/**
 * Judges both checksums of a packet, the inner one first. For a plain packet `outer` is `absent`.
 */
export function judgePacket(
  view: DataView,
  packet: Packet,
  inner: SegmentFinding,
  outer: ChecksumFinding,
): void {
  if (packet.kind === 'tunnel') {
    judgeTransport(view, packet.ip, innerCapturedEnd(packet), inner);
    judgeOuter(view, packet, inner, outer);
    return;
  }
  judgeTransport(view, packet.ip, packet.capturedEnd, inner);
  outer.state = 'absent';
  outer.stored = 0;
  outer.correct = 0;
  outer.missing = 0;
}

/** Judges the TCP or UDP checksum of an IP packet whose captured bytes end at `capturedEnd`. */
export function judgeTransport(
  view: DataView,
  ip: IpLayer,
  capturedEnd: number,
  finding: SegmentFinding,
): void {
  finding.state = 'absent';
  finding.stored = 0;
  finding.correct = 0;
  finding.missing = 0;
  if (ip.version === 0 || (ip.protocol !== PROTOCOL_TCP && ip.protocol !== PROTOCOL_UDP)) return;
  const checksumAt = checksumOffset(ip);
  // The IP packet ends within the transport header: malformed, and what stands there is padding.
  if (!isFragment(ip) && checksumAt + 2 > ip.end) return;
  const end = transportEnd(view, ip, capturedEnd);
  finding.segmentEnd = end;
  if (ip.fragmentOffset !== 0 || checksumAt + 2 > capturedEnd) {
    finding.state = 'unverifiable';
    finding.missing = isFragment(ip) ? -1 : end - capturedEnd;
    return;
  }
  finding.stored = view.getUint16(checksumAt);
  if (ip.protocol === PROTOCOL_UDP && finding.stored === 0) {
    finding.state = 'zero';
    return;
  }
  if (ip.moreFragments) {
    finding.state = 'unverifiable';
    finding.missing = -1;
    return;
  }
  const pseudo = fold(pseudoHeaderSum(view, ip, end - ip.payload));
  const isPseudo = finding.stored === pseudo;
  if (end > capturedEnd) {
    // Even cut off, an open field is known for what it is, and so is what it will sum up to.
    finding.state = isPseudo ? 'partial' : 'unverifiable';
    finding.segmentSum = complement(pseudo);
    finding.missing = end - capturedEnd;
    return;
  }
  const segment = fold(sumWords(view, ip.payload, end));
  finding.segmentSum = segment;
  const correct = complement(fold(pseudo + segment + complement(finding.stored)));
  finding.correct = ip.protocol === PROTOCOL_UDP ? spellUdp(correct) : correct;
  if (congruent(finding.stored, finding.correct)) finding.state = 'valid';
  else if (isPseudo) {
    finding.state = 'partial';
    finding.segmentSum = complement(pseudo);
  } else setMismatch(finding, ip.assumedEnd || isDoubtfulUdp(view, ip));
}

/** A field that does not fit: wrong, or, over a length that is not known for sure, not to be judged. */
function setMismatch(finding: ChecksumFinding, isDoubtful: boolean): void {
  finding.state = isDoubtful ? 'unverifiable' : 'mismatch';
  if (isDoubtful) finding.missing = -1;
}

/**
 * Judges the outer UDP checksum of a tunnel's datagram, the inner one having been judged already.
 *
 * @param inner the finding of `judgeTransport` for `packet.ip`
 */
export function judgeOuter(
  view: DataView,
  packet: Packet,
  inner: SegmentFinding,
  finding: ChecksumFinding,
): void {
  const { outer, udp: at, udpEnd, capturedEnd, ip } = packet;
  finding.missing = 0;
  finding.correct = 0;
  finding.stored = udp.checksum(view, at);
  if (finding.stored === 0) {
    finding.state = 'zero';
    return;
  }
  const pseudo = fold(pseudoHeaderSum(view, outer, udpEnd - at));
  const isPseudo = finding.stored === pseudo;
  const available = Math.min(capturedEnd, outer.end);
  if (isFragment(outer) || udpEnd > available) {
    finding.state = isPseudo ? 'partial' : 'unverifiable';
    finding.missing = Math.max(udpEnd - available, 0);
    return;
  }
  const datagram = completedDatagramSum(view, packet, inner);
  finding.correct = spellUdp(complement(fold(pseudo + datagram + complement(finding.stored))));
  if (congruent(finding.stored, finding.correct)) finding.state = 'valid';
  else if (isPseudo) finding.state = 'partial';
  // Made in software over the bytes as they stand: an open inner field was left open for no one.
  else if (inner.state === 'partial' && fold(pseudo + sumWords(view, at, udpEnd)) === 0xffff) {
    finding.correct = finding.stored;
    finding.state = 'valid';
  } else {
    // An inner length that lies may hide that its checksum is still open.
    setMismatch(finding, outer.assumedEnd || (ip.assumedEnd && inner.state === 'unverifiable'));
  }
}

/** Sum of the datagram, its inner segment counted as complete. */
function completedDatagramSum(view: DataView, packet: Packet, inner: SegmentFinding): number {
  const { udp: at, udpEnd, ip } = packet;
  const isSummed =
    inner.state === 'valid' || inner.state === 'partial' || inner.state === 'mismatch';
  if (!isSummed) return sumWords(view, at, udpEnd);
  const trailer = sumWords(view, inner.segmentEnd, udpEnd);
  const odd = (inner.segmentEnd - ip.payload) % 2 === 1;
  return sumWords(view, at, ip.payload) + inner.segmentSum + (odd ? swapBytes(trailer) : trailer);
}

/** A computed UDP checksum of 0 is sent as 0xffff, since 0 means "not in use" (RFC 768). */
function spellUdp(value: number): number {
  return value === 0 ? 0xffff : value;
}

/** Where the TCP or UDP checksum of an IP packet stands. */
export function checksumOffset(ip: IpLayer): number {
  return ip.payload + (ip.protocol === PROTOCOL_TCP ? tcp.CHECKSUM_AT : udp.CHECKSUM_AT);
}

/** Where the checksummed bytes end: UDP has a length of its own, which may be less than IP's. */
function transportEnd(view: DataView, ip: IpLayer, capturedEnd: number): number {
  if (ip.protocol !== PROTOCOL_UDP || ip.payload + udp.HEADER_LENGTH > capturedEnd) return ip.end;
  const length = udp.length(view, ip.payload);
  const isCut = isCutLength(length, ip.end - ip.payload) || length < udp.HEADER_LENGTH;
  return isCut ? ip.end : Math.min(ip.end, ip.payload + length);
}

/** Whether a UDP header that was captured claims a length that cannot be true. */
function isDoubtfulUdp(view: DataView, ip: IpLayer): boolean {
  if (ip.protocol !== PROTOCOL_UDP) return false;
  const length = udp.length(view, ip.payload);
  const room = ip.end - ip.payload;
  if (length < udp.HEADER_LENGTH) return !udp.isJumboLength(length, room);
  return length > room || isCutLength(length, room);
}
