import { describe, expect, it } from 'vitest';
import { estimateClock, type SeenTwice } from '../../src/analysis/clocks.js';
import { addSeconds } from '../../src/time.js';

const START = { seconds: 1_795_000_000, nanoseconds: 999_999_000 };

/** A packet that leaves at `at` and takes `transit`, by a clock that is `offset` (plus drift) ahead. */
function packet(at: number, transit: number, offset: number, outward: boolean): SeenTwice {
  const reference = outward ? at : at + transit;
  const other = (outward ? at + transit : at) + offset;
  return { reference: addSeconds(START, reference), other: addSeconds(START, other), outward };
}

describe('the other clock', () => {
  it('is found between what both directions allow, half the round trip uncertain', () => {
    // NTP's arithmetic by hand: 2 ms out and 1 ms home, offset 10 s: (10.002 + 9.999) / 2, +/- 1.5 ms.
    const estimate = estimateClock([packet(0, 0.002, 10, true), packet(1, 0.001, 10, false)]);
    expect(estimate?.offsetSeconds).toBeCloseTo(10.0005, 6);
    expect(estimate?.uncertaintySeconds).toBeCloseTo(0.0015, 6);
  });

  it('is taken by the packets that took least', () => {
    const queued = [packet(0, 0.5, -3600, true), packet(1, 0.001, -3600, true)];
    const estimate = estimateClock([...queued, packet(2, 0.001, -3600, false)]);
    expect(estimate?.offsetSeconds).toBeCloseTo(-3600, 6);
  });

  it('has no stated uncertainty where one direction was seen', () => {
    const estimate = estimateClock([packet(0, 0.001, 5, true)]);
    expect(estimate).toMatchObject({ uncertaintySeconds: null, driftPpm: null, packets: 1 });
  });

  it('drifts by what its offset grows: 20 ppm are 1.2 ms a minute', () => {
    const packets = [0, 20, 40, 60].map(at => packet(at, 0.001, 7 + at * 20e-6, true));
    const estimate = estimateClock(packets);
    expect(estimate?.driftPpm).toBeCloseTo(20, 3);
    expect(estimate?.offsetSeconds).toBeCloseTo(7.001, 6);
  });

  it('is not known without a packet that both saw', () => {
    expect(estimateClock([])).toBeUndefined();
  });
});
