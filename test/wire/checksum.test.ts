/** The Internet checksum against RFC 1071's own example, plain modular arithmetic, and a naive sum. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  add,
  complement,
  congruent,
  fold,
  subtract,
  sumWords,
  swapBytes,
} from '../../src/wire/checksum.js';
import { hex, naiveSum } from '../support/packet-builder.js';

const viewOf = (bytes: readonly number[]) => new DataView(Uint8Array.from(bytes).buffer);
const sumOf = (bytes: readonly number[]) => fold(sumWords(viewOf(bytes), 0, bytes.length));
/** The number that a 16-bit one's-complement value stands for: both zeros are 0. */
const residue = (value: number) => value % 65535;
const word = fc.integer({ min: 0, max: 0xffff });

describe('the example of RFC 1071 section 3: 00 01 f2 03 f4 f5 f6 f7', () => {
  const bytes = hex('00 01 f2 03 f4 f5 f6 f7');

  test('sums up to 2ddf0 before the carries are folded, and to ddf2 behind that', () => {
    expect(sumWords(viewOf(bytes), 0, 8)).toBe(0x2ddf0);
    expect(fold(0x2ddf0)).toBe(0xddf2);
  });

  test('has the checksum 220d, the complement', () => {
    expect(complement(0xddf2)).toBe(0x220d);
  });

  test('sums up to f2dd in the other byte order, which is ddf2 with its bytes swapped', () => {
    expect(sumOf(hex('01 00 03 f2 f5 f4 f7 f6'))).toBe(0xf2dd);
    expect(swapBytes(0xddf2)).toBe(0xf2dd);
  });

  test('sums up with its checksum to ffff', () => {
    expect(sumOf([...bytes, 0x22, 0x0d])).toBe(0xffff);
  });
});

describe('a range', () => {
  test('of no bytes has the sum 0', () => {
    expect(sumOf([])).toBe(0);
  });

  test.each([
    ['ab', 0xab00],
    // 0x0102 + 0x0300
    ['01 02 03', 0x0402],
    // 0x0102 + 0x0304 + 0x0500
    ['01 02 03 04 05', 0x0906],
    // 0x0102 + 0x0304 + 0x0506 + 0x0700
    ['01 02 03 04 05 06 07', 0x100c],
  ])('of an odd number of bytes (%s) counts as if a zero byte followed', (text, sum) => {
    expect(sumOf(hex(text))).toBe(sum);
  });

  test('of any bytes, from any offset to any end, has the naive sum', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.nat(20),
        fc.nat(20),
        (bytes, skipped, left) => {
          const start = Math.min(skipped, bytes.length);
          const end = Math.max(start, bytes.length - left);
          const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
          const naive = naiveSum([...bytes.subarray(start, end)]);
          expect(fold(sumWords(view, start, end))).toBe(naive);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('of 65535 bytes ff loses no carry: 32767 words ffff and ff00 are ff00', () => {
    const bytes = new Uint8Array(65535).fill(0xff);
    // n * 0xffff is 0 in this arithmetic, so the odd last byte alone is left.
    expect(sumWords(new DataView(bytes.buffer), 0, 65535)).toBe(32767 * 0xffff + 0xff00);
    expect(fold(32767 * 0xffff + 0xff00)).toBe(0xff00);
  });

  test('of 16 MiB, whose plain sum is beyond 32 bits, is exact', () => {
    const bytes = new Uint8Array(16 * 1024 * 1024).fill(0xff);
    expect(sumWords(new DataView(bytes.buffer), 0, bytes.length)).toBe(8 * 1024 * 1024 * 0xffff);
  });

  test('summed in two parts is the sum of the parts, the second swapped if the first is odd', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), (bytes, cut) => {
        const at = Math.min(cut, bytes.length);
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        const first = sumWords(view, 0, at);
        const second = sumWords(view, at, bytes.length);
        const joined = fold(first + (at % 2 === 1 ? swapBytes(second) : second));
        expect(residue(joined)).toBe(residue(naiveSum([...bytes])));
      }),
      { numRuns: 500 },
    );
  });
});

describe('16-bit one’s-complement arithmetic is arithmetic modulo 65535', () => {
  test('fold keeps the residue of any sum, and is 0 only for 0', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), sum => {
        const folded = fold(sum);
        expect(folded).toBeLessThanOrEqual(0xffff);
        expect(BigInt(folded) % 65535n).toBe(BigInt(sum) % 65535n);
        expect(folded === 0).toBe(sum === 0);
      }),
    );
    // 2^16 is 1, so 2^53 = 2^(3 * 16 + 5) is 2^5, and 2^53 - 1 is 31.
    expect(fold(2 ** 53 - 1)).toBe(31);
  });

  test('add and subtract are + and - modulo 65535', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(residue(add(a, b))).toBe((a + b) % 65535);
        expect(residue(subtract(a, b))).toBe((a - b + 2 * 65535) % 65535);
        expect(add(a, b)).toBeLessThanOrEqual(0xffff);
        expect(subtract(a, b)).toBeLessThanOrEqual(0xffff);
      }),
    );
  });

  test('complement is the negative', () => {
    fc.assert(
      fc.property(word, a => {
        expect(complement(a)).toBe(0xffff - a);
        expect(residue(add(a, complement(a)))).toBe(0);
      }),
    );
  });

  test('0000 and ffff are one number, and every other value only itself', () => {
    expect(congruent(0, 0xffff)).toBe(true);
    expect(congruent(0xffff, 0)).toBe(true);
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(congruent(a, b)).toBe(a % 65535 === b % 65535);
      }),
    );
  });

  test('swapping the bytes is multiplying by 256', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), sum => {
        expect(residue(swapBytes(sum))).toBe(Number((BigInt(sum) * 256n) % 65535n));
      }),
    );
  });
});
