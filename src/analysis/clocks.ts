/**
 * How far the clocks of two captures are apart, from packets that both show. One direction alone
 * cannot tell an offset from the time the packet took; both together can, as in NTP (RFC 5905
 * section 8): the offset is half the difference of the two, and half their sum its uncertainty.
 */
import { type Instant, secondsBetween } from '../time.js';

/** A packet seen by both clocks. */
export interface SeenTwice {
  /** By the reference clock, and by the other one. */
  readonly reference: Instant;
  readonly other: Instant;
  /** Whether the packet passed the reference's capture first. */
  readonly outward: boolean;
}

export interface ClockEstimate {
  /** The other clock minus the reference's, seconds, at the first packet. */
  readonly offsetSeconds: number;
  /** The offset lies within this of the estimate; null where only one direction was seen. */
  readonly uncertaintySeconds: number | null;
  /** How fast the offset grows, in parts per million; null where the packets span too little time. */
  readonly driftPpm: number | null;
  readonly packets: number;
}

/** Below it, timestamps' own jitter is more than any clock drifts. */
const DRIFT_SPAN_SECONDS = 10;
const DRIFT_PACKETS = 3;

/** Estimates the other clock against the reference; `undefined` without a packet that both saw. */
export function estimateClock(packets: readonly SeenTwice[]): ClockEstimate | undefined {
  const [first] = packets;
  if (!first) return undefined;
  const points = packets.map(({ reference, other, outward }) => ({
    at: secondsBetween(first.reference, reference),
    difference: secondsBetween(reference, other),
    outward,
  }));
  const drift = driftOf(points);
  const atStart = ({ at, difference }: { at: number; difference: number }) =>
    difference - (drift ?? 0) * at;
  // The packet that took least time says most: queueing only ever adds.
  const outward = points.filter(point => point.outward).map(atStart);
  const homeward = points.filter(point => !point.outward).map(atStart);
  const upper = outward.length > 0 ? outward.reduce((a, b) => Math.min(a, b)) : undefined;
  const lower = homeward.length > 0 ? homeward.reduce((a, b) => Math.max(a, b)) : undefined;
  const both = upper !== undefined && lower !== undefined;
  return {
    offsetSeconds: both ? (upper + lower) / 2 : (upper ?? lower ?? 0),
    uncertaintySeconds: both ? Math.abs(upper - lower) / 2 : null,
    driftPpm: drift === undefined ? null : drift * 1e6,
    packets: points.length,
  };
}

/** Least-squares slope of the difference over time. */
function driftOf(points: readonly { at: number; difference: number }[]): number | undefined {
  const times = points.map(({ at }) => at);
  const span = times.reduce((a, b) => Math.max(a, b)) - times.reduce((a, b) => Math.min(a, b));
  if (points.length < DRIFT_PACKETS || span < DRIFT_SPAN_SECONDS) return undefined;
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const [atMean, differenceMean] = [mean(times), mean(points.map(p => p.difference))];
  let numerator = 0;
  let denominator = 0;
  for (const { at, difference } of points) {
    numerator += (at - atMean) * (difference - differenceMean);
    denominator += (at - atMean) ** 2;
  }
  return numerator / denominator;
}
