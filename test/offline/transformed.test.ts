/** The recordings as they reach us in tickets: merged, converted, with clocks apart, out of order. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_EXIT_POLICY } from '../../src/analysis/exit-code.js';
import type { VerdictDocument } from '../../src/analysis/verdict.js';
import { readCaptureFile } from '../../src/capture-file/file.js';
import { pcapHeader, pcapRecord } from '../../src/capture-file/pcap-writer.js';
import type { WritableFrame } from '../../src/capture-file/writable-frame.js';
import { examinePaths } from '../../src/evidence/examine.js';

const run = promisify(execFile);
const hasTools = await run('mergecap', ['--version']).then(
  () => true,
  () => false,
);

const root = new URL('../../captures/', import.meta.url).pathname;
const recordings = readdirSync(root)
  .filter(kernel => kernel.startsWith('linux-'))
  .flatMap(kernel => readdirSync(join(root, kernel)).map(name => `${kernel}/${name}`));

interface Expected {
  readonly verdictFromCapturesAlone: string;
  readonly synTimesSeconds: readonly number[];
  readonly firstSynOuterChecksum: string;
}

/** A small generator (mulberry32), so that a failure can be looked at again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe.skipIf(!hasTools)('a recording (needs mergecap and editcap)', () => {
  let folder: string;
  let made = 0;
  const fresh = (ending: string) => join(folder, `${made++}.${ending}`);
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'stalesum-transformed-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const filesOf = (recording: string) =>
    ['node-a', 'node-b'].flatMap(node =>
      ['overlay', 'underlay'].map(layer => join(root, recording, node, `${layer}.pcap`)),
    );
  const examine = (paths: readonly string[]) =>
    examinePaths(paths, { tunnelPorts: [], policy: DEFAULT_EXIT_POLICY });
  const expectSame = (recording: string, verdict: VerdictDocument) => {
    const text = readFileSync(join(root, recording, 'expected.json'), 'utf8');
    const { verdictFromCapturesAlone, synTimesSeconds } = JSON.parse(text) as Expected;
    const [flow] = verdict.flows;
    expect(verdict.verdict).toBe(verdictFromCapturesAlone);
    expect(flow?.syns.length).toBe(synTimesSeconds.length);
    for (const [index, at] of synTimesSeconds.entries()) {
      // Rounded to 10 ms there, and moved by up to 10 ms here.
      expect(Math.abs(flow!.syns[index]!.atSeconds - at)).toBeLessThan(0.03);
    }
  };
  const eachRecording = (name: string, make: (recording: string) => Promise<readonly string[]>) =>
    it.each(recordings)(`${name}: %s`, async recording => {
      expectSame(recording, await examine(await make(recording)));
    });

  for (const mode of ['none', 'all']) {
    eachRecording(`merged into one pcapng, -I ${mode}`, async recording => {
      const merged = fresh('pcapng');
      await run('mergecap', ['-I', mode, '-w', merged, ...filesOf(recording)]);
      return [merged];
    });
  }

  eachRecording('converted to nanosecond pcap and pcapng, in another order', async recording =>
    Promise.all(
      filesOf(recording)
        .reverse()
        .map(async (file, index) => {
          const path = fresh(index % 2 === 0 ? 'pcapng' : 'pcap');
          await run('editcap', ['-F', index % 2 === 0 ? 'pcapng' : 'nsecpcap', file, path]);
          return path;
        }),
    ),
  );

  for (const hours of [-3, 3]) {
    eachRecording(`with node B's clock ${hours} hours off`, async recording => {
      const [overlay = '', underlay = '', ...peers] = filesOf(recording);
      const moved = await Promise.all(
        peers.map(async file => {
          const path = fresh('pcap');
          await run('editcap', ['-t', String(hours * 3600 + 0.123456), file, path]);
          return path;
        }),
      );
      return [...moved, underlay, overlay];
    });
  }

  eachRecording('with packets out of order by up to 10 ms', async recording => {
    const random = seeded(recording.length * 7919);
    return Promise.all(
      filesOf(recording).map(async file => {
        const frames: { key: number; bytes: Uint8Array }[] = [];
        const summary = await readCaptureFile(file, frame => {
          const key = frame.seconds + frame.nanoseconds / 1e9 + random() * 0.01;
          frames.push({ key, bytes: pcapRecord(frame satisfies WritableFrame) });
        });
        frames.sort((a, b) => a.key - b.key);
        const path = fresh('pcap');
        const { linkType } = summary.interfaces[0]!;
        writeFileSync(
          path,
          Buffer.concat([pcapHeader({ linkType }), ...frames.map(({ bytes }) => bytes)]),
        );
        return path;
      }),
    );
  });

  eachRecording('mixed with the traffic of another, healthy one', async recording => {
    const text = readFileSync(join(root, recording, 'expected.json'), 'utf8');
    const { firstSynOuterChecksum } = JSON.parse(text) as Expected;
    // Of the same device, which makes outer checksums or does not.
    const zero = ['0x0000', '0xffff'].includes(firstSynOuterChecksum);
    const other = zero ? 'linux-6.18.44/kube-proxy-patched' : 'linux-6.18.44/patched-udpcsum';
    const [overlay = '', underlay = '', peerOverlay = '', peerUnderlay = ''] = filesOf(recording);
    const healthy = filesOf(other);
    return Promise.all(
      [overlay, underlay, peerOverlay, peerUnderlay].map(async (file, index) => {
        const path = fresh('pcapng');
        await run('mergecap', ['-I', 'all', '-w', path, file, healthy[index]!]);
        return path;
      }),
    );
  });
});
