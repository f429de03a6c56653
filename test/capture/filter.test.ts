import { describe, expect, it } from 'vitest';
import { bpfProgram, NOTHING } from '../../src/capture/bpf-filter.js';
import type { CaptureFilter } from '../../src/capture/filter.js';
import { pcapFilterText } from '../../src/capture/pcap-filter.js';
import { readCaptureFile } from '../../src/capture-file/file.js';
import { StalesumError } from '../../src/errors.js';
import {
  type Bytes,
  ethernet,
  FLAGS,
  ip,
  ipv4,
  TCP,
  tcp,
  tunnelFrame,
  UDP,
  udp,
} from '../support/packet-builder.js';
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
      tunnel({ inner: { address: '10.244.1.2' } }),
      tunnel({ inner: { address: '10.244.1.2', port: 8080 } }),
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
    ['no port of a tunnel that is none', { kind: 'checksummed', ports: [8472, 0] }],
    ['an address that none is', { kind: 'tunnel', port: 1, inner: { address: '10.0.0' } }],
  ] as const)('refuses %s', (_, filter) => {
    expect(() => bpfProgram(filter, LINKTYPE_ETHERNET)).toThrow(StalesumError);
    expect(() => pcapFilterText(filter)).toThrow(StalesumError);
  });
});

describe('a sample of checksums in use', () => {
  const NODES = { source: '192.168.50.1', destination: '192.168.50.2' };
  const PODS = { source: '10.244.0.0', destination: '10.244.1.2' };
  const PODS_6 = { source: 'fd00:1::1', destination: 'fd00:1::2' };
  const PORTS = { sourcePort: 40000, destinationPort: 8080 };
  const datagram = (payload: Bytes, more: object = {}) =>
    tunnelFrame({ ...NODES, sourcePort: 45678, frame: ethernet({ payload }), ...more });
  const packet = (pods: typeof PODS, flags: number) =>
    ip({ ...pods, protocol: TCP, payload: tcp({ ...pods, ...PORTS, flags }) });
  const geneve = (words: number, payload: Bytes) => {
    const options = Array.from({ length: words * 4 }, () => 0x11);
    const header = [words, 0, 0x65, 0x58, 0, 0, 1, 0];
    return ethernet({
      payload: ip({
        ...NODES,
        protocol: UDP,
        payload: udp({
          ...NODES,
          sourcePort: 45678,
          destinationPort: 6081,
          payload: [...header, ...options, ...ethernet({ payload })],
        }),
      }),
    });
  };
  const first = [
    datagram(packet(PODS, FLAGS.syn)),
    datagram(packet(PODS, FLAGS.syn | FLAGS.ack)),
    datagram(packet(PODS_6, FLAGS.syn)),
    datagram(
      ipv4({
        ...PODS,
        protocol: TCP,
        payload: tcp({ ...PODS, ...PORTS }),
        options: [1, 1, 1, 0],
      }),
    ),
    geneve(0, packet(PODS, FLAGS.syn)),
    geneve(3, packet(PODS, FLAGS.syn)),
    datagram(packet(PODS, FLAGS.ack), { checksum: 0xffff }),
  ];
  const other = [
    datagram(packet(PODS, FLAGS.ack)),
    datagram(packet(PODS_6, FLAGS.ack)),
    datagram(
      ip({ ...PODS, protocol: UDP, payload: udp({ ...PODS, ...PORTS, payload: [2, 2, 2] }) }),
    ),
    geneve(3, packet(PODS, FLAGS.ack)),
  ];
  const zero = [datagram(packet(PODS, FLAGS.syn), { checksum: 'zero' })];
  const all = [...first, ...other, ...zero];
  const passed = (sample: { first: number; other: number }, random: number) =>
    programPasses(
      all,
      bpfProgram({ kind: 'checksummed', ports: [8472, 6081], sample }, LINKTYPE_ETHERNET),
      () => random,
    );
  const firsts = first.map((_, index) => index);
  const others = other.map((_, index) => first.length + index);

  it('has every beginning of a connection and no other, or every other, as chance will', () => {
    const quarter = 2 ** 30;
    expect(passed({ first: 1, other: 4 }, quarter)).toEqual(firsts);
    expect(passed({ first: 1, other: 4 }, quarter - 1)).toEqual([...firsts, ...others]);
    expect(passed({ first: 4, other: 1 }, quarter)).toEqual(others);
    expect(passed({ first: 4, other: 4 }, 0)).toEqual([...firsts, ...others]);
    expect(passed({ first: 4, other: 4 }, 2 ** 32 - 1)).toEqual([]);
  });

  it('of all is all, without asking for chance', () => {
    expect(passed({ first: 1, other: 1 }, Number.NaN)).toEqual([...firsts, ...others]);
  });

  it.each([0, 1.5, 2 ** 21])('of one in %d is refused', other => {
    const filter = { kind: 'checksummed', ports: [8472], sample: { first: 1, other } } as const;
    expect(() => bpfProgram(filter, LINKTYPE_ETHERNET)).toThrow(StalesumError);
    if (other > 1) expect(() => pcapFilterText(filter)).toThrow(StalesumError);
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
