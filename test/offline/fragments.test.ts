/** Outer fragments put together: in any order, in bounded memory, and honest about what is missing. */
import { describe, expect, test } from 'vitest';
import { DEFAULT_OBSERVER_LIMITS } from '../../src/analysis/capture-observer.js';
import { DEFAULT_REASSEMBLY_LIMITS } from '../../src/analysis/fragment-reassembly.js';
import {
  type Bytes,
  ethernet,
  ipv4,
  ipv6,
  TCP,
  tcp,
  UDP,
  u16,
  u32,
  vxlanDatagram,
} from '../support/packet-builder.js';
import { fixture, observe, observeFile, type Shown, tunnelled } from './support.js';

const V4 = { source: '192.168.50.1', destination: '192.168.50.2' };
const V6 = { source: 'fd50::1', destination: 'fd50::2' };
const CLIENT = {
  source: '10.244.0.0',
  destination: '10.244.1.2',
  sourcePort: 64139,
  destinationPort: 8080,
};

const inner = (payload: Bytes = []) =>
  ethernet({ payload: ipv4({ ...CLIENT, protocol: TCP, payload: tcp({ ...CLIENT, payload }) }) });
const datagram = (outer: typeof V4, checksum?: number) =>
  vxlanDatagram({
    ...outer,
    sourcePort: 40001,
    frame: inner(new Array<number>(300).fill(7)),
    ...(checksum === undefined ? {} : { checksum }),
  });

function fragment4(data: Bytes, from: number, to: number, identification = 5): number[] {
  const moreFragments = to < data.length;
  const payload = data.slice(from, to);
  const fields = { ...V4, protocol: UDP, payload, identification };
  return ethernet({ payload: ipv4({ ...fields, fragmentOffset: from, moreFragments }) });
}

function fragment6(data: Bytes, from: number, to: number, front: Bytes = []): number[] {
  const more = to < data.length ? 1 : 0;
  const header = [UDP, 0, ...u16(from | more), ...u32(77)];
  const protocol = front.length > 0 ? 60 : 44;
  const payload = [...front, ...header, ...data.slice(from, to)];
  return ethernet({ payload: ipv6({ ...V6, protocol, payload }) });
}

const CUTS = [0, 104, 208, 312] as const;
type Cut = (data: Bytes, from: number, to: number) => number[];
const pieces = (data: Bytes, cut: Cut = fragment4) =>
  CUTS.map((from, i) => cut(data, from, CUTS[i + 1] ?? data.length));

/** State, bytes missing, and the frame of the only datagram. */
function only(frames: readonly Shown[]) {
  const { outerPorts } = tunnelled(observe(frames))[0]!;
  const { outerChecksum, frame } = outerPorts[0]!.first;
  return { state: outerChecksum.state, missing: outerChecksum.missing, frame };
}

describe('a datagram in fragments', () => {
  const right = pieces(datagram(V4));

  test('is judged whole, and belongs to the frame of its last fragment', () => {
    const seen = observe(right);
    expect(only(right)).toEqual({ state: 'valid', missing: 0, frame: 4 });
    expect(seen).toMatchObject({
      frames: 4,
      tunnelDatagrams: 1,
      laterFragments: 3,
      fragments: { reassembled: 1, incomplete: 0, evicted: 0, overlapping: 0 },
    });
    expect(seen.flows).toHaveLength(1);
  });

  test('is found wrong where it is', () => {
    expect(only(pieces(datagram(V4, 0x1234)))).toMatchObject({ state: 'mismatch', frame: 4 });
  });

  test('may come in any order', () => {
    for (const order of [
      [3, 2, 1, 0],
      [1, 0, 3, 2],
      [2, 3, 0, 1],
    ]) {
      expect(only(order.map(i => right[i]!))).toEqual({ state: 'valid', missing: 0, frame: 4 });
    }
  });

  test('may be captured twice, as with -i any', () => {
    const doubled = right.flatMap(frame => [frame, frame]);
    expect(only(doubled)).toMatchObject({ state: 'valid', frame: 7 });
    expect(observe([...right, ...right])).toMatchObject({
      tunnelDatagrams: 2,
      fragments: { reassembled: 2 },
    });
  });

  test('over IPv6 too, with extension headers in front', () => {
    const data = datagram(V6);
    expect(only(pieces(data, fragment6))).toEqual({ state: 'valid', missing: 0, frame: 4 });
    const front = [44, 0, 1, 4, 0, 0, 0, 0];
    const frames = pieces(data, (bytes, from, to) => fragment6(bytes, from, to, front));
    expect(only(frames)).toEqual({ state: 'valid', missing: 0, frame: 4 });
  });

  test('beside another with the same identification on another interface or from elsewhere', () => {
    const other = pieces(datagram(V4, 0x1234), (data, from, to) => fragment4(data, from, to, 6));
    const mixed = right.flatMap((frame, i) => [frame, other[i]!]);
    expect(tunnelled(observe(mixed))[0]!.datagrams).toMatchObject({ valid: 1, mismatch: 1 });
  });
});

describe('a datagram of which a fragment is missing', () => {
  const wrong = datagram(V4, 0x1234);
  const all = pieces(wrong);

  test('is unverifiable, by so many bytes, and belongs to its first fragment', () => {
    expect(only([all[0]!, all[1]!, all[3]!])).toEqual({
      state: 'unverifiable',
      missing: 104,
      frame: 1,
    });
    expect(only([all[3]!, all[0]!])).toEqual({ state: 'unverifiable', missing: 208, frame: 2 });
  });

  test('is known in length by its UDP header where the last one is missing', () => {
    const missing = wrong.length - 104;
    expect(only([all[0]!])).toEqual({ state: 'unverifiable', missing, frame: 1 });
  });

  test('shows nothing without its first one', () => {
    expect(observe(all.slice(1))).toMatchObject({
      flows: [],
      tunnelDatagrams: 0,
      laterFragments: 3,
      fragments: { incomplete: 1, reassembled: 0 },
    });
  });

  test('or cut off by the snaplen, is unverifiable', () => {
    const cut = { bytes: all[1]!.slice(0, 100), originalLength: all[1]!.length };
    const missing = all[1]!.length - 100;
    expect(only([all[0]!, cut, all[2]!, all[3]!])).toMatchObject({
      state: 'unverifiable',
      missing,
    });
  });

  test('is not waited for longer than 30 s of capture time', () => {
    const late = [{ bytes: all[0]!, at: 0 }, ...all.slice(1).map(bytes => ({ bytes, at: 31 }))];
    expect(observe(late).fragments).toMatchObject({ reassembled: 0, incomplete: 2 });
    const soon = [{ bytes: all[0]!, at: 0 }, ...all.slice(1).map(bytes => ({ bytes, at: 29 }))];
    expect(observe(soon).fragments).toMatchObject({ reassembled: 1, incomplete: 0 });
  });

  test('can still be told to be zero, or partial', () => {
    expect(only([pieces(datagram(V4, 0))[0]!]).state).toBe('zero');
  });
});

describe('fragments that contradict each other', () => {
  const data = datagram(V4, 0x1234);
  const overlap = (from: number, to: number, fill: number) =>
    fragment4(
      data.map((byte, i) => (i >= from ? fill : byte)),
      from,
      to,
    );

  test.each([
    ['one over the end of another', overlap(96, 208, 1)],
    ['the same place with other bytes', overlap(104, 208, 1)],
    ['one within another', overlap(112, 120, 1)],
  ])('%s: the datagram is dropped whole, never called wrong', (_name, extra) => {
    const [a, b, c, d] = pieces(data);
    const seen = observe([a!, b!, extra, c!, d!]);
    expect(seen.fragments).toMatchObject({ overlapping: 1, reassembled: 0 });
    expect(tunnelled(seen)[0]!.datagrams).toMatchObject({ total: 1, unverifiable: 1, mismatch: 0 });
  });

  test('two ends', () => {
    const [a, , c, d] = pieces(data);
    const early = fragment4(data.slice(0, 208), 104, 208);
    expect(observe([a!, d!, early, c!]).fragments.overlapping).toBe(1);
  });

  test('beyond 65535 bytes: no such packet (ping of death)', () => {
    const payload = new Array<number>(64).fill(0);
    const far = ipv4({ ...V4, protocol: UDP, payload, fragmentOffset: 65528 });
    expect(observe([ethernet({ payload: far })]).fragments.incomplete).toBe(0);
  });
});

describe('memory', () => {
  test('is bounded: the oldest has to go, and is unverifiable', () => {
    const limits = {
      ...DEFAULT_OBSERVER_LIMITS,
      reassembly: { ...DEFAULT_REASSEMBLY_LIMITS, datagrams: 10 },
    };
    const data = datagram(V4, 0x1234);
    const firsts = Array.from({ length: 25 }, (_, i) => fragment4(data, 0, 104, i + 1));
    const seen = observe(firsts, { limits });
    expect(seen.fragments).toMatchObject({ incomplete: 25, evicted: 15 });
    expect(tunnelled(seen)[0]!.datagrams).toMatchObject({ total: 25, unverifiable: 25 });
  });

  test('of a bound in bytes', () => {
    const limits = {
      ...DEFAULT_OBSERVER_LIMITS,
      reassembly: { ...DEFAULT_REASSEMBLY_LIMITS, bytes: 4000 },
    };
    const firsts = Array.from({ length: 25 }, (_, i) => fragment4(datagram(V4), 0, 208, i + 1));
    expect(observe(firsts, { limits }).fragments.evicted).toBeGreaterThan(10);
  });
});

describe('captures of a real kernel', () => {
  test('tcpdump: two datagrams each way in two fragments', async () => {
    const { observation } = await observeFile(fixture('vxlan-port-12345.pcap'));
    expect(observation.fragments).toEqual({
      reassembled: 2,
      incomplete: 0,
      evicted: 0,
      overlapping: 0,
    });
    expect(observation.laterFragments).toBe(2);
  });

  test('tcpdump with a filter on the port: first fragments only', async () => {
    const { observation, outer } = await observeFile(fixture('first-fragments-only.pcap'));
    expect(observation.fragments).toMatchObject({ reassembled: 0, incomplete: 2 });
    expect([...outer.values()].filter(state => state === 'unverifiable')).toHaveLength(2);
  });
});
