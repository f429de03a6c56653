/** Tick counts and seconds, against BigInt arithmetic. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Instant,
  lastNanosecondSecond,
  nanosecondTicks,
  setInstant,
  tickScale,
} from '../../src/capture-file/timestamp.js';

const half = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.constantFrom(0, 1, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
);
const offset = fc.oneof(fc.constant(0), fc.integer({ min: -(2 ** 40), max: 2 ** 40 }));

function instantOf(resolution: number, offsetSeconds: number, high: number, low: number): Instant {
  const instant = { seconds: -1, nanoseconds: -1 };
  setInstant(instant, tickScale(resolution, offsetSeconds), high, low);
  return instant;
}

/** The draft's definition: ticks / (10^n or 2^n) seconds, and the offset on top; exact. */
function exactInstant(resolution: number, offsetSeconds: number, high: number, low: number) {
  const ticks = (BigInt(high) << 32n) | BigInt(low);
  const base = resolution & 0x80 ? 2n : 10n;
  const perSecond = base ** BigInt(resolution & 0x7f);
  return {
    seconds: ticks / perSecond + BigInt(offsetSeconds),
    nanoseconds: ((ticks % perSecond) * 1_000_000_000n) / perSecond,
  };
}

function expectExact(resolution: number, offsetSeconds: number, high: number, low: number): void {
  const got = instantOf(resolution, offsetSeconds, high, low);
  const exact = exactInstant(resolution, offsetSeconds, high, low);
  expect(got.nanoseconds).toBe(Number(exact.nanoseconds));
  // Seconds no double holds (only resolutions coarser than a millisecond reach them) are the nearest ones.
  const withoutOffset = Number(exact.seconds - BigInt(offsetSeconds));
  if (Number.isSafeInteger(withoutOffset) && Number.isSafeInteger(Number(exact.seconds)))
    expect(BigInt(got.seconds)).toBe(exact.seconds);
  else expect(got.seconds / Number(exact.seconds)).toBeCloseTo(1, 14);
}

describe('a 64-bit tick count', () => {
  test.each([
    ['nanoseconds', 9],
    ['microseconds', 6],
  ])('of %s is exact', (_, resolution) => {
    fc.assert(
      fc.property(half, half, offset, (high, low, seconds) =>
        expectExact(resolution, seconds, high, low),
      ),
      { numRuns: 5000 },
    );
  });

  test('of every if_tsresol there is becomes the exact time, cut off at nanoseconds', () => {
    for (let resolution = 0; resolution < 256; resolution++) {
      fc.assert(
        fc.property(half, half, offset, (high, low, seconds) =>
          expectExact(resolution, seconds, high, low),
        ),
        { numRuns: 100 },
      );
    }
  });

  test('just before and at a whole second, where a rounded quotient would show', () => {
    for (const [resolution, perSecond] of [
      [9, 1_000_000_000n],
      [6, 1_000_000n],
    ] as const) {
      for (let second = 1n; second < 1n << 34n; second = second * 3n + 1n) {
        for (const ticks of [second * perSecond - 1n, second * perSecond]) {
          const high = Number(BigInt.asUintN(32, ticks >> 32n));
          expectExact(resolution, 0, high, Number(ticks & 0xffff_ffffn));
        }
      }
    }
  });
});

test('nanoseconds as ticks are exact, and come back as they were', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: lastNanosecondSecond }),
      fc.integer({ min: 0, max: 999_999_999 }),
      (seconds, nanoseconds) => {
        const { high, low } = nanosecondTicks({ seconds, nanoseconds });
        const ticks = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
        expect((BigInt(high) << 32n) | BigInt(low)).toBe(ticks);
        expect(high).toBeLessThan(2 ** 32);
        expect(instantOf(9, 0, high, low)).toEqual({ seconds, nanoseconds });
      },
    ),
    { numRuns: 5000 },
  );
});
