/** Points in time: nanoseconds since the epoch are more than a double can hold. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareInstants, formatInstant, parseInstant, secondsBetween } from '../../src/time.js';

const instant = fc.record({
  seconds: fc.integer({ min: 0, max: 4_000_000_000 }),
  nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
});
const nanoseconds = ({ seconds, nanoseconds: rest }: { seconds: number; nanoseconds: number }) =>
  BigInt(seconds) * 1_000_000_000n + BigInt(rest);

describe('an instant', () => {
  test('is read from a decimal number, of up to nine digits', () => {
    expect(parseInstant('1795373854.391669')).toEqual({
      seconds: 1795373854,
      nanoseconds: 391_669_000,
    });
    expect(parseInstant(' 12.000000001\n')).toEqual({ seconds: 12, nanoseconds: 1 });
    expect(parseInstant('12')).toEqual({ seconds: 12, nanoseconds: 0 });
    expect(parseInstant('12.1234567899')).toEqual({ seconds: 12, nanoseconds: 123_456_789 });
  });

  test.each([
    '',
    'now',
    '-1',
    '1.',
    '.5',
    '1,5',
    '1e9',
    '0x10',
    '1.2.3',
  ])('is not read from %j', text => {
    expect(parseInstant(text)).toBeUndefined();
  });

  test('comes back from its own text, to the nanosecond', () => {
    fc.assert(
      fc.property(instant, at => {
        expect(parseInstant(formatInstant(at))).toEqual(at);
        expect(formatInstant(at)).toMatch(/^\d+\.\d{9}$/);
      }),
    );
  });

  test('is before another as its nanoseconds since the epoch are', () => {
    fc.assert(
      fc.property(instant, instant, (a, b) => {
        const [left, right] = [nanoseconds(a), nanoseconds(b)];
        expect(Math.sign(compareInstants(a, b))).toBe(left < right ? -1 : left > right ? 1 : 0);
      }),
    );
  });
});

describe('the seconds between two instants', () => {
  test('are exact to the nanosecond', () => {
    const from = { seconds: 1_795_373_854, nanoseconds: 999_999_999 };
    expect(secondsBetween(from, { seconds: 1_795_373_855, nanoseconds: 0 })).toBe(1e-9);
    expect(secondsBetween(from, { seconds: 1_795_373_918, nanoseconds: 983_000_000 })).toBe(
      63.983000001,
    );
  });

  test('are those of exact arithmetic within a day, in both directions', () => {
    const span = fc.bigInt({ min: -86_400_000_000_000n, max: 86_400_000_000_000n });
    fc.assert(
      fc.property(instant, span, (from, difference) => {
        const total = nanoseconds(from) + difference;
        fc.pre(total >= 0n);
        const to = {
          seconds: Number(total / 1_000_000_000n),
          nanoseconds: Number(total % 1_000_000_000n),
        };
        expect(BigInt(Math.round(secondsBetween(from, to) * 1e9))).toBe(difference);
      }),
    );
  });
});
