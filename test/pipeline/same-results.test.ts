/**
 * However a capture is read, the same comes of it: by one thread or several, through slabs of any length,
 * or frame by frame without any of that.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_EXIT_POLICY } from '../../src/analysis/exit-code.js';
import { pcapHeader, pcapRecord } from '../../src/capture-file/pcap-writer.js';
import {
  enhancedPacketBlock,
  interfaceDescriptionBlock,
  sectionHeaderBlock,
} from '../../src/capture-file/pcapng-writer.js';
import { StalesumError } from '../../src/errors.js';
import { examinePaths } from '../../src/evidence/examine.js';
import type { CaptureReader } from '../../src/pipeline/capture-reader.js';
import { FIXTURES } from '../offline/support.js';
import type { Bytes } from '../support/packet-builder.js';
import { recordedCaptures, recordings } from '../support/recordings.js';
import {
  EVERY_FILE,
  lastingFlows,
  oddTunnel,
  type PlacedFrame,
  readerOf,
  readPlainly,
  readThrough,
  SLABS,
} from './support.js';

const folder = mkdtempSync(join(tmpdir(), 'stalesum-pipeline-'));
afterAll(() => rmSync(folder, { recursive: true }));

const FORMAT_FIXTURES = new URL('../capture-file/fixtures/', import.meta.url).pathname;
const isCapture = (name: string) => /\.(pcap|pcapng)\d*(\.gz)?$/.test(name);
const within = (path: string) =>
  readdirSync(path)
    .filter(isCapture)
    .map(name => join(path, name));

const writable = ({ bytes, originalLength, interfaceIndex }: PlacedFrame, index: number) => ({
  bytes: Uint8Array.from(bytes),
  start: 0,
  end: bytes.length,
  originalLength,
  seconds: 1_795_000_000 + Math.floor(index / 1000),
  // Now and then a time from before, as several CPUs hand frames over.
  nanoseconds: ((index % 1000) + (index % 7 === 3 && index % 1000 > 3 ? -2 : 0)) * 1_000_000,
  direction: (['unknown', 'in', 'out'] as const)[index % 3]!,
  interfaceIndex,
});

/** Captures of lasting flows, with a frame longer than any slab's room for it in the midst. */
function writeLastingFlows(): string[] {
  const frames = lastingFlows(11, 40);
  const big: PlacedFrame = {
    bytes: new Array<number>(300_000).fill(0x45),
    originalLength: 300_000,
    interfaceIndex: 1,
  };
  frames.splice(1000, 0, big);
  frames.splice(2000, 0, big, { bytes: [], originalLength: 0, interfaceIndex: 0 });
  const records = frames.map(writable);
  const pcap = Buffer.concat([pcapHeader({ linkType: 1 }), ...records.map(pcapRecord)]);
  const names = ['eth0', 'flannel.1', 'eth1'];
  const pcapng = Buffer.concat([
    sectionHeaderBlock({ application: 'test' }),
    ...names.map(name => interfaceDescriptionBlock({ linkType: 1, name })),
    ...records.map(record => enhancedPacketBlock(record.interfaceIndex, record)),
  ]);
  const files: [string, Uint8Array][] = [
    ['lasting.pcap', pcap],
    ['lasting.pcapng', pcapng],
    ['lasting.pcapng.gz', gzipSync(pcapng)],
    ['cut.pcap', pcap.subarray(0, pcap.length - 5)],
    ['damaged.pcapng', Buffer.concat([pcapng.subarray(0, pcapng.length - 3), new Uint8Array(64)])],
  ];
  return files.map(([name, bytes]) => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  });
}

const lasting = writeLastingFlows();
const others = [
  ...recordedCaptures.map(({ path }) => path),
  ...within(FIXTURES),
  ...within(FORMAT_FIXTURES),
];

/** What came of reading a file, or why it could not be read. */
async function outcomeOf(reading: Promise<unknown>): Promise<unknown> {
  return reading.catch((thrown: unknown) => {
    if (thrown instanceof StalesumError) return { kind: thrown.kind, message: thrown.message };
    throw thrown;
  });
}

/** As text: the order of everything counts, too. */
const textOf = (outcome: unknown): string => JSON.stringify(outcome, null, 1);

const expected = new Map<string, string>();
beforeAll(async () => {
  for (const path of [...lasting, ...others]) {
    expected.set(path, textOf(await outcomeOf(readPlainly(path))));
  }
}, 60_000);

test('the captures at hand show every sort of flow, and tunnels on ports that nobody named', async () => {
  const { observations, summary } = await readPlainly(lasting[1]!);
  expect(summary.frames).toBeGreaterThan(5000);
  for (const observation of observations) {
    expect(observation!.foundTunnelPorts.length).toBeGreaterThanOrEqual(3);
    const sum = (of: 'valid' | 'zero' | 'partial' | 'mismatch' | 'unverifiable') =>
      observation!.flows.reduce((total, { datagrams }) => total + datagrams[of], 0);
    for (const state of ['valid', 'zero', 'partial', 'mismatch'] as const) {
      expect(sum(state)).toBeGreaterThan(30);
    }
  }
  expect(others.length).toBeGreaterThan(100);
});

describe.each([1, 2, 3, 7])('with %i threads', threads => {
  describe.each(Object.entries(SLABS))('and slabs %s', (_, slabs) => {
    let reader: CaptureReader;
    beforeAll(() => {
      reader = readerOf({ threads, slabs });
    });
    afterAll(() => reader.close());

    test.each(
      lasting.map(path => [path.slice(folder.length + 1), path]),
    )('%s', async (_name, path) => {
      expect(textOf(await outcomeOf(readThrough(reader, path)))).toBe(expected.get(path));
    });

    test('every recording and fixture', async () => {
      for (const path of others) {
        const found = textOf(await outcomeOf(readThrough(reader, path)));
        expect({ path, found }).toEqual({ path, found: expected.get(path) });
      }
    });
  });
});

test("a tunnel found in the midst of a slab: what was plain UDP before is the tunnel's from there on", async () => {
  const path = join(folder, 'found.pcap');
  const [lax, strict] = oddTunnel(20_003);
  // So many and so far apart that the flow of plain UDP keeps no more of them.
  const frames = [...new Array<Bytes>(80).fill(lax!), strict!, ...new Array<Bytes>(80).fill(lax!)];
  const records = frames.map((bytes, index) =>
    pcapRecord({
      ...writable({ bytes, originalLength: bytes.length, interfaceIndex: 0 }, 0),
      seconds: 1_795_000_000 + index,
    }),
  );
  writeFileSync(path, Buffer.concat([pcapHeader({ linkType: 1 }), ...records]));
  const plain = await readPlainly(path);
  expect(plain.observations[0]).toMatchObject({ tunnelDatagrams: 81, foundTunnelPorts: [20_003] });
  for (const slabs of Object.values(SLABS)) {
    const through = await readThrough(readerOf({ threads: 1, slabs }), path);
    expect(textOf(through)).toBe(textOf(plain));
  }
});

test('the verdict on every recording is the same, byte for byte', async () => {
  const policy = DEFAULT_EXIT_POLICY;
  for (const { folder: path } of recordings) {
    const plain = await examinePaths([path], {
      tunnelPorts: [],
      policy,
      reading: { plan: { smallestForKernel: Number.POSITIVE_INFINITY } },
    });
    const plan = { ...EVERY_FILE, threads: 1, slabs: SLABS['of 4 KB'] };
    const through = await examinePaths([path], { tunnelPorts: [], policy, reading: { plan } });
    expect(textOf(through)).toBe(textOf(plain));
  }
});

test('a fault of reading is the same fault from a thread', async () => {
  const path = join(folder, 'text.pcap');
  writeFileSync(path, 'tcpdump: listening on eth0');
  const fault = await outcomeOf(readPlainly(path));
  expect(fault).toMatchObject({ kind: 'bad-input' });
  // Several times, as the thread that hashes may start before the fault or after it.
  for (let round = 0; round < 8; round++) {
    const reader = readerOf({ threads: 2 });
    expect(await outcomeOf(readThrough(reader, path))).toEqual(fault);
    // And the threads read on.
    expect(textOf(await readThrough(reader, lasting[0]!))).toBe(expected.get(lasting[0]!));
    await reader.close();
  }
});

test('without a kernel everything is looked at, and comes to the same', async () => {
  expect(readFileSync(lasting[0]!).length).toBeGreaterThan(256 * 1024);
  const reader = readerOf({ threads: 1, smallestForKernel: Number.POSITIVE_INFINITY });
  expect(textOf(await readThrough(reader, lasting[0]!))).toBe(expected.get(lasting[0]!));
});
