/** Files and streams of all sorts, and what is no capture file. */

import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { openingFault, readCaptureFile } from '../../src/capture-file/file.js';
import { pcapHeader } from '../../src/capture-file/pcap-writer.js';
import { readCaptureStream } from '../../src/capture-file/stream.js';
import { StalesumError } from '../../src/errors.js';
import { concatenated, fixture, fixturesFolder, type KeptFrame, keep, read } from './support.js';

const folder = mkdtempSync(join(tmpdir(), 'stalesum-file-'));
afterAll(() => rmSync(folder, { recursive: true }));

function saved(name: string, content: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function faultOf(reading: Promise<unknown>): Promise<StalesumError> {
  const thrown = await reading.then(
    () => undefined,
    error => error,
  );
  if (!(thrown instanceof StalesumError)) throw new Error(`no fault: ${thrown}`);
  return thrown;
}

const none = () => {};

describe('a file', () => {
  test.each([
    'ns.pcap',
    'two-orders.pcapng',
    'cut.pcapng',
  ])('%s reads as its bytes do', async name => {
    const frames: KeptFrame[] = [];
    const path = fileURLToPath(new URL(name, fixturesFolder));
    const summary = await readCaptureFile(path, frame => frames.push(keep(frame)));
    expect({ frames, summary }).toEqual(read(fixture(name)));
    expect(summary.sha256).toBe(createHash('sha256').update(fixture(name)).digest('hex'));
  });

  test('is hashed whole, damage and all, or not where that is not asked for', async () => {
    const bytes = concatenated(fixture('bad-trailer.pcapng'), new Uint8Array(3_000_000));
    const path = saved('damaged', bytes);
    const summary = await readCaptureFile(path, none);
    expect(summary.bytes).toBe(bytes.length);
    expect(summary.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect((await readCaptureFile(path, none, { sha256: false })).sha256).toBeNull();
  });

  test('is read through one buffer of constant size', async () => {
    const path = join(folder, 'long.pcap');
    const file = openSync(path, 'w');
    const record = pcapRecordOf(1514, 7);
    writeSync(file, pcapHeader({ linkType: 1 }));
    const records = concatenated(...new Array<Uint8Array>(1000).fill(record));
    for (let i = 0; i < 20; i++) writeSync(file, records);
    closeSync(file);
    const buffers = new Set<ArrayBufferLike>();
    let wrong = 0;
    const summary = await readCaptureFile(path, frame => {
      buffers.add(frame.bytes.buffer);
      const { bytes, start, end } = frame;
      if (end - start !== 1514 || bytes[start] !== 7 || bytes[end - 1] !== 7) wrong++;
    });
    expect(summary).toMatchObject({ frames: 20_000, bytes: 24 + 20_000 * 1530, truncated: null });
    expect(wrong).toBe(0);
    expect(buffers.size).toBe(1);
    expect([...buffers][0]?.byteLength).toBeLessThan(2 * 1024 * 1024);
  });

  test('may have records greater than the buffer, up to 64 MiB', async () => {
    const lengths = [10, 300_000, 2_000_000, 100, 64 * 1024 * 1024, 1_100_000, 5];
    const path = join(folder, 'great.pcap');
    const file = openSync(path, 'w');
    writeSync(file, pcapHeader({ linkType: 1 }));
    for (const [i, length] of lengths.entries()) writeSync(file, pcapRecordOf(length, i + 1));
    closeSync(file);
    for (const reading of [
      (visitor: Parameters<typeof readCaptureFile>[1]) => readCaptureFile(path, visitor),
      (visitor: Parameters<typeof readCaptureFile>[1]) =>
        readCaptureStream(createReadStream(path), path, visitor),
    ]) {
      const got: number[] = [];
      const summary = await reading(({ bytes, start, end, number }) => {
        got.push(end - start);
        expect([bytes[start], bytes[end - 1], number]).toEqual([number, number, got.length]);
      });
      expect(got).toEqual(lengths);
      expect(summary.truncated).toBeNull();
    }
  });

  test('may be a named pipe', async () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    const source = fileURLToPath(new URL('dumpcap.pcapng', fixturesFolder));
    const writer = spawn('sh', ['-c', 'cat "$1" > "$2"', 'sh', source, path]);
    const frames: KeptFrame[] = [];
    const summary = await readCaptureFile(path, frame => frames.push(keep(frame)));
    expect({ frames, summary }).toEqual(read(fixture('dumpcap.pcapng')));
    await new Promise(resolve =>
      writer.exitCode === null ? writer.on('exit', resolve) : resolve(0),
    );
  });

  test('a visitor that throws ends the reading with its own error', async () => {
    const path = fileURLToPath(new URL('ns.pcap', fixturesFolder));
    const visitor = () => {
      throw new RangeError('mine');
    };
    await expect(readCaptureFile(path, visitor)).rejects.toThrow(RangeError);
    await expect(readCaptureStream(createReadStream(path), path, visitor)).rejects.toThrow(
      RangeError,
    );
  });
});

function pcapRecordOf(length: number, value: number): Uint8Array {
  const bytes = new Uint8Array(16 + length).fill(value, 16);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, length, true);
  view.setUint32(12, length, true);
  return bytes;
}

describe('what is no capture file is told in one line, with its name', () => {
  test.each<[string, Uint8Array | string, string, RegExp]>([
    ['empty', '', 'expected a pcap or pcapng header at byte 0, the file is empty', /stderr/],
    [
      'three',
      'abc',
      'expected a pcap or pcapng header at byte 0, the file ends at byte 3',
      /stderr/,
    ],
    [
      'short.pcap',
      fixture('ns.pcap').subarray(0, 23),
      'expected a pcap header of 24 bytes at byte 0, the file ends at byte 23',
      /stderr/,
    ],
    [
      'short.pcapng',
      fixture('dumpcap.pcapng').subarray(0, 90),
      'expected a pcapng Section Header Block of 28 bytes or more at byte 0, the file ends at byte 90',
      /stderr/,
    ],
    [
      'zeros',
      new Uint8Array(100),
      'expected a pcap or pcapng header at byte 0, found the bytes 00000000',
      /editcap/,
    ],
    [
      'a.txt.gz',
      gzipSync('no capture'),
      'expected a pcap or pcapng header at byte 0, found the bytes 6e6f2063',
      /tcpdump -w/,
    ],
    [
      'a.zst',
      Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 4),
      'expected a pcap or pcapng header at byte 0, found the bytes 28b52ffd',
      /unzstd/,
    ],
    [
      'a.txt',
      '12:00:00.000000 IP 10.0.0.1.80 > 10.0.0.2.81: tcp 0',
      'expected a pcap or pcapng header at byte 0, found the bytes 31323a30',
      /tcpdump -w/,
    ],
    [
      'a.xz',
      Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a),
      'expected a pcap or pcapng header at byte 0, found the bytes fd377a58',
      /unxz/,
    ],
    [
      'a.snoop',
      'snoop\0\0\0',
      'expected a pcap or pcapng header at byte 0, found the bytes 736e6f6f',
      /editcap/,
    ],
    [
      'tty.pcapng',
      Buffer.from(
        Buffer.from(fixture('dumpcap.pcapng')).toString('latin1').replaceAll('\n', '\r\n'),
        'latin1',
      ),
      'expected a pcap or pcapng header at byte 0, found the bytes 0d0a0d0d',
      /terminal/,
    ],
  ])('%s', async (name, content, message, remedy) => {
    const path = saved(name, content);
    const fault = await faultOf(readCaptureFile(path, none));
    expect(fault.kind).toBe('bad-input');
    expect(fault.message).toBe(`${path}: ${message}`);
    expect(fault.remedy).toMatch(remedy);
  });

  test('a directory, a file that does not exist', async () => {
    expect((await faultOf(readCaptureFile(folder, none))).message).toBe(
      `${folder}: expected a capture file, found a directory`,
    );
    for (const path of [join(folder, 'absent'), join(saved('plain', ''), 'below')])
      expect(await faultOf(readCaptureFile(path, none))).toMatchObject({
        kind: 'bad-input',
        message: `${path}: expected a capture file, there is no such file`,
      });
  });

  test('a file that may not be read (root may read any, so the error is made)', () => {
    for (const code of ['EACCES', 'EPERM']) {
      const thrown = Object.assign(new Error(`${code}: no`), { code });
      expect(openingFault('a.pcap', thrown)).toMatchObject({
        kind: 'not-permitted',
        exitCode: 77,
        message: 'a.pcap: not permitted to read it',
      });
    }
    const other = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
    expect(openingFault('a.pcap', other)).toMatchObject({
      kind: 'bad-input',
      message: 'a.pcap: cannot be opened: EMFILE: too many open files',
    });
  });

  test('a stream that fails', async () => {
    async function* failing() {
      yield fixture('ns.pcap').subarray(0, 200);
      throw new Error('read EIO');
    }
    expect(await faultOf(readCaptureStream(Readable.from(failing()), 'pipe', none))).toMatchObject({
      kind: 'bad-input',
      message: 'pipe: reading failed at byte 200: read EIO',
    });
  });
});
