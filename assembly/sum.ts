/**
 * The Internet checksum's sum (RFC 1071), 64 bytes at a time. The twin of src/wire/checksum.ts.
 *
 * Sums here are of 16-bit words in little-endian order, since that is how WebAssembly loads them: the
 * sum of the words as they stand on the wire, its two bytes swapped (RFC 1071 section 2B).
 */

/** So many bytes that the 32-bit lanes cannot overflow; no packet has more. */
export const MOST_BYTES: usize = 1 << 18;

/**
 * Plain sum of the words in `[start, end)`; an odd last byte counts as if a zero byte followed it. Up to
 * `MOST_BYTES`; 64 bytes behind the end are read, though not counted.
 */
export function sumOf(start: usize, end: usize): u64 {
  let first = i32x4.splat(0);
  let second = i32x4.splat(0);
  let at = start;
  for (; at + 64 <= end; at += 64) {
    first = i32x4.add(first, pairs(v128.load(at)));
    second = i32x4.add(second, pairs(v128.load(at, 16)));
    first = i32x4.add(first, pairs(v128.load(at, 32)));
    second = i32x4.add(second, pairs(v128.load(at, 48)));
  }
  // What is left, without a branch, as no processor foresees the lengths of packets.
  const left = i8x16.splat(<i8>(end - at));
  const place = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  first = i32x4.add(first, pairs(upTo(left, place, v128.load(at))));
  second = i32x4.add(second, pairs(upTo(left, behind(place, 16), v128.load(at, 16))));
  first = i32x4.add(first, pairs(upTo(left, behind(place, 32), v128.load(at, 32))));
  second = i32x4.add(second, pairs(upTo(left, behind(place, 48), v128.load(at, 48))));
  const lanes = i32x4.add(first, second);
  const signed =
    <i64>i32x4.extract_lane(lanes, 0) +
    <i64>i32x4.extract_lane(lanes, 1) +
    <i64>i32x4.extract_lane(lanes, 2) +
    <i64>i32x4.extract_lane(lanes, 3);
  return signed + (<u64>(at + 64 - start) >> 1) * 0x8000;
}

/**
 * Sums of the words two by two, less 2^15 for each of them, so that the signed multiply-and-add can do it;
 * what that takes away is added at the end.
 */
function pairs(words: v128): v128 {
  return i32x4.dot_i16x8_s(v128.xor(words, i16x8.splat(-0x8000)), i16x8.splat(1));
}

/** The bytes whose place is less than `left`, and zeros. */
function upTo(left: v128, place: v128, bytes: v128): v128 {
  return v128.and(bytes, i8x16.gt_s(left, place));
}

function behind(place: v128, distance: i8): v128 {
  return i8x16.add(place, i8x16.splat(distance));
}

/** Folds the carries of a plain sum into 16 bits. */
export function fold(sum: u64): u32 {
  let rest = (sum >> 32) + (sum & 0xffffffff);
  rest = (rest >> 16) + (rest & 0xffff);
  rest = (rest >> 16) + (rest & 0xffff);
  rest = (rest >> 16) + (rest & 0xffff);
  return <u32>rest;
}

/** The other byte order of a 16-bit value. */
export function swapped(value: u32): u32 {
  return ((value & 0xff) << 8) | ((value >> 8) & 0xff);
}
