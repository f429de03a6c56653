/** Hostile shapes: memory and time stay within bounds, and reaching one is said, never guessed over. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CaptureObserver, DEFAULT_OBSERVER_LIMITS } from '../../src/analysis/capture-observer.js';
import { DEFAULT_FLOW_LIMITS } from '../../src/analysis/flow-recorder.js';
import { isBoundReached, observationWarnings } from '../../src/analysis/observation-warnings.js';
import { capturedFrame } from '../support/frames.js';
import {
  ethernet,
  ipv4,
  patched,
  TCP,
  tcp,
  tunnelFrame,
  UDP,
  u16,
  u32,
} from '../support/packet-builder.js';
import { generate } from './generator.js';
import { observe, tunnelled } from './support.js';

const OUTER = { source: '192.168.50.1', destination: '192.168.50.2', sourcePort: 40001 };
const POD = {
  source: '10.244.0.0',
  destination: '10.244.1.2',
  sourcePort: 64139,
  destinationPort: 80,
};
const SYN = tunnelFrame({
  ...OUTER,
  frame: ethernet({ payload: ipv4({ ...POD, protocol: TCP, payload: tcp(POD) }) }),
});
/** Where in it the inner source address, and the inner source port stand. */
const SOURCE_AT = 14 + 20 + 8 + 8 + 14 + 12;
const OUTER_CHECKSUM_AT = 14 + 20 + 6;

/** So many SYNs, each of another flow; the outer checksum is made zero, or left wrong. */
function* flows(count: number, isWrong: (index: number) => boolean = () => false) {
  for (let i = 0; i < count; i++) {
    const frame = patched(SYN, SOURCE_AT, u32(0x0a00_0000 + i));
    yield isWrong(i) ? frame : patched(frame, OUTER_CHECKSUM_AT, [0, 0]);
  }
}

describe('flows', () => {
  const limits = {
    ...DEFAULT_OBSERVER_LIMITS,
    flows: { ...DEFAULT_FLOW_LIMITS, flows: 100, suspectFlows: 10 },
  };

  test('beyond the bound are counted, and that is said', () => {
    const seen = observe([...flows(150)], { limits });
    expect(seen.flows).toHaveLength(100);
    expect(seen.overflow).toMatchObject({
      packets: 50,
      datagrams: { total: 50, zero: 50, mismatch: 0 },
    });
    expect(isBoundReached(seen)).toBe(true);
    expect(observationWarnings('a', seen)).toEqual([
      'a: more than 100 flows: 50 packets of further ones were only counted (50 tunnel datagrams, 0 of them with a wrong checksum)',
    ]);
    expect(isBoundReached(observe([...flows(100)], { limits }))).toBe(false);
  });

  test('with a wrong checksum still have room: evidence is not crowded out', () => {
    const seen = observe([...flows(150, i => i >= 140)], { limits });
    expect(tunnelled(seen).filter(({ datagrams }) => datagrams.mismatch > 0)).toHaveLength(10);
  });

  test('known before go on being counted', () => {
    const all = [...flows(150)];
    const seen = observe([...all, ...all], { limits });
    expect(seen.flows.every(({ packets }) => packets === 2)).toBe(true);
    expect(seen.overflow.packets).toBe(100);
  });
});

test('records of all flows together are bounded: each keeps the first of a kind', () => {
  const limits = { ...DEFAULT_OBSERVER_LIMITS, flows: { ...DEFAULT_FLOW_LIMITS, records: 20 } };
  const all = [...flows(50)];
  const seen = observe([...all, ...all.map(frame => patched(frame, SOURCE_AT - 8, u16(7)))], {
    limits,
  });
  const kept = seen.flows.map(({ syns }) => syns.length);
  expect(kept).toEqual(kept.map(() => 1));
  expect(seen.flows.every(({ packets }) => packets === 2)).toBe(true);
});

describe('in time and memory linear', () => {
  const heap = () => {
    globalThis.gc?.();
    return process.memoryUsage().heapUsed / 2 ** 20;
  };
  const run = (
    count: number,
    make: (i: number, bytes: Uint8Array, view: DataView) => void,
    frame: readonly number[],
  ) => {
    const observer = new CaptureObserver();
    const shown = capturedFrame({ bytes: frame, at: 0 }, 1);
    const start = process.cpuUsage().user;
    for (let i = 0; i < count; i++) {
      make(i, shown.bytes, shown.view);
      shown.number = i + 1;
      observer.visit(shown);
    }
    return { seen: observer.result(), seconds: (process.cpuUsage().user - start) / 1e6 };
  };

  test('300,000 flows', () => {
    const before = heap();
    const { seen, seconds } = run(300_000, (i, _bytes, view) => view.setUint32(SOURCE_AT, i), SYN);
    expect(seen.flows.length).toBe(DEFAULT_FLOW_LIMITS.flows + DEFAULT_FLOW_LIMITS.suspectFlows);
    expect(seen.overflow.packets + seen.flows.length).toBe(300_000);
    expect(heap() - before).toBeLessThan(300);
    expect(seconds).toBeLessThan(20);
  }, 60_000);

  test('one flow with 300,000 SYNs from as many outer ports', () => {
    const { seen, seconds } = run(
      300_000,
      (i, _bytes, view) => view.setUint16(34, i & 0xffff),
      SYN,
    );
    expect(seen.flows).toHaveLength(1);
    expect(seen.flows[0]!.outerPorts).toHaveLength(64);
    expect(seen.flows[0]!.syns.length).toBeLessThanOrEqual(64);
    expect(seconds).toBeLessThan(20);
  }, 60_000);

  test('100,000 fragments that never complete', () => {
    const payload = new Array<number>(1400).fill(1);
    const first = ethernet({
      payload: ipv4({ ...OUTER, protocol: UDP, payload, moreFragments: true }),
    });
    const { seen, seconds } = run(
      100_000,
      (i, _bytes, view) => {
        view.setUint16(14 + 4, i & 0xffff);
        view.setUint8(14 + 15, i >>> 16);
      },
      first,
    );
    expect(seen.fragments.incomplete).toBe(100_000);
    expect(seen.fragments.evicted).toBeGreaterThan(90_000);
    expect(seconds).toBeLessThan(20);
  }, 60_000);
});

describe('any bytes', () => {
  const linkTypes = fc.constantFrom(0, 1, 9, 12, 14, 101, 108, 113, 228, 229, 239, 276, 147);

  test('at random are observed without a fault', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 150 }), { maxLength: 20 }),
        linkTypes,
        (list, linkType) => {
          const seen = observe(
            list.map(bytes => [...bytes]),
            { linkType },
          );
          expect(seen.frames).toBe(list.length);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('of traffic with bits flipped, cut off, and wrong about their length are observed without a fault', () => {
    const frames = generate(9, 40);
    const damage = fc.record({
      flips: fc.array(fc.tuple(fc.nat(), fc.nat(7)), { maxLength: 8 }),
      cut: fc.option(fc.nat()),
      longer: fc.option(fc.nat(200_000)),
    });
    fc.assert(
      fc.property(
        fc.array(damage, { minLength: frames.length, maxLength: frames.length }),
        list => {
          const shown = frames.map(({ bytes }, i) => {
            const { flips, cut, longer } = list[i]!;
            const copy = [...bytes];
            for (const [at, bit] of flips) copy[at % copy.length]! ^= 1 << bit;
            const kept = cut === null ? copy : copy.slice(0, cut % (copy.length + 1));
            return { bytes: kept, originalLength: kept.length + (longer ?? 0) };
          });
          const seen = observe(shown);
          const { overlapping, incomplete, reassembled } = seen.fragments;
          expect(seen.frames).toBe(frames.length);
          expect(overlapping + incomplete + reassembled).toBeLessThanOrEqual(frames.length);
        },
      ),
      { numRuns: 200 },
    );
  });
});
