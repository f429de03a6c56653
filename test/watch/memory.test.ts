/** A million flows, all of them wrong, as an attacker or a broken middlebox would send them. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { DatagramCounts } from '../../src/watch/counts.js';
import { Detector } from '../../src/watch/detector.js';
import { FlowMemory, MOST_FLOWS } from '../../src/watch/flow-memory.js';
import { capturedFrame } from '../support/frames.js';
import { syn, tunnelled } from '../support/traffic.js';
import { PORTS, watching } from './support.js';

const FLOWS = 1_000_000;
/** Behind Ethernet, IPv4, UDP, VXLAN and Ethernet. */
const INNER_IP = 14 + 20 + 8 + 8 + 14;
const INNER_SOURCE = INNER_IP + 12;
const INNER_SEQUENCE = INNER_IP + 20 + 4;

describe('a million flows', () => {
  it('are each told and counted, in the memory of some', () => {
    const first = syn({ ...ENDS, source: '0.0.0.0' }, 1000, 0xffff_ffff);
    const frame = capturedFrame(
      { bytes: tunnelled(first, { port: 29051, madeFor: 42112 }), at: 0 },
      1,
    );
    let told = 0;
    const emit = () => {
      told++;
    };
    const detector = new Detector(PORTS, { emit, mayTell: () => true, keep: () => undefined });
    const counts = new DatagramCounts();
    const heaps: number[] = [];
    for (let flow = 0; flow < FLOWS; flow++) {
      // A word and its complement: together they change no sum, neither the inner nor the outer one.
      frame.view.setUint32(INNER_SOURCE, flow);
      frame.view.setUint32(INNER_SEQUENCE, ~flow >>> 0);
      frame.seconds += flow % 1000 === 0 ? 1 : 0;
      detector.take('eth0', frame, counts);
      if (flow === FLOWS / 4 || flow === FLOWS - 1) heaps.push(usedHeap());
    }
    expect(told).toBe(FLOWS);
    expect(counts.both('stale')).toBe(FLOWS);
    expect(detector.flowsHeld).toBe(MOST_FLOWS);
    expect(detector.flowsEvicted).toBe(FLOWS - MOST_FLOWS);
    const [early = 0, late = 0] = heaps;
    expect(late - early).toBeLessThan(4 << 20);
  });

  it('keep those that were seen last', () => {
    const { take, findings, of } = watching({ flows: 3 });
    const frame = (port: number) =>
      tunnelled(syn({ ...ENDS, sourcePort: port }), { port: port + 1000, madeFor: 50_000 });
    for (const port of [1, 2, 3, 1, 4, 1, 2]) take(frame(port));
    // 4 took the place of 2, and 2 that of 3.
    expect(findings().map(({ inner }) => inner?.source)).toEqual(
      [1, 2, 3, 4, 2].map(port => `${ENDS.source}:${port}`),
    );
    expect(of('flow')).toEqual([]);
    for (const port of [5, 6, 7]) take(frame(port));
    expect(of('flow')).toMatchObject([{ datagrams: 3, because: 'no-room' }]);
  });

  it('tell flows of IPv4, IPv6, protocols and tunnels apart', () => {
    expect(new FlowMemory().size).toBe(0);
    const { take, findings } = watching();
    const outer = { port: 29051, madeFor: 42112 };
    const other = { source: 'fd00:50::1', destination: 'fd00:50::2' };
    for (let round = 0; round < 2; round++) {
      take(tunnelled(syn(), outer));
      take(tunnelled(syn(), { ...outer, vni: 2 }));
      take(tunnelled(syn(), { ...outer, ...other }));
      take(tunnelled(syn({ ...ENDS, source: 'fd00:1::1', destination: 'fd00:1::2' }), outer));
    }
    expect(findings()).toHaveLength(4);
  });
});

const ENDS = {
  source: '10.244.0.9',
  destination: '10.244.1.2',
  sourcePort: 9,
  destinationPort: 8080,
};

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function usedHeap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}
