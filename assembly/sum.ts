/**
 * The Internet checksum's sum (RFC 1071), 64 bytes at a time. The twin of src/wire/checksum.ts.
 *
 * Sums here are of 16-bit words in little-endian order, since that is how WebAssembly loads them: the
 * sum of the words as they stand on the wire, its two bytes swapped (RFC 1071 section 2B).
 */

/** So many bytes that the four 32-bit lanes cannot overflow. */
const BLOCK_BYTES: usize = 1 << 18;

/** Plain sum of the words in `[start, end)`; an odd last byte counts as if a zero byte followed it. */
export function sumOf(start: usize, end: usize): u64 {
  let at = start;
  let total: u64 = 0;
  while (end - at >= 16) {
    const stop = at + (min(end - at, BLOCK_BYTES) & ~15);
    total += sumVectors(at, stop);
    at = stop;
  }
  if (end - at >= 8) {
    const word = load<u64>(at);
    // Words of 32 bits have the same one's-complement sum as their halves.
    total += (word & 0xffffffff) + (word >> 32);
    at += 8;
  }
  if (end - at >= 4) {
    total += load<u32>(at);
    at += 4;
  }
  if (end - at >= 2) {
    total += load<u16>(at);
    at += 2;
  }
  return at < end ? total + load<u8>(at) : total;
}

/**
 * Unsigned words, less 2^15 each so that the signed multiply-and-add can pair them; what that takes away
 * is added at the end.
 */
function sumVectors(start: usize, stop: usize): u64 {
  const sign = i16x8.splat(-0x8000);
  const one = i16x8.splat(1);
  let first = i32x4.splat(0);
  let second = i32x4.splat(0);
  let at = start;
  for (; at + 64 <= stop; at += 64) {
    first = i32x4.add(first, i32x4.dot_i16x8_s(v128.xor(v128.load(at), sign), one));
    second = i32x4.add(second, i32x4.dot_i16x8_s(v128.xor(v128.load(at, 16), sign), one));
    first = i32x4.add(first, i32x4.dot_i16x8_s(v128.xor(v128.load(at, 32), sign), one));
    second = i32x4.add(second, i32x4.dot_i16x8_s(v128.xor(v128.load(at, 48), sign), one));
  }
  for (; at < stop; at += 16) {
    first = i32x4.add(first, i32x4.dot_i16x8_s(v128.xor(v128.load(at), sign), one));
  }
  const lanes = i32x4.add(first, second);
  const signed =
    <i64>i32x4.extract_lane(lanes, 0) +
    <i64>i32x4.extract_lane(lanes, 1) +
    <i64>i32x4.extract_lane(lanes, 2) +
    <i64>i32x4.extract_lane(lanes, 3);
  return signed + (<u64>(stop - start) >> 1) * 0x8000;
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
