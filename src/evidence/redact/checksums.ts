/**
 * Checksums that say in the copy what they said in the original: right stays right, zero zero, pending
 * pending, and a wrong one stays wrong by the same difference, so that the port which it remembers is the
 * same. All by the linearity of one's-complement sums (RFC 1071, RFC 1624).
 */
import { add, complement, congruent, fold, subtract, sumWords } from '../../wire/checksum.js';
import {
  type ChecksumFinding,
  checksumOffset,
  emptyFinding,
  judgeOuter,
  judgeTransport,
  type SegmentFinding,
} from '../../wire/checksum-state.js';
import { type IpLayer, isFragment, PROTOCOL_UDP } from '../../wire/ip.js';
import { HEADER_CHECKSUM_AT } from '../../wire/ipv4.js';
import type { Packet } from '../../wire/packet.js';
import { type AddressChange, mangledZero } from '../../wire/port-recovery.js';
import { pseudoHeaderSum } from '../../wire/pseudo-header.js';
import * as udp from '../../wire/udp.js';
import type { Rewriting } from './rewriting.js';

/** What the analysis of the original made of an outer source port: it decides what a checksum must say. */
export interface PortRewrite {
  /** Whether the checksum remembers a port (`stale`), or was a zero (`mangled`), or is wrong otherwise. */
  readonly state: 'stale' | 'mangled' | 'invalid';
  /** Where the second SNAT changed the address too: before and after, in the original and in the copy. */
  readonly change: { readonly original: AddressChange; readonly copy: AddressChange } | undefined;
}

/** The IPv4 header checksum, once the header is rewritten. A zero left to be filled in stays zero. */
export function carryHeaderChecksum(
  rewriting: Rewriting,
  { start, payload, version }: IpLayer,
): void {
  if (version !== 4) return;
  const { from, to } = rewriting;
  const at = start + HEADER_CHECKSUM_AT;
  const stored = from.getUint16(at);
  const before = correctFor(sumWords(from, start, payload), stored);
  const after = correctFor(sumWords(to, start, payload), to.getUint16(at));
  if (stored === 0 && !congruent(before, 0) && !congruent(after, 0)) return;
  to.setUint16(at, carried(stored, before, after));
}

/** A checksum over `[start, end)` and, for ICMPv6, the pseudo-header of `ip`. */
export function carryPlainChecksum(
  rewriting: Rewriting,
  at: number,
  end: number,
  ip: IpLayer | undefined,
): void {
  if (at + 4 > end || end > rewriting.length) return;
  const { from, to } = rewriting;
  const sum = (view: DataView) =>
    sumWords(view, at, end) + (ip ? pseudoHeaderSum(view, ip, end - at) : 0);
  const stored = from.getUint16(at + 2);
  const after = correctFor(sum(to), to.getUint16(at + 2));
  to.setUint16(at + 2, carried(stored, correctFor(sum(from), stored), after));
}

/**
 * The TCP or UDP checksum of `ip`, once all it covers is rewritten and the field holds the original's.
 * Returns what the original's was and what the copy's is.
 */
export function carryTransportChecksum(
  rewriting: Rewriting,
  ip: IpLayer,
  capturedEnd: number,
): { before: SegmentFinding; after: SegmentFinding } {
  const { from, to } = rewriting;
  const before = emptyFinding();
  const after = emptyFinding();
  judgeTransport(from, ip, capturedEnd, before);
  const at = checksumOffset(ip);
  if (
    before.state !== 'absent' &&
    before.state !== 'zero' &&
    ip.fragmentOffset === 0 &&
    at + 2 <= capturedEnd
  ) {
    judgeTransport(to, ip, capturedEnd, after);
    const length = before.segmentEnd - ip.payload;
    const pseudo = { from: pseudoSum(from, ip, length), to: pseudoSum(to, ip, length) };
    to.setUint16(at, carriedField(before, after, pseudo, ip.protocol === PROTOCOL_UDP));
  }
  judgeTransport(to, ip, capturedEnd, after);
  return { before, after };
}

/** The outer UDP checksum of a tunnel's datagram, once everything inside is done. */
export function carryOuterChecksum(
  rewriting: Rewriting,
  packet: Packet,
  inner: { before: SegmentFinding; after: SegmentFinding },
  rewrite: PortRewrite | undefined,
): void {
  const { from, to } = rewriting;
  const { outer, udp: start, udpEnd } = packet;
  const before = emptyFinding();
  const after = emptyFinding();
  judgeOuter(from, packet, inner.before, before);
  if (before.state === 'zero') return;
  judgeOuter(to, packet, inner.after, after);
  const length = udpEnd - start;
  const pseudo = { from: pseudoSum(from, outer, length), to: pseudoSum(to, outer, length) };
  to.setUint16(start + udp.CHECKSUM_AT, field());

  function field(): number {
    if (before.state === 'mismatch') return wrongField(before, after, rewrite);
    const isRaw = before.state === 'valid' && inner.before.state === 'partial';
    if (isRaw && isRightAsItStands(from, pseudo.from)) {
      const sum = sumWords(to, start, udpEnd) + pseudo.to;
      return spelled(correctFor(sum, to.getUint16(start + udp.CHECKSUM_AT)));
    }
    return carriedField(before, after, pseudo, true);
  }

  /** Made over the bytes as they stand, an inner checksum that is still open included. */
  function isRightAsItStands(view: DataView, pseudoHeader: number): boolean {
    return fold(pseudoHeader + sumWords(view, start, udpEnd)) === 0xffff;
  }
}

/** The value of a wrong outer checksum. */
function wrongField(
  before: ChecksumFinding,
  after: ChecksumFinding,
  rewrite: PortRewrite | undefined,
): number {
  const change = rewrite?.change;
  const wasZero = before.stored === mangledZero(change?.original);
  // Where nobody knows better, 0xffff is what became of a zero.
  if (wasZero && (rewrite === undefined || rewrite.state === 'mangled')) {
    return mangledZero(change?.copy);
  }
  const value = carried(before.stored, before.correct, after.correct);
  if (!change || rewrite.state !== 'stale') return value;
  // old port = new port + correct - stored + 2 * (addr(new) - addr(old)): the last part is another now.
  const moved = subtract(movement(change.copy), movement(change.original));
  return spelled(add(value, add(moved, moved)));
}

/** addr(new) - addr(old). */
function movement({ before, after }: AddressChange): number {
  return subtract(sumOf(after), sumOf(before));
}

function sumOf(addressWords: readonly number[]): number {
  return fold(addressWords.reduce((total, word) => total + word, 0));
}

/** The value of a field by its state; `pseudo` are folded sums of the pseudo-header. */
function carriedField(
  before: ChecksumFinding,
  after: ChecksumFinding,
  pseudo: { readonly from: number; readonly to: number },
  isUdp: boolean,
): number {
  switch (before.state) {
    case 'partial':
      return pseudo.to;
    case 'valid':
      return isUdp ? spelled(after.correct) : after.correct;
    case 'mismatch':
      return carried(before.stored, before.correct, after.correct);
    default:
      break;
  }
  // Summed, but over a length that may be wrong: it keeps its difference as any other.
  if (before.correct !== 0) return carried(before.stored, before.correct, after.correct);
  // Of what was cut off nothing is known; the addresses are another matter.
  const value = subtract(before.stored, subtract(pseudo.to, pseudo.from));
  return isUdp ? spelled(value) : value;
}

/** `after` where the original was right; else what is wrong by the same difference. */
function carried(stored: number, before: number, after: number): number {
  return congruent(stored, before) ? after : add(after, subtract(stored, before));
}

/** The checksum that a field should hold, from a sum that includes what it does hold. */
function correctFor(sum: number, stored: number): number {
  return complement(fold(fold(sum) + complement(stored)));
}

/** 0 would say that there is no checksum (RFC 768). */
function spelled(checksum: number): number {
  return checksum === 0 ? 0xffff : checksum;
}

function pseudoSum(view: DataView, ip: IpLayer, length: number): number {
  return fold(pseudoHeaderSum(view, ip, length));
}

/** Whether a packet is whole, so that a checksum over all of it can be judged. */
export function isWhole(ip: IpLayer, capturedEnd: number): boolean {
  return !isFragment(ip) && ip.end <= capturedEnd;
}
