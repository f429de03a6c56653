/** Captures compressed, cut, damaged, in several files and in folders of them. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { DEFAULT_EXIT_POLICY } from '../../src/analysis/exit-code.js';
import { readCaptureFile } from '../../src/capture-file/file.js';
import { readCaptureStream } from '../../src/capture-file/stream.js';
import { examineSources } from '../../src/evidence/examine.js';
import { readCaptures } from '../../src/evidence/read-captures.js';
import { withRotatedSets } from '../../src/evidence/rotated-sets.js';
import { rotationPlace } from '../../src/evidence/rotation.js';
import { withSources } from '../../src/evidence/sources.js';
import { CaptureReader } from '../../src/pipeline/capture-reader.js';
import { DEFAULT_TUNNEL_PORTS } from '../../src/wire/packet.js';
import { generate } from './generator.js';
import { FIXTURES, fixture, fixturesLike, lacks, observeFile, writePcap } from './support.js';

const expandSources = (paths: readonly string[]) => withSources(paths, async sources => sources);

const root = mkdtempSync(join(tmpdir(), 'stalesum-files-'));
afterAll(() => rmSync(root, { recursive: true }));
let folder = root;
let tests = 0;
beforeEach(() => {
  folder = join(root, String(tests++));
  mkdirSync(folder);
});

const RING = fixturesLike(/^ring_.*pcapng$/);
const TIMED = fixturesLike(/^timed-.*pcap$/);
const inFolder = (name: string) => join(folder, name);

/** The captures that paths stand for. */
async function captures(...paths: string[]) {
  const { captures: found } = await expandSources(paths);
  const sets = await withRotatedSets(found);
  const options = {
    tunnelPorts: DEFAULT_TUNNEL_PORTS,
    run: undefined,
    allowEmpty: sets.length > 1,
  };
  const reader = () => new CaptureReader(options);
  const reading = sets.map(source => readCaptures(source, { ...options, reader: reader() }));
  return (await Promise.all(reading)).flat();
}

const none = () => {};
const SOME = generate(7, 800);

describe('gzip', () => {
  test('a capture that a shell compressed, in two members, reads as the capture does', async () => {
    const plain = await observeFile(fixture('vxlan-port-12345.pcap'));
    const packed = await observeFile(fixture('members.pcap.gz'));
    expect(packed.observation).toEqual(plain.observation);
    expect(packed.outer).toEqual(plain.outer);
    expect(packed.summary).toMatchObject({ frames: plain.summary.frames, truncated: null });
  });

  test('has the SHA-256 and the length of the file on disk', async () => {
    const { summary } = await observeFile(fixture('members.pcap.gz'));
    const [sum] = execFileSync('sha256sum', [fixture('members.pcap.gz')], {
      encoding: 'utf8',
    }).split(' ');
    expect(summary.sha256).toBe(sum);
    expect(summary.bytes).toBe(readFileSync(fixture('members.pcap.gz')).length);
  });

  test('pcapng too, from a file and from a stream in any chunks', async () => {
    const plain = await observeFile(fixture(RING[0]!));
    const packed = fixture(`${RING[0]!}.gz`);
    expect((await observeFile(packed)).observation).toEqual(plain.observation);
    for (const highWaterMark of [1, 2, 7, 1000]) {
      const stream = createReadStream(packed, { highWaterMark });
      const summary = await readCaptureStream(stream, 'pipe', none);
      expect(summary).toMatchObject({ frames: plain.summary.frames, truncated: null });
    }
  });

  test('cut off anywhere gives the frames that gunzip gives, and says so', async () => {
    const whole = readFileSync(fixture('members.pcap.gz'));
    for (let length = 40; length < whole.length; length += 97) {
      const path = inFolder(`${length}.pcap.gz`);
      writeFileSync(path, whole.subarray(0, length));
      const { stdout } = spawnSync('gzip', ['-dc', path]);
      if (stdout.length < 24) continue;
      writeFileSync(inFolder('plain.pcap'), stdout);
      const due = await readCaptureFile(inFolder('plain.pcap'), none);
      const found = await readCaptureFile(path, none);
      expect(found.frames, `${length} bytes`).toBe(due.frames);
      expect(found.truncated?.reason).toMatch(
        /^gzip: unexpected end of file after \d+ bytes of capture$/,
      );
      expect(found.truncated?.offset).toBe(stdout.length);
    }
  });

  test('damaged in the middle gives the frames before, and says so', async () => {
    writePcap(inFolder('a.pcap'), generate(3, 800));
    const bytes = gzipSync(readFileSync(inFolder('a.pcap')));
    const middle = bytes.length >>> 1;
    bytes.fill(0xff, middle, middle + 100);
    writeFileSync(inFolder('a.pcap.gz'), bytes);
    const whole = await readCaptureFile(inFolder('a.pcap'), none);
    const found = await readCaptureFile(inFolder('a.pcap.gz'), none);
    expect(found.truncated?.reason).toMatch(/^gzip: /);
    expect(found.frames).toBeGreaterThan(whole.frames / 3);
    expect(found.frames).toBeLessThan(whole.frames);
  });

  test('out of which no capture comes is no capture', async () => {
    writeFileSync(inFolder('a.gz'), gzipSync('').subarray(0, 12));
    await expect(readCaptureFile(inFolder('a.gz'), none)).rejects.toMatchObject({
      kind: 'bad-input',
      message: expect.stringMatching(/a\.gz: no capture comes out of it: gzip: unexpected end/),
    });
  });
});

describe('names of rotated files', () => {
  test.each([
    ['tcpdump -C', ['trace.pcap', 'trace.pcap1', 'trace.pcap10']],
    ['tcpdump -C -W', ['trace.pcap00', 'trace.pcap01', 'trace.pcap11']],
    ['tcpdump -G', ['trace-20261122-101500.pcap', 'trace-20261122-102500.pcap']],
    [
      'tcpdump -G with -C',
      ['a_2026-11-22_10:15:00.pcap', 'a_2026-11-22_10:15:00.pcap1', 'a_2026-11-22_10:25:00.pcap'],
    ],
    ['tcpdump -G, seconds', ['trace-1795000000.pcap', 'trace-1795000060.pcap']],
    ['tcpdump -z gzip', ['trace.pcap0.gz', 'trace.pcap1.gz', 'trace.pcap2']],
    ['dumpcap -b', ['r_00001_20261122101500.pcapng', 'r_00002_20261122101501.pcapng']],
    [
      'dumpcap -b nametimenum:2',
      ['r_20261122101500_00001.pcapng', 'r_20261122101400_00002.pcapng'],
    ],
  ])('%s', (_tool, names) => {
    const places = names.map(name => rotationPlace(`/tmp/${name}`)!);
    expect(new Set(places.map(({ set }) => set)).size).toBe(1);
  });

  test.each([
    ['trace.pcap', 'other.pcap'],
    ['eth0-20261122-101500.pcap', 'eth1-20261122-101500.pcap'],
    ['trace1.pcap', 'trace2.pcap'],
    ['r_00001_20261122101500.pcapng', 'q_00001_20261122101500.pcapng'],
  ])('%s and %s are not of one set', (a, b) => {
    expect(rotationPlace(a)!.set).not.toBe(rotationPlace(b)!.set);
  });
});

describe('a rotated set', () => {
  test('dumpcap -b: three files are one capture', async () => {
    const [only, ...others] = await captures(...RING.map(fixture));
    expect(others).toEqual([]);
    expect(only).toMatchObject({
      name: `${fixture(RING[0]!)} to ${RING[2]} (3 files)`,
      truncated: null,
      observation: { frames: 25, tunnelDatagrams: 25 },
    });
    expect(only!.observation.files?.map(({ name, frames }) => [name, frames])).toEqual(
      RING.map((name, i) => [fixture(name), [12, 12, 1][i]]),
    );
  });

  test('keeps frame numbers by file, and the file with them', async () => {
    const [only] = await captures(...RING.map(fixture));
    const records = only!.observation.flows.flatMap(({ syns, synAcks, queries }) => [
      ...syns,
      ...synAcks,
      ...queries,
    ]);
    expect(records.length).toBeGreaterThan(4);
    expect(Math.max(...records.map(({ frame }) => frame))).toBeLessThanOrEqual(12);
    expect(new Set(records.map(({ file }) => file))).toEqual(new Set(RING.slice(0, 2)));
  });

  test('tcpdump -G, found in a folder in any order, one of them compressed', async () => {
    for (const name of [...TIMED].reverse()) copyFileSync(fixture(name), inFolder(name));
    execFileSync('gzip', [inFolder(TIMED[1]!)]);
    const found = await captures(folder);
    expect(found).toHaveLength(1);
    expect(found[0]!.observation).toMatchObject({ frames: 8 * 3, tunnelDatagrams: 24 });
  });

  test.skipIf(lacks('tcpdump'))(
    'tcpdump -C, as it writes it (skipped without tcpdump)',
    async () => {
      const frames = Array.from({ length: 9 }, () => SOME).flat();
      writePcap(inFolder('all.pcap'), frames);
      execFileSync(
        'tcpdump',
        ['-Z', 'root', '-r', inFolder('all.pcap'), '-w', inFolder('trace.cap'), '-C', '1'],
        { stdio: 'ignore' },
      );
      const whole = await captures(inFolder('all.pcap'));
      rmSync(inFolder('all.pcap'));
      const found = await captures(folder);
      expect(found).toHaveLength(1);
      expect(found[0]!.name).toMatch(/trace\.cap to trace\.cap[1-9] \([2-9] files\)$/);
      // Fragments meet across files, too.
      const { files, flows, ...counts } = found[0]!.observation;
      expect(files!.length).toBeGreaterThan(1);
      expect(counts).toEqual({ ...whole[0]!.observation, flows: undefined });
      expect(flows.length).toBe(whole[0]!.observation.flows.length);
    },
    30_000,
  );

  /** Files of a few frames that begin at these times. */
  function written(names: readonly string[], starts: readonly number[]): string[] {
    return names.map((name, i) => {
      const frames = generate(1, 20);
      writePcap(inFolder('x.pcap'), frames);
      execFileSync('editcap', [
        '-F',
        'nsecpcap',
        '-t',
        String(starts[i]),
        inFolder('x.pcap'),
        inFolder(name),
      ]);
      rmSync(inFolder('x.pcap'));
      return inFolder(name);
    });
  }
  const withEditcap = test.skipIf(lacks('editcap'));

  withEditcap('of a ring begins with its oldest file (skipped without editcap)', async () => {
    const paths = written(['t.pcap0', 't.pcap1', 't.pcap2'], [300, 100, 200]);
    const [only, ...others] = await captures(...paths);
    expect(others).toEqual([]);
    expect(only!.observation.files!.map(({ name }) => name.slice(-1))).toEqual(['1', '2', '0']);
  });

  withEditcap(
    'whose files overlap in time, or jump about, is no set (skipped without editcap)',
    async () => {
      expect(
        await captures(
          ...written(['t.pcap0', 't.pcap1', 't.pcap2', 't.pcap3'], [300, 100, 200, 50]),
        ),
      ).toHaveLength(4);
      // Two captures of the same minute, named alike.
      const [a] = written(['u.pcap0'], [0]);
      const long = [...generate(1, 20), ...Array.from({ length: 8000 }, () => generate(1, 1)[0]!)];
      writePcap(a!, long);
      const [b] = written(['u.pcap1'], [2]);
      const found = await captures(a!, b!);
      expect(found.map(({ name }) => name)).toEqual([a, b]);
    },
  );

  test('of different link types is no set', async () => {
    copyFileSync(fixture('raw.pcap'), inFolder('t.pcap0'));
    copyFileSync(fixture('any-sll.pcap'), inFolder('t.pcap1'));
    expect(await captures(inFolder('t.pcap0'), inFolder('t.pcap1'))).toHaveLength(2);
  });

  test('with a file of no bytes, and one cut off, is read around both, and marked', async () => {
    const bytes = readFileSync(fixture(RING[1]!));
    copyFileSync(fixture(RING[0]!), inFolder('s_00001_20261122000000.pcapng'));
    writeFileSync(inFolder('s_00002_20261122000001.pcapng'), '');
    writeFileSync(inFolder('s_00003_20261122000002.pcapng'), bytes.subarray(0, bytes.length - 10));
    const found = await captures(folder);
    expect(found).toHaveLength(1);
    const { observation, truncated } = found[0]!;
    expect(observation.frames).toBeGreaterThanOrEqual(23);
    expect(truncated).toMatchObject({
      offset: 0,
      reason: expect.stringMatching(/00002.*the file is empty/),
    });
    expect(observation.files!.map(part => part.truncated === null)).toEqual([true, false, false]);
  });
});

describe('several captures', () => {
  test('in a folder for each node are found from the folder above', async () => {
    for (const node of ['worker-1', 'worker-2']) {
      mkdirSync(join(folder, node));
      copyFileSync(fixture('raw.pcap'), join(folder, node, 'eth0.pcap'));
    }
    mkdirSync(inFolder('notes'));
    expect((await captures(folder)).map(({ name }) => name)).toEqual([
      join(folder, 'worker-1/eth0.pcap'),
      join(folder, 'worker-2/eth0.pcap'),
    ]);
  });

  test('a file of no bytes among others is a capture that shows nothing', async () => {
    writeFileSync(inFolder('empty.pcap'), '');
    copyFileSync(fixture('raw.pcap'), inFolder('raw.pcap'));
    const found = await captures(folder);
    expect(found.map(({ observation }) => observation.frames)).toEqual([0, 8]);
    expect(found[0]!.truncated?.reason).toMatch(/the file is empty/);
  });

  test('of several recordings in a folder one has to be named', async () => {
    const recordings = fileURLToPath(new URL('../../captures/linux-5.4.33', import.meta.url));
    await expect(captures(recordings)).rejects.toMatchObject({
      kind: 'bad-input',
      message: `${recordings}: expected one recording, found 13`,
    });
  });

  test('alone it is a fault', async () => {
    writeFileSync(inFolder('empty.pcap'), '');
    await expect(captures(folder)).rejects.toMatchObject({ kind: 'bad-input' });
  });

  test('standard input can be read once', async () => {
    const sources = await expandSources(['-', '-']);
    const options = { tunnelPorts: [], policy: DEFAULT_EXIT_POLICY };
    await expect(examineSources(sources, options)).rejects.toMatchObject({
      kind: 'usage',
      message: 'expected - (standard input) once, found it twice',
    });
  });

  test('the fixtures, as a folder', async () => {
    const found = await captures(FIXTURES);
    expect(found.length).toBeGreaterThan(15);
    const withMismatch = found.filter(({ observation }) =>
      observation.flows.some(flow => flow.datagrams.mismatch > 0),
    );
    // Only in those does Scapy put a stale datagram: scapy-captures.py.
    expect(withMismatch.map(({ name }) => name.replace(/^.*\//, '')).sort()).toEqual([
      'geneve.pcap',
      'ipv6-outer-fragments.pcap',
      'vlan-qinq.pcap',
    ]);
  });
});

test.skipIf(lacks('reordercap'))(
  'reordercap, and frames out of order by milliseconds: the same flows',
  async () => {
    const sorted = await observeFile(fixture('reordered.pcapng'));
    const asCaptured = await observeFile(fixture('vxlan-over-ipv6-v6.pcapng'));
    expect(sorted.observation.flows.map(({ packets }) => packets)).toEqual(
      asCaptured.observation.flows.map(({ packets }) => packets),
    );
    const { flows } = asCaptured.observation;
    expect(flows.every(({ firstSeen, lastSeen }) => firstSeen.seconds <= lastSeen.seconds)).toBe(
      true,
    );
  },
);
