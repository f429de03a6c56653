/**
 * Every datagram of every recording, against tshark's own verification. What we call right where
 * tshark calls it bad is counted by a second, naive completion of the inner checksum in this test.
 */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, test } from 'vitest';
import { CaptureObserver } from '../../src/analysis/capture-observer.js';
import { readCaptureFile } from '../../src/capture-file/file.js';
import type { ChecksumField } from '../../src/wire/checksum-state.js';
import { emptyFinding, judgePacket } from '../../src/wire/checksum-state.js';
import { DEFAULT_TUNNEL_PORTS, emptyPacket, walkPacket } from '../../src/wire/packet.js';
import { naiveChecksum, naiveSum, u16 } from '../support/packet-builder.js';
import { recordedCaptures } from '../support/recordings.js';

const tshark = spawnSync('tshark', ['--version']);
const lacksTshark = tshark.error !== undefined || tshark.status !== 0;

/** Wireshark's PROTO_CHECKSUM_E_*: 0 bad, 1 good, 3 not present; absent where there is no field. */
type TsharkStatus = '0' | '1' | '2' | '3' | '';

interface Row {
  readonly capture: string;
  readonly number: number;
  readonly bytes: Buffer;
  outerTshark: TsharkStatus;
  innerTshark: TsharkStatus;
  outer: ChecksumField | undefined;
  inner: ChecksumField | undefined;
}

const rows: Row[] = [];

const PCAP_HEADER = 24;
const RECORD_HEADER = 16;

/** The frames of a little-endian pcap file, by its length fields alone. */
function* framesOf(file: Buffer): Generator<Buffer> {
  for (let at = PCAP_HEADER; at < file.length; ) {
    const length = file.readUInt32LE(at + 8);
    yield file.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length);
    at += RECORD_HEADER + length;
  }
}

/** All recordings have the same pcap header, so that one tshark can read them as one file. */
async function askTshark(files: readonly Buffer[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'stalesum-tshark-'));
  const path = join(folder, 'all.pcap');
  const parts = files.map((file, index) => (index === 0 ? file : file.subarray(PCAP_HEADER)));
  await writeFile(path, Buffer.concat(parts));
  const options = '-d udp.port==8472,vxlan -o udp.check_checksum:TRUE -o tcp.check_checksum:TRUE';
  const fields = '-E separator=, -E occurrence=f -e udp.checksum.status -e tcp.checksum.status';
  const args = ['-r', path, '-T', 'fields', ...options.split(' '), ...fields.split(' ')];
  const child = spawn('tshark', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const lines = (await text(child.stdout)).replace(/\n$/, '').split('\n');
  await rm(folder, { recursive: true });
  expect(lines).toHaveLength(rows.length);
  lines.forEach((line, index) => {
    const [outer, inner] = line.split(',') as [TsharkStatus, TsharkStatus];
    Object.assign(rows[index]!, { outerTshark: outer, innerTshark: inner });
  });
}

async function askOurselves(capture: { name: string; path: string }): Promise<void> {
  const mine = rows.filter(row => row.capture === capture.name);
  const observer = new CaptureObserver(DEFAULT_TUNNEL_PORTS, (frame, finding) => {
    mine[frame.number - 1]!.outer = finding.state;
  });
  const packet = emptyPacket();
  const [inner, outer] = [emptyFinding(), emptyFinding()];
  await readCaptureFile(capture.path, frame => {
    observer.visit(frame);
    const { view, start, end, linkType } = frame;
    if (walkPacket(view, start, end, linkType, DEFAULT_TUNNEL_PORTS, packet) === 'none') return;
    judgePacket(view, packet, inner, outer);
    mine[frame.number - 1]!.inner = inner.state;
  });
}

/** Where the inner IPv4 packet begins: behind Ethernet, IPv4, UDP, VXLAN, Ethernet, none with options. */
const INNER_IP = 14 + 20 + 8 + 8 + 14;

/** Sums up a frame's IPv4 packet at `at`: whether its TCP field is the pseudo-header's sum, and its right value. */
function innerTcp(bytes: Buffer, at: number): { isPseudo: boolean; right: number } | undefined {
  if (bytes.length < at + 40 || bytes[at] !== 0x45 || bytes[at + 9] !== 6) return undefined;
  const length = bytes.readUInt16BE(at + 2) - 20;
  const pseudo = [...bytes.subarray(at + 12, at + 20), 0, 6, ...u16(length)];
  const segment = [...bytes.subarray(at + 20, at + 20 + length)];
  const stored = segment.splice(16, 2, 0, 0);
  return {
    isPseudo: stored[0]! * 256 + stored[1]! === naiveSum(pseudo),
    right: naiveChecksum([...pseudo, ...segment]),
  };
}

/** Whether the outer checksum is right as soon as an inner one that is still open is completed. */
function rightOnceCompleted(bytes: Buffer): boolean {
  const inner = innerTcp(bytes, INNER_IP);
  if (!inner?.isPseudo) return false;
  const completed = [...bytes];
  completed.splice(INNER_IP + 20 + 16, 2, ...u16(inner.right));
  const udp = completed.slice(34, 34 + bytes.readUInt16BE(38));
  const pseudo = [...completed.slice(26, 34), 0, 17, ...u16(udp.length)];
  return naiveSum([...pseudo, ...udp]) === 0xffff;
}

const named = (list: readonly Row[]) => list.map(({ capture, number }) => `${capture} ${number}`);

describe.skipIf(lacksTshark)('tshark and we (skipped where there is no tshark)', () => {
  beforeAll(async () => {
    const files = recordedCaptures.map(({ path }) => readFileSync(path));
    recordedCaptures.forEach(({ name }, index) => {
      let number = 0;
      for (const bytes of framesOf(files[index]!)) {
        number++;
        rows.push({
          capture: name,
          number,
          bytes,
          outerTshark: '',
          innerTshark: '',
          outer: undefined,
          inner: undefined,
        });
      }
    });
    const asked = askTshark(files);
    for (const capture of recordedCaptures) await askOurselves(capture);
    await asked;
  }, 60_000);

  test('are asked about every tunnel datagram of 124 captures and more', () => {
    expect(recordedCaptures.length).toBeGreaterThanOrEqual(124);
    const byTshark = rows.filter(({ outerTshark }) => outerTshark !== '');
    expect(byTshark.length).toBeGreaterThan(600);
    expect(named(rows.filter(({ outer }) => outer !== undefined))).toEqual(named(byTshark));
  });

  test('call the same outer checksums absent', () => {
    expect(named(rows.filter(({ outer }) => outer === 'zero'))).toEqual(
      named(rows.filter(({ outerTshark }) => outerTshark === '3')),
    );
  });

  test('call the same outer checksums right, but for those over an inner one still open', () => {
    const good = rows.filter(({ outerTshark }) => outerTshark === '1');
    expect(good.filter(({ outer }) => outer !== 'valid')).toEqual([]);
    const ours = rows.filter(({ outer, outerTshark }) => outer === 'valid' && outerTshark !== '1');
    const completed = rows.filter(
      ({ bytes, outerTshark }) => outerTshark === '0' && rightOnceCompleted(bytes),
    );
    expect(named(ours)).toEqual(named(completed));
    // The recordings with udpcsum and offload left on have such datagrams.
    expect(completed.length).toBeGreaterThan(0);
  });

  test('call the same outer checksums wrong otherwise', () => {
    const bad = rows.filter(
      ({ outerTshark, bytes }) => outerTshark === '0' && !rightOnceCompleted(bytes),
    );
    expect(named(rows.filter(({ outer }) => outer === 'mismatch'))).toEqual(named(bad));
    expect(bad.length).toBeGreaterThan(0);
  });

  test('call the same TCP checksums right', () => {
    expect(named(rows.filter(({ inner }) => inner === 'valid'))).toEqual(
      named(rows.filter(({ innerTshark }) => innerTshark === '1')),
    );
  });

  test('call the same TCP checksums bad, all of which are open: exactly the pseudo-header’s sum', () => {
    const bad = rows.filter(({ innerTshark }) => innerTshark === '0');
    const open = bad.filter(
      ({ bytes, outerTshark }) => innerTcp(bytes, outerTshark === '' ? 14 : INNER_IP)?.isPseudo,
    );
    expect(named(open)).toEqual(named(bad));
    expect(named(rows.filter(({ inner }) => inner === 'partial'))).toEqual(named(bad));
    expect(rows.filter(({ inner }) => inner === 'mismatch')).toEqual([]);
    expect(bad.length).toBeGreaterThan(0);
  });
});
