/** What the writers take, and what no capture file can hold. */

import { StalesumError } from '../errors.js';
import type { CapturedFrame } from './frame.js';
import { maximumCapturedLength } from './walker.js';

/** The part of a frame that is written; a `CapturedFrame` is one. */
export type WritableFrame = Pick<
  CapturedFrame,
  'bytes' | 'start' | 'end' | 'originalLength' | 'seconds' | 'nanoseconds' | 'direction'
>;

/** Throws a StalesumError (`write-failed`) if the frame cannot be written with times to `lastSecond`. */
export function assertWritable(frame: WritableFrame, lastSecond: number): void {
  const { seconds, nanoseconds } = frame;
  const timeFits =
    Number.isInteger(seconds) &&
    seconds >= 0 &&
    seconds <= lastSecond &&
    Number.isInteger(nanoseconds) &&
    nanoseconds >= 0 &&
    nanoseconds < 1e9;
  if (!timeFits)
    throw new StalesumError(
      'write-failed',
      `a frame of time ${seconds} s and ${nanoseconds} ns cannot be written: the format holds 0 to ${lastSecond} s`,
    );
  const captured = frame.end - frame.start;
  if (captured < 0 || captured > maximumCapturedLength)
    throw new StalesumError(
      'write-failed',
      `a frame of ${captured} captured bytes cannot be written: the limit is ${maximumCapturedLength}`,
    );
}
