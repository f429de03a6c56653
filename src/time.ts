/**
 * Points in time with nanoseconds, which a double cannot hold since the epoch: whole seconds and
 * nanoseconds apart. Differences are plain seconds.
 */

export interface Instant {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** Seconds from `from` to `to`, exact to the nanosecond for spans under some months. */
export function secondsBetween(from: Instant, to: Instant): number {
  const nanoseconds = (to.seconds - from.seconds) * 1e9 + (to.nanoseconds - from.nanoseconds);
  return nanoseconds / 1e9;
}

/** Negative if `a` is earlier than `b`. */
export function compareInstants(a: Instant, b: Instant): number {
  return a.seconds - b.seconds || a.nanoseconds - b.nanoseconds;
}

/** `1795373854.391669` and its like; `undefined` if the text is no such number. */
export function parseInstant(text: string): Instant | undefined {
  const match = /^(\d+)(?:\.(\d{1,9})\d*)?$/.exec(text.trim());
  if (!match) return undefined;
  return { seconds: Number(match[1]), nanoseconds: Number((match[2] ?? '').padEnd(9, '0')) };
}

/** Seconds since the epoch with all nine digits. */
export function formatInstant(instant: Instant): string {
  return `${instant.seconds}.${String(instant.nanoseconds).padStart(9, '0')}`;
}

/** The instant so many seconds later. */
export function addSeconds({ seconds, nanoseconds }: Instant, add: number): Instant {
  const whole = Math.floor(add);
  const sum = nanoseconds + Math.round((add - whole) * 1e9);
  const carry = Math.floor(sum / 1e9);
  return { seconds: seconds + whole + carry, nanoseconds: sum - carry * 1e9 };
}
