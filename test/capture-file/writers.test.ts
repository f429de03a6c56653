/** What is written: byte for byte as others write it, read back as it was, and taken by tshark. */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { FrameDirection } from '../../src/capture-file/frame.js';
import { pcapHeader, pcapRecord } from '../../src/capture-file/pcap-writer.js';
import {
  enhancedPacketBlock,
  enhancedPacketBlockLength,
  interfaceDescriptionBlock,
  interfaceStatisticsBlock,
  sectionHeaderBlock,
  writeEnhancedPacket,
} from '../../src/capture-file/pcapng-writer.js';
import { CaptureStream } from '../../src/capture-file/stream.js';
import type { WritableFrame } from '../../src/capture-file/writable-frame.js';
import { StalesumError } from '../../src/errors.js';
import { concatenated, fixture, type KeptFrame, read } from './support.js';

/** The frames of a file, copied so that they can be written again. */
function writableFrames(bytes: Uint8Array): WritableFrame[] {
  const frames: WritableFrame[] = [];
  const stream = new CaptureStream('test', frame => {
    const data = frame.bytes.slice(frame.start, frame.end);
    frames.push({ ...frame, bytes: data, start: 0, end: data.length });
  });
  stream.push(bytes);
  stream.end();
  return frames;
}

test('a nanosecond pcap is byte for byte what editcap wrote', () => {
  const original = fixture('ns.pcap');
  const records = writableFrames(original).map(pcapRecord);
  expect(concatenated(pcapHeader({ linkType: 1 }), ...records)).toEqual(original);
});

test('a pcapng is byte for byte what handmade.py built from the draft', () => {
  const directions: FrameDirection[] = ['unknown', 'in', 'out'];
  const frames = writableFrames(fixture('ns.pcap')).slice(0, 5);
  const packets = frames.map((frame, i) => {
    const direction = directions[i % 3]!;
    return enhancedPacketBlock(
      0,
      { ...frame, direction },
      i === 1 ? 'stale checksum, ü' : undefined,
    );
  });
  const written = concatenated(
    sectionHeaderBlock({ application: 'stalesum 0.1.0', comment: 'about the file' }),
    interfaceDescriptionBlock({
      linkType: 1,
      name: 'flannel.1',
      description: 'overlay',
      filter: 'udp port 8472',
      os: 'Linux',
    }),
    ...packets,
    interfaceStatisticsBlock(0, frames[4]!, { received: 5, kernelDrops: 2 }),
  );
  expect(written).toEqual(fixture('written.pcapng'));
});

const anyFrame = fc
  .record({
    data: fc.uint8Array({ maxLength: 120 }),
    before: fc.nat(9),
    more: fc.nat(2000),
    seconds: fc.integer({ min: 0, max: 0xffff_ffff }),
    nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
    direction: fc.constantFrom<FrameDirection>('in', 'out', 'unknown'),
  })
  .map(({ data, before, more, ...rest }): WritableFrame => {
    // The frame lies somewhere in a greater buffer, as a reader's does.
    const bytes = concatenated(new Uint8Array(before).fill(1), data, Uint8Array.of(2, 3));
    const end = before + data.length;
    return { bytes, start: before, end, originalLength: data.length + more, ...rest };
  });

function expectSame(got: readonly KeptFrame[], written: readonly WritableFrame[]): void {
  expect(got.map(({ seconds, nanoseconds }) => [seconds, nanoseconds])).toEqual(
    written.map(({ seconds, nanoseconds }) => [seconds, nanoseconds]),
  );
  expect(got.map(({ originalLength }) => originalLength)).toEqual(
    written.map(({ originalLength }) => originalLength),
  );
  const data = written.map(({ bytes, start, end }) => bytes.subarray(start, end));
  const lengths = data.map(({ length }) => length);
  expect(got.map(({ capturedLength }) => capturedLength)).toEqual(lengths);
}

describe('what is written is read back', () => {
  test('of pcap', () => {
    fc.assert(
      fc.property(fc.array(anyFrame), fc.integer({ min: 0, max: 0xffff }), (frames, linkType) => {
        const header = pcapHeader({ linkType, snapLength: 96 });
        const { frames: got, summary } = read(concatenated(header, ...frames.map(pcapRecord)));
        expectSame(got, frames);
        expect(summary.truncated).toBeNull();
        expect(summary.interfaces).toEqual([{ linkType, snapLength: 96 }]);
      }),
    );
  });

  test('of pcapng, with directions, interfaces and comments', () => {
    const packet = fc.record({
      frame: anyFrame,
      index: fc.nat(1),
      comment: fc.option(fc.string({ unit: 'binary' }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(packet), fc.nat(), fc.nat(), (packets, received, kernelDrops) => {
        const written = concatenated(
          sectionHeaderBlock({ application: 'test' }),
          interfaceDescriptionBlock({ linkType: 1, name: 'eth0', description: 'node-a underlay' }),
          interfaceDescriptionBlock({ linkType: 276, snapLength: 128, name: 'any' }),
          ...packets.map(p => enhancedPacketBlock(p.index, p.frame, p.comment)),
          interfaceStatisticsBlock(1, { seconds: 1, nanoseconds: 2 }, { received, kernelDrops }),
        );
        const { frames: got, summary } = read(written);
        const frames = packets.map(({ frame }) => frame);
        expectSame(got, frames);
        expect(got.map(({ direction }) => direction)).toEqual(
          frames.map(({ direction }) => direction),
        );
        expect(got.map(({ interfaceIndex }) => interfaceIndex)).toEqual(
          packets.map(({ index }) => index),
        );
        expect(summary.truncated).toBeNull();
        expect(summary.interfaces).toEqual([
          { linkType: 1, snapLength: 0, name: 'eth0', description: 'node-a underlay' },
          { linkType: 276, snapLength: 128, name: 'any', received, kernelDrops },
        ]);
        const comments = packets.flatMap(({ comment }, i) =>
          comment === undefined ? [] : [{ frame: i + 1, text: withoutNulsAtEnd(comment) }],
        );
        expect(summary.comments).toEqual(comments);
      }),
    );
  });

  test('of pcapng past the 32 bits of seconds, up to the year 2554', () => {
    const [frame] = writableFrames(fixture('ns.pcap'));
    const late = { ...frame!, seconds: 18_446_744_072, nanoseconds: 999_999_999 };
    const written = concatenated(
      sectionHeaderBlock({ application: 'test' }),
      interfaceDescriptionBlock({ linkType: 1 }),
      enhancedPacketBlock(0, late),
    );
    expectSame(read(written).frames, [late]);
  });
});

/** As the reader gives it. */
function withoutNulsAtEnd(text: string): string {
  return text.replace(/\0+$/, '');
}

describe('what no file can hold is a fault', () => {
  const [frame] = writableFrames(fixture('ns.pcap'));
  const times = [
    { seconds: -1 },
    { seconds: 1.5 },
    { seconds: Number.NaN },
    { nanoseconds: 1e9 },
    { nanoseconds: -1 },
    { seconds: 18_446_744_073 },
    { end: -1 },
    { end: 64 * 1024 * 1024 + 1 },
  ];

  test.each(times)('%o', change => {
    const changed = { ...frame!, ...change };
    for (const write of [() => pcapRecord(changed), () => enhancedPacketBlock(0, changed)]) {
      expect(write).toThrow(StalesumError);
      expect(write).toThrow(/cannot be written/);
    }
  });

  test('pcap has 32 bits of seconds', () => {
    expect(() => pcapRecord({ ...frame!, seconds: 2 ** 32 })).toThrow(/holds 0 to 4294967295 s/);
  });
});

test('a comment longer than an option can be is cut at a whole character', () => {
  const [frame] = writableFrames(fixture('ns.pcap'));
  const written = concatenated(
    sectionHeaderBlock({ application: 'test' }),
    interfaceDescriptionBlock({ linkType: 1 }),
    enhancedPacketBlock(0, frame!, `x${'ü'.repeat(40_000)}`),
  );
  const { summary } = read(written);
  expect(summary.truncated).toBeNull();
  expect(summary.comments).toEqual([{ frame: 1, text: `x${'ü'.repeat(32_767)}` }]);
});

const hasTshark = spawnSync('tshark', ['--version']).status === 0;

describe.skipIf(!hasTshark)('tshark reads it (skipped where tshark is not installed)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stalesum-writers-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  function tshark(name: string, bytes: Uint8Array): string[] {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    const fields = ['number', 'time_epoch', 'cap_len', 'len', 'packet_flags_direction', 'comment'];
    const output = execFileSync(
      'tshark',
      ['-n', '-r', path, '-T', 'fields', '-E', 'separator=|'].concat(
        fields.flatMap(field => ['-e', `frame.${field}`]),
      ),
      // Without warnings on stderr; a file that it does not take makes it fail.
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    );
    return output.trimEnd().split('\n');
  }

  const frames = writableFrames(fixture('snapped.pcap'));
  const expected = frames.map(
    (frame, i) =>
      `${i + 1}|${frame.seconds}.${String(frame.nanoseconds).padStart(9, '0')}|${frame.end}|${frame.originalLength}`,
  );

  test('pcap', () => {
    const bytes = concatenated(
      pcapHeader({ linkType: 1, snapLength: 64 }),
      ...frames.map(pcapRecord),
    );
    expect(tshark('written.pcap', bytes)).toEqual(expected.map(line => `${line}||`));
  });

  test('pcapng, every length of padding', () => {
    const cut = frames.map((frame, i) => ({ ...frame, end: frame.end - (i % 4) }));
    const bytes = concatenated(
      sectionHeaderBlock({ application: 'stalesum', comment: 'abc' }),
      interfaceDescriptionBlock({ linkType: 1, snapLength: 64, name: 'eth0' }),
      ...cut.map((frame, i) =>
        enhancedPacketBlock(0, { ...frame, direction: 'out' }, 'comment'.slice(0, i)),
      ),
      interfaceStatisticsBlock(0, frames[7]!, { received: 8, kernelDrops: 0 }),
    );
    const lines = cut.map(
      (frame, i) =>
        `${expected[i]!.replace(/\|\d+\|/, `|${frame.end}|`)}|0x00000002|${'comment'.slice(0, i)}`,
    );
    expect(tshark('written.pcapng', bytes)).toEqual(lines);
  });
});

test('a packet written into a used buffer is the block that stands alone', () => {
  const directions: FrameDirection[] = ['unknown', 'in', 'out'];
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.nat({ max: 2 ** 32 }),
      fc.nat({ max: 999_999_999 }),
      fc.constantFrom(...directions),
      fc.nat({ max: 64 }),
      (packet, seconds, nanoseconds, direction, offset) => {
        const frame: WritableFrame = {
          bytes: packet,
          start: 0,
          end: packet.length,
          originalLength: packet.length + 7,
          seconds,
          nanoseconds,
          direction,
        };
        const alone = enhancedPacketBlock(3, frame);
        const bytes = new Uint8Array(512).fill(0xee);
        const view = new DataView(bytes.buffer);
        expect(enhancedPacketBlockLength(frame)).toBe(alone.length);
        expect(writeEnhancedPacket(bytes, view, offset, 3, frame)).toBe(offset + alone.length);
        expect(bytes.slice(offset, offset + alone.length)).toEqual(alone);
        expect(bytes.slice(offset + alone.length).every(byte => byte === 0xee)).toBe(true);
      },
    ),
  );
});
