/**
 * The checksum remembers the port. A datagram whose source port was rewritten while its checksum
 * stayed behind still tells the old port, because one's-complement sums are linear.
 */
import { add, complement, fold, subtract } from './checksum.js';

/** What the header shows now, and what its checksum says. All values are 16-bit, host order. */
export interface StaleField {
  /** The source port that stands in the datagram. */
  readonly sourcePort: number;
  /** The checksum that stands in the datagram. */
  readonly stored: number;
  /** The checksum that the datagram's bytes call for (0 spelled 0xffff). */
  readonly correct: number;
}

/** A source address that was rewritten too: its 16-bit words before and after. */
export interface AddressChange {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/**
 * The source port for which the stored checksum was made: `port + correct - stored`.
 *
 * Where the second SNAT changed the address as well, the kernel updated the address in the wrong
 * sense for a CHECKSUM_PARTIAL packet (`inet_proto_csum_replace4/16()` with `pseudohdr`,
 * net/core/utils.c), so the address counts twice: `+ 2 * (addr(after) - addr(before))`.
 *
 * 0 and 65535 are one number in this arithmetic: never rely on a result that is either.
 */
export function recoverSourcePort(field: StaleField, change?: AddressChange): number {
  const port = subtract(add(field.sourcePort, field.correct), field.stored);
  if (!change) return port;
  const moved = subtract(sum(change.after), sum(change.before));
  return add(port, add(moved, moved));
}

/** Whether a recovered port is one that the arithmetic cannot tell from its other spelling. */
export function isAmbiguousPort(port: number): boolean {
  return port === 0 || port === 0xffff;
}

/**
 * What kernels before ea64d8d6c675 make of a zero checksum when the second SNAT rewrites a
 * CHECKSUM_PARTIAL datagram: `udp_manip_pkt()` updated it for the address, in the partial sense, and
 * sent a result of 0 as 0xffff (CSUM_MANGLED_0). With the address unchanged that is always 0xffff.
 */
export function mangledZero(change?: AddressChange): number {
  if (!change) return 0xffff;
  const value = subtract(sum(change.after), sum(change.before));
  return value === 0 ? 0xffff : value;
}

/** `correct - stored`: what header and checksum differ by. The same for all packets of one rewrite. */
export function difference(field: StaleField): number {
  const value = fold(field.correct + complement(field.stored));
  return value === 0xffff ? 0 : value;
}

function sum(words: readonly number[]): number {
  return fold(words.reduce((total, word) => total + word, 0));
}
