/**
 * 64-bit tick counts and seconds, in exact arithmetic on 32-bit halves: a double is exact to 2^53 only, and a
 * BigInt per packet is slow. Every product and dividend below stays under 2^47.
 */

/** A time since the epoch, filled in place. */
export interface Instant {
  seconds: number;
  nanoseconds: number;
}

/** How an interface counts time (if_tsresol and if_tsoffset). */
export interface TickScale {
  /** Ticks are 2^-exponent s; otherwise 10^-exponent s. */
  readonly binary: boolean;
  /** 0-127. */
  readonly exponent: number;
  /** Seconds added to every time. */
  readonly offsetSeconds: number;
}

const powersOfTen = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9] as const;

/** The scale of if_tsresol (one byte: bit 7 chooses powers of 2) and if_tsoffset (seconds). */
export function tickScale(resolution: number, offsetSeconds: number): TickScale {
  return { binary: resolution >= 0x80, exponent: resolution & 0x7f, offsetSeconds };
}

/**
 * Sets the time of a 64-bit tick count given as two unsigned halves. Exact; what is finer than a
 * nanosecond is cut off. (Seconds beyond 2^53 are rounded: no clock shows them.)
 */
export function setInstant(target: Instant, scale: TickScale, high: number, low: number): void {
  if (scale.binary) setBinaryInstant(target, scale, high, low);
  else setDecimalInstant(target, scale, high, low);
}

function setDecimalInstant(target: Instant, scale: TickScale, high: number, low: number): void {
  let upper = high;
  let lower = low;
  // Two floored divisions one after the other equal one by the product, so finer ticks become nanoseconds first.
  for (let excess = scale.exponent - 9; excess > 0; excess -= 9) {
    const divisor = powersOfTen[Math.min(excess, 9)]!;
    const quotient = Math.floor(upper / divisor);
    const middle = (upper - quotient * divisor) * 0x10000 + (lower >>> 16);
    const middleQuotient = Math.floor(middle / divisor);
    const last = (middle - middleQuotient * divisor) * 0x10000 + (lower & 0xffff);
    upper = quotient;
    lower = middleQuotient * 0x10000 + Math.floor(last / divisor);
  }
  const digits = Math.min(scale.exponent, 9);
  const perSecond = powersOfTen[digits]!;
  // Long division in the base 2^16: the remainder is below 2^30, so each dividend is below 2^46.
  const quotient = Math.floor(upper / perSecond);
  const middle = (upper - quotient * perSecond) * 0x10000 + (lower >>> 16);
  const middleQuotient = Math.floor(middle / perSecond);
  const last = (middle - middleQuotient * perSecond) * 0x10000 + (lower & 0xffff);
  const lastQuotient = Math.floor(last / perSecond);
  target.seconds =
    quotient * 0x1_0000_0000 + middleQuotient * 0x10000 + lastQuotient + scale.offsetSeconds;
  target.nanoseconds = (last - lastQuotient * perSecond) * powersOfTen[9 - digits]!;
}

function setBinaryInstant(target: Instant, scale: TickScale, high: number, low: number): void {
  const k = scale.exponent;
  let seconds = 0;
  // The fraction of the second, in units of 2^-64 (of 2^-k where k is more), as two halves.
  let fractionHigh = high;
  let fractionLow = low;
  if (k === 0) {
    seconds = high * 0x1_0000_0000 + low;
    fractionHigh = 0;
    fractionLow = 0;
  } else if (k < 32) {
    seconds = high * 2 ** (32 - k) + (low >>> k);
    fractionHigh = (low << (32 - k)) >>> 0;
    fractionLow = 0;
  } else if (k === 32) {
    seconds = high;
    fractionHigh = low;
    fractionLow = 0;
  } else if (k < 64) {
    seconds = high >>> (k - 32);
    fractionHigh = ((high << (64 - k)) | (low >>> (k - 32))) >>> 0;
    fractionLow = (low << (64 - k)) >>> 0;
  }
  // fraction * 10^9, limb by limb of 16 bits; `product` ends as floor(fraction * 10^9 / 2^48).
  let product = (fractionLow & 0xffff) * 1e9;
  product = (fractionLow >>> 16) * 1e9 + Math.floor(product / 0x10000);
  product = (fractionHigh & 0xffff) * 1e9 + Math.floor(product / 0x10000);
  product = (fractionHigh >>> 16) * 1e9 + Math.floor(product / 0x10000);
  target.seconds = seconds + scale.offsetSeconds;
  target.nanoseconds = Math.floor(product / 2 ** (Math.max(k, 64) - 48));
}

/** Last second whose nanoseconds since the epoch fit in 64 bits, whatever its fraction. */
export const lastNanosecondSecond = 18_446_744_072;

/**
 * Nanoseconds since the epoch as the halves of a 64-bit count, exact. `seconds` is a whole number
 * from 0 to `lastNanosecondSecond`.
 */
export function nanosecondTicks(instant: Instant): { high: number; low: number } {
  const secondsHigh = Math.floor(instant.seconds / 0x10000);
  const lower = (instant.seconds - secondsHigh * 0x10000) * 1e9 + instant.nanoseconds;
  const upper = secondsHigh * 1e9 + Math.floor(lower / 0x10000);
  const high = Math.floor(upper / 0x10000);
  return { high, low: (upper - high * 0x10000) * 0x10000 + (lower % 0x10000) };
}
