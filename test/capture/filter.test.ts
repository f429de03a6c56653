import { describe, expect, it } from 'vitest';
import { bpfProgram, NOTHING } from '../../src/capture/bpf-filter.js';
import type { CaptureFilter } from '../../src/capture/filter.js';
import { pcapFilterText } from '../../src/capture/pcap-filter.js';
import { readCaptureFile } from '../../src/capture-file/file.js';
import { StalesumError } from '../../src/errors.js';
import { recordings } from '../support/recordings.js';
import {
  damagedFrames,
  FILTERS,
  hasTcpdump,
  LINKTYPE_ETHERNET,
  LINKTYPE_RAW,
  programPasses,
  tcpdumpPasses,
  wholeFrames,
} from './support.js';

const frames = wholeFrames();
const tunnel = (more: object): CaptureFilter => ({ kind: 'tunnel', port: 8472, ...more });

const filterPasses = (filter: CaptureFilter, of = frames) =>
  programPasses(of, bpfProgram(filter, LINKTYPE_ETHERNET));

describe('a filter as a program', () => {
  it('lets everything pass, whole; or nothing', () => {
    expect(filterPasses({ kind: 'all' })).toHaveLength(frames.length);
    expect(programPasses(frames, NOTHING)).toEqual([]);
  });

  it('narrows with every condition, and never to nothing', () => {
    const counts = [
      tunnel({}),
      tunnel({ onlyNonZeroChecksum: true }),
      tunnel({ onlyNonZeroChecksum: true, inner: { address: '10.244.1.2' } }),
      tunnel({ onlyNonZeroChecksum: true, inner: { address: '10.244.1.2', port: 8080 } }),
    ].map(filter => filterPasses(filter).length);
    expect(counts).toEqual([...counts].sort((a, b) => b - a));
    expect(new Set(counts).size).toBe(counts.length);
    expect(counts.at(-1)).toBeGreaterThan(10);
  });

  it.each([
    ['a port of 0', { kind: 'tunnel', port: 0 }],
    ['a port of 65536', { kind: 'tunnel', port: 65536 }],
    ['an inner port of -1', { kind: 'tunnel', port: 1, inner: { port: -1 } }],
    ['a host that none is', { kind: 'hosts', addresses: ['10.244.1.300'] }],
    ['an address that none is', { kind: 'tunnel', port: 1, inner: { address: '10.0.0' } }],
  ] as const)('refuses %s', (_, filter) => {
    expect(() => bpfProgram(filter, LINKTYPE_ETHERNET)).toThrow(StalesumError);
    expect(() => pcapFilterText(filter)).toThrow(StalesumError);
  });
});

describe.skipIf(!hasTcpdump && process.env.STALESUM_REQUIRE_LIVE !== '1')(
  'a filter, against tcpdump',
  () => {
    it.each(FILTERS)('lets the same frames pass: %s', (_, filter, byHand) => {
      const passed = filterPasses(filter);
      expect(passed).toEqual(tcpdumpPasses(frames, LINKTYPE_ETHERNET, pcapFilterText(filter)));
      if (byHand !== '') expect(passed).toEqual(tcpdumpPasses(frames, LINKTYPE_ETHERNET, byHand));
      expect(passed.length).toBeGreaterThan(0);
    });

    const damaged = damagedFrames(frames);
    it.each(FILTERS)('lets the same damaged frames pass: %s', (_, filter) => {
      const expected = tcpdumpPasses(damaged, LINKTYPE_ETHERNET, pcapFilterText(filter));
      expect(filterPasses(filter, damaged)).toEqual(expected);
    });

    const packets = [...frames, ...damaged]
      .filter(frame => [0x08, 0x86].includes(frame[12] ?? 0) && frame.length > 15)
      .map(frame => frame.slice(14));
    it.each(FILTERS)('lets the same packets without a link-layer header pass: %s', (_, filter) => {
      const expected = tcpdumpPasses(packets, LINKTYPE_RAW, pcapFilterText(filter));
      expect(programPasses(packets, bpfProgram(filter, LINKTYPE_RAW))).toEqual(expected);
    });

    it('lets the same frames of every recording pass', async () => {
      const recorded: number[][] = [];
      for (const recording of recordings) {
        for (const node of ['node-a', 'node-b']) {
          for (const file of ['overlay.pcap', 'underlay.pcap']) {
            await readCaptureFile(recording.file(node, file), ({ bytes, start, end }) => {
              recorded.push([...bytes.subarray(start, end)]);
            });
          }
        }
      }
      expect(recorded.length).toBeGreaterThan(1000);
      for (const [, filter] of FILTERS) {
        const expected = tcpdumpPasses(recorded, LINKTYPE_ETHERNET, pcapFilterText(filter));
        expect(filterPasses(filter, recorded)).toEqual(expected);
      }
    });
  },
);
