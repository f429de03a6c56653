/** Recordings of runs that were cut short: what they show counts, what they do not show acquits no one. */
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_EXIT_POLICY } from '../../src/analysis/exit-code.js';
import { bundlePlace } from '../../src/evidence/bundle-place.js';
import { examinePaths } from '../../src/evidence/examine.js';
import { NEW_RUN, type RunFile, readRunFile, writeRunFile } from '../../src/evidence/run-record.js';
import { checkSums, writeSums } from '../../src/evidence/sums.js';
import { leaveBundle } from '../../src/evidence/unfinished-bundle.js';
import { recordings } from '../support/recordings.js';

const examine = (path: string) =>
  examinePaths([path], { tunnelPorts: [], policy: DEFAULT_EXIT_POLICY });

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stalesum-incomplete-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;

/** A recording as a run that has come so far. */
async function run(name: string, state: Partial<RunFile>): Promise<string> {
  const copy = join(folder, `run-${++count}`);
  cpSync(recordings.find(recording => recording.name === name)!.folder, copy, { recursive: true });
  await writeRunFile(copy, { ...NEW_RUN, ...state });
  return copy;
}

const GUILTY = 'linux-5.4.33/udpcsum-fixed-port';
const HEALTHY = 'linux-5.4.33/kube-proxy-patched';
const HARMLESS = 'linux-5.4.33/vxlan-tx-offload-off';

describe.each([
  [{ phase: 'recording' }, 'the run was killed, or is not over yet'],
  [{ phase: 'interrupted', reason: 'interrupted by SIGINT' }, 'interrupted by SIGINT'],
  [{ phase: 'interrupted' }, 'the run was interrupted'],
] as const)('a run that says %j', (state, words) => {
  it.each([HEALTHY, HARMLESS])('acquits no one: %s', async name => {
    const verdict = await examine(await run(name, state));
    expect(verdict).toMatchObject({ verdict: 'inconclusive', grade: 'none', exitCode: 2 });
    expect(verdict.flows[0]?.because).toBe(`the recording is not whole: ${words}`);
    expect(verdict.warnings).toContain(`incomplete: the recording is not whole: ${words}`);
  });

  it('convicts on what it shows, and warns', async () => {
    const verdict = await examine(await run(GUILTY, state));
    // Nothing proves a live run without its control.
    expect(verdict).toMatchObject({ verdict: 'stale-checksum', grade: 'supported', exitCode: 1 });
    expect(verdict.warnings).toContain(`incomplete: the recording is not whole: ${words}`);
  });

  it('may end in the middle of a packet, or before the first', async () => {
    const cut = await run(HEALTHY, state);
    const capture = join(cut, 'node-a/underlay.pcap');
    truncateSync(capture, statSync(capture).size - 5);
    writeFileSync(join(cut, 'node-b/overlay.pcap'), '');
    expect(await examine(cut)).toMatchObject({ verdict: 'inconclusive', exitCode: 2 });

    const empty = join(folder, `run-${++count}`);
    mkdirSync(join(empty, 'node-a'), { recursive: true });
    await writeRunFile(empty, { ...NEW_RUN, ...state });
    const verdict = await examine(empty);
    expect(verdict).toMatchObject({ verdict: 'inconclusive', exitCode: 2, captures: [] });
    expect(verdict.summary).toContain(words);
  });
});

it('a whole recording whose analysis failed is judged, and that is said', async () => {
  const reason = 'the run ended with exit code 70';
  const connections = [
    { purpose: 'control', target: '10.244.1.2:8080', local: undefined, result: 'ECONNREFUSED' },
  ] as unknown as RunFile['connections'];
  const verdict = await examine(await run(GUILTY, { phase: 'analysing', reason, connections }));
  expect(verdict.verdict).toBe('stale-checksum');
  expect(verdict.warnings.join()).not.toContain('incomplete');
  expect(verdict.warnings.at(-1)).toBe(
    `the recording is whole, but the run came no further than that: ${reason}`,
  );
});

it('a record of a phase that there is not is refused', async () => {
  const broken = await run(HEALTHY, { phase: 'done' as RunFile['phase'] });
  await expect(examine(broken)).rejects.toThrow(/run\.json: expected a phase of recording, /);
});

describe('what a run leaves that did not finish its bundle', () => {
  const leave = (path: string) =>
    leaveBundle(bundlePlace(path), 'the run ended with exit code 137');

  it('says how it ended, has its sums, and is named for the user', async () => {
    const left = await run(GUILTY, { phase: 'recording' });
    expect(await leave(left)).toBe(`evidence so far: ${left}  (stalesum analyze ${left})`);
    expect(await readRunFile(left)).toMatchObject({
      phase: 'interrupted',
      reason: 'the run ended with exit code 137',
    });
    expect(await checkSums(left)).toEqual({ changed: [], missing: [], added: [] });
    appendFileSync(join(left, 'node-a/ip.txt'), ' ');
    await expect(examine(left)).rejects.toThrow('changed: node-a/ip.txt');
  });

  it('says that the analysis failed where the recording is whole', async () => {
    const left = await run(GUILTY, { phase: 'analysing' });
    expect(await leave(left)).toContain(`evidence so far: ${left}`);
    expect((await examine(left)).warnings.at(-1)).toBe(
      'the recording is whole, but the run came no further than that: the run ended with exit code 137',
    );
    expect(await checkSums(left)).toEqual({ changed: [], missing: [], added: [] });
  });

  it('keeps the reason that the run itself gave', async () => {
    const state = { phase: 'interrupted', reason: 'interrupted by SIGTERM' } as const;
    const left = await run(GUILTY, state);
    await leave(left);
    expect(await readRunFile(left)).toMatchObject(state);
  });

  it('is nothing where nothing was recorded', async () => {
    const bare = join(folder, `run-${++count}`);
    mkdirSync(bare);
    await writeRunFile(bare, NEW_RUN);
    expect(await leave(bare)).toBeUndefined();
    expect(() => statSync(bare)).toThrow(/ENOENT/);
  });

  it('is left alone where it is complete, and named where only its sums are missing', async () => {
    const whole = await run(GUILTY, { phase: 'complete' });
    expect(await leave(whole)).toContain(`evidence so far: ${whole}`);
    await writeSums(whole);
    expect(await leave(whole)).toBeUndefined();
    expect(await readRunFile(whole)).toMatchObject({ phase: 'complete', reason: null });
  });
});
