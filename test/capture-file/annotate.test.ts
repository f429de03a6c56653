/** Comments put into capture files that are written already: they are there, and nothing else changed. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Annotations, annotatedPcapng } from '../../src/capture-file/pcapng-annotate.js';
import { fixture, read, recordEnds } from './support.js';

const lacksTshark = spawnSync('tshark', ['--version']).status !== 0;

async function annotate(
  bytes: Uint8Array,
  annotations: Annotations,
  chunkLength = bytes.length,
): Promise<Uint8Array> {
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += chunkLength) {
      yield bytes.subarray(at, at + chunkLength);
    }
  }
  const parts: Uint8Array[] = [];
  for await (const part of annotatedPcapng(chunks(), annotations)) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}

const NONE: Annotations = { file: [], frames: new Map() };
const SOME: Annotations = {
  file: ['two words', 'on the file'],
  frames: new Map([
    [1, 'the first: “é”'],
    [3, ''],
    [900, 'no such frame'],
  ]),
};
/** Frames 1 and 3 of these are in Enhanced Packet Blocks. */
const FILES = [
  'dumpcap.pcapng',
  'dumpcap-big-endian.pcapng',
  'comments.pcapng',
  'editcap.pcapng',
  'merged.pcapng',
  'sections.pcapng',
  'directions.pcapng',
  'directions-big-endian.pcapng',
  'secrets.pcapng',
  'tshark.pcapng',
];
const OTHERS = ['simple.pcapng', 'obsolete-packet-block.pcapng'];

/** Summary without what comments change. */
function rest(bytes: Uint8Array) {
  const { frames, summary } = read(bytes);
  const { comments, bytes: _bytes, sha256: _sha256, ...other } = summary;
  return { frames, other, comments };
}

describe.each(FILES)('%s', name => {
  const bytes = fixture(name);

  it('stays as it is where there is nothing to say', async () => {
    expect(await annotate(bytes, NONE)).toEqual(bytes);
  });

  it('has the comments in front of its own, and every frame and block as it was', async () => {
    const before = rest(bytes);
    const after = rest(await annotate(bytes, SOME));
    expect({ ...after, comments: [] }).toEqual({ ...before, comments: [] });
    const isThere = (number: number) => before.frames.some(frame => frame.number === number);
    const expected = [
      { frame: null, text: 'two words' },
      { frame: null, text: 'on the file' },
      ...(isThere(1) ? [{ frame: 1, text: 'the first: “é”' }] : []),
      ...(isThere(3) ? [{ frame: 3, text: '' }] : []),
    ];
    const added = [...after.comments];
    for (const own of before.comments) {
      const at = added.findIndex(({ frame, text }) => frame === own.frame && text === own.text);
      expect(at).toBeGreaterThanOrEqual(0);
      added.splice(at, 1);
    }
    expect(added).toEqual(expected);
  });

  it('is the same in chunks of any length', async () => {
    const whole = await annotate(bytes, SOME);
    for (const length of [1, 7, 64, 300]) {
      expect(await annotate(bytes, SOME, length)).toEqual(whole);
    }
  });
});

it.each(OTHERS)('%s has no block that a comment could be put into', async name => {
  const bytes = fixture(name);
  const frames = new Map([[1, 'on the first frame']]);
  expect(await annotate(bytes, { file: [], frames })).toEqual(bytes);
});

it('keeps the frames of a file that is cut off, and what is left of the last', async () => {
  const bytes = fixture('cut.pcapng');
  const now = await annotate(bytes, { file: [], frames: new Map([[1, 'here']]) });
  expect(read(now).frames).toEqual(read(bytes).frames);
  expect(read(now).summary.truncated?.reason.replace(/\d+/g, '')).toBe(
    read(bytes).summary.truncated?.reason.replace(/\d+/g, ''),
  );
});

it('hands on what stands behind damage, byte for byte', async () => {
  const whole = fixture('tshark.pcapng');
  const ends = recordEnds(whole);
  const broken = new Uint8Array(whole);
  // The length of the block behind the third.
  new DataView(broken.buffer).setUint32(ends[2]! + 4, 13, true);
  const now = await annotate(broken, SOME);
  expect(Buffer.from(now).subarray(-(broken.length - ends[2]!))).toEqual(
    Buffer.from(broken).subarray(ends[2]!),
  );
});

it('cuts a comment that is too long for the format at a whole character', async () => {
  const long = 'é'.repeat(40_000);
  const now = await annotate(fixture('tshark.pcapng'), { file: [], frames: new Map([[2, long]]) });
  const found = read(now).summary.comments.find(({ frame }) => frame === 2);
  expect(found?.text).toMatch(/^é+$/);
  expect(found?.text.length).toBeGreaterThan(32_000);
});

describe.skipIf(lacksTshark)('tshark (skipped where there is none)', () => {
  // A process for each of them takes its time; the others differ in what tshark does not show.
  const shownFiles = ['dumpcap-big-endian.pcapng', 'merged.pcapng', 'directions.pcapng'];

  it.each(shownFiles)('shows the comments of %s, and all else as before', async name => {
    const folder = mkdtempSync(join(tmpdir(), 'stalesum-annotated-'));
    try {
      const names = ['number', 'time_epoch', 'len', 'cap_len', 'protocols', 'comment'];
      const ask = (bytes: Uint8Array) => {
        const path = join(folder, 'asked.pcapng');
        writeFileSync(path, bytes);
        const args = names.flatMap(field => ['-e', `frame.${field}`]);
        const { stdout } = spawnSync('tshark', ['-r', path, '-T', 'fields', ...args], {
          encoding: 'utf8',
        });
        return stdout.split('\n').map(line => {
          const fields = line.split('\t');
          // A layer "pkt_comment" is in front where there is a comment.
          return {
            all: fields.slice(0, 5).join(' ').replace('pkt_comment:', ''),
            comment: fields[5],
          };
        });
      };
      const bytes = fixture(name);
      const [before, after] = [ask(bytes), ask(await annotate(bytes, SOME))];
      expect(before.length).toBeGreaterThan(1);
      expect(after.map(({ all }) => all)).toEqual(before.map(({ all }) => all));
      expect(after[0]?.comment).toContain('the first: “é”');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
