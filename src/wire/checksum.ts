/**
 * The Internet checksum (RFC 1071) as 16-bit one's-complement arithmetic.
 *
 * A *sum* is the one's-complement sum of big-endian 16-bit words. A *checksum* is the complement of
 * a sum, as it stands in a header. 0x0000 and 0xffff are the two spellings of zero: functions that
 * return 16-bit values give 0xffff for it only where that spelling comes out of the addition.
 */

/**
 * Plain (not folded) sum of the 16-bit words in `[start, end)`; an odd last byte counts as if a zero
 * byte followed it (RFC 1071 section 4.1). Exact for any range a packet can have: 2^53 / 65535 words.
 */
export function sumWords(view: DataView, start: number, end: number): number {
  let sum = 0;
  let at = start;
  // 32 bits at a time: half the loads, and both halves are words of the same sum.
  for (const last = end - 4; at <= last; at += 4) {
    const word = view.getUint32(at);
    sum += (word >>> 16) + (word & 0xffff);
  }
  if (at + 2 <= end) {
    sum += view.getUint16(at);
    at += 2;
  }
  if (at < end) sum += view.getUint8(at) << 8;
  return sum;
}

/** Folds the carries of a plain sum into 16 bits. */
export function fold(sum: number): number {
  let rest = sum;
  while (rest > 0xffff) rest = Math.floor(rest / 0x10000) + (rest & 0xffff);
  return rest;
}

/** One's complement of a 16-bit value: from a sum to a checksum, and back. */
export function complement(value: number): number {
  return ~value & 0xffff;
}

/** a + b in 16-bit one's-complement arithmetic. */
export function add(a: number, b: number): number {
  return fold(a + b);
}

/** a - b in 16-bit one's-complement arithmetic: adding the complement. */
export function subtract(a: number, b: number): number {
  return fold(a + complement(b));
}

/** Whether two values are the same number: 0x0000 and 0xffff are. */
export function congruent(a: number, b: number): boolean {
  return a === b || (a % 0xffff === 0 && b % 0xffff === 0);
}

/** A sum whose first byte stood at an odd offset of the checksummed bytes (RFC 1071 section 2B). */
export function swapBytes(sum: number): number {
  const folded = fold(sum);
  return ((folded & 0xff) << 8) | (folded >>> 8);
}
