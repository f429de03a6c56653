import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bpfProgram } from '../../src/capture/bpf-filter.js';
import { type Capture, type Frame, runScript } from '../capture/live/run.js';
import {
  damagedFrames,
  FILTERS,
  LINKTYPE_ETHERNET,
  programPasses,
  wholeFrames,
} from '../capture/support.js';
import { describeLive } from './require-live.js';

/** Two engines may look at the clock one after the other. */
const TIME_TOLERANCE_NANOSECONDS = 5e6;

/** What is the same for every engine. */
const contents = ({ frames }: Capture) =>
  frames.map(({ hex, originalLength, linkType, number }) => ({
    hex,
    originalLength,
    linkType,
    number,
  }));

function expectSame(capture: Capture, other: Capture) {
  expect(contents(capture)).toEqual(contents(other));
  const apart = capture.frames.map(({ seconds, nanoseconds }, index) => {
    const same = other.frames[index]!;
    return Math.abs((seconds - same.seconds) * 1e9 + nanoseconds - same.nanoseconds);
  });
  expect(Math.max(0, ...apart)).toBeLessThan(TIME_TOLERANCE_NANOSECONDS);
}

describeLive('the engines, on the same traffic', () => {
  let captures: readonly Capture[];
  let withoutPcap: string | undefined;

  beforeAll(async () => {
    const told = await runScript<{ captures: Capture[]; withoutPcap?: string }>('same-traffic');
    ({ captures, withoutPcap } = told);
    if (withoutPcap !== undefined) console.warn(`engine pcap left out: ${withoutPcap}`);
  });

  const of = (engine: string) => captures.filter(capture => capture.engine === engine);

  it('captured a conversation at each of four points, in two namespaces', () => {
    expect(of('ring').map(({ node, device }) => `${node}/${device}`)).toEqual([
      'node-a/flannel.1',
      'node-a/eth0',
      'node-b/eth0',
      'node-b/eth0',
    ]);
    for (const { frames, statistics } of captures) {
      expect(frames.length).toBeGreaterThan(20);
      expect(statistics).toMatchObject({ linkType: LINKTYPE_ETHERNET, kernelDrops: 0 });
      expect(statistics.frames).toBe(frames.length);
      expect(statistics.interruption).toBeUndefined();
    }
  });

  it('saw frames that offload had left whole', () => {
    const lengths = of('ring').map(({ frames }) => Math.max(...frames.map(f => f.hex.length / 2)));
    expect(Math.min(...lengths)).toBeGreaterThan(4000);
  });

  it('agree byte for byte, in the same order, at the same times', () => {
    const rings = of('ring');
    const others = [...of('tcpdump'), ...of('pcap')];
    expect(others).toHaveLength(withoutPcap === undefined ? 8 : 4);
    others.forEach((other, index) => {
      expectSame(rings[index % rings.length]!, other);
    });
  });

  it('let only the ring tell directions and pending checksums', () => {
    for (const { engine, device, frames } of captures) {
      const directions = new Set(frames.map(({ direction }) => direction));
      expect(directions).toEqual(new Set(engine === 'ring' ? ['in', 'out'] : ['unknown']));
      const pending = frames.filter(({ checksumPending }) => checksumPending);
      if (engine !== 'ring') expect(pending).toEqual([]);
      else if (device === 'flannel.1') {
        // Whatever the node's own stack sends has its checksum finished further on.
        const out = frames.filter(({ direction }) => direction === 'out');
        expect(pending).toEqual(expect.arrayContaining(out));
        expect(pending.length).toBeLessThan(frames.length);
      }
    }
  });

  it('give nanoseconds, but for pcap', () => {
    const isWhole = ({ nanoseconds }: Frame) => nanoseconds % 1000 === 0;
    for (const { engine, frames } of captures) {
      expect(frames.every(isWhole)).toBe(engine === 'pcap');
    }
  });
});

describeLive('filters in the kernel', () => {
  const whole = wholeFrames();
  // A link wants an Ethernet header, and whole tags.
  const damaged = damagedFrames(whole).filter(
    (frame, index) =>
      index % 7 === 0 && frame.length > 20 && ![0x81, 0x88].includes(frame[12] ?? 0),
  );
  const frames = [...whole, ...damaged];
  const folder = mkdtempSync(join(tmpdir(), 'stalesum-frames-'));
  let results: readonly { readonly name: string; readonly captures: readonly Capture[] }[];

  beforeAll(async () => {
    const file = join(folder, 'frames.json');
    const text = JSON.stringify({
      frames: frames.map(frame => Buffer.from(frame).toString('hex')),
      filters: FILTERS,
    });
    writeFileSync(file, text);
    results = await runScript('frames', file);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(
    FILTERS.map(([name], index) => [name, index] as const),
  )('pass what the interpreter says, and what tcpdump does: %s', (_, index) => {
    const [left, leftTcpdump, right, rightTcpdump] = results[index]!.captures;
    const passed = programPasses(frames, bpfProgram(FILTERS[index]![1], LINKTYPE_ETHERNET));
    const sent = passed.map(number => Buffer.from(frames[number]!).toString('hex'));
    expect(left!.frames.map(({ hex }) => hex)).toEqual(sent);
    expect(passed.length).toBeGreaterThan(3);
    expectSame(left!, leftTcpdump!);
    expectSame(right!, rightTcpdump!);
    for (const { statistics } of results[index]!.captures) expect(statistics.kernelDrops).toBe(0);
  });

  it('show at the other end the VLAN tags that the kernel took out of the bytes', () => {
    const [left, , right] = results[0]!.captures;
    expect(contents(right!)).toEqual(contents(left!));
    const tagged = right!.frames.filter(({ hex }) => /^.{24}(8100|88a8)/.test(hex));
    expect(tagged.length).toBeGreaterThan(100);
    expect(new Set(right!.frames.map(({ direction }) => direction))).toEqual(new Set(['in']));
    expect(new Set(left!.frames.map(({ direction }) => direction))).toEqual(new Set(['out']));
  });
});
