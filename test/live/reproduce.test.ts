import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { VerdictDocument } from '../../src/analysis/verdict.js';
import { eventually, processesMarked, surroundings } from '../lab/processes.js';
import { CLI, PROJECT, stalesum } from '../support/cli.js';
import { badFrames, checksumErrors, tunnelPorts } from '../support/witnesses.js';
import { describeLive } from './require-live.js';

describeLive('stalesum reproduce', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'stalesum-live-'));
    // An ordinary user's run goes through it.
    chmodSync(folder, 0o755);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('proves the bug of the running kernel, port by port as conntrack has it', async () => {
    const out = join(folder, 'unpatched');
    const { outcome, stdout } = await stalesum(['reproduce', '--json', '--out', out]);
    const verdict = JSON.parse(stdout) as VerdictDocument;
    expect(verdict).toMatchObject({ verdict: 'stale-checksum', grade: 'proved', exitCode: 1 });
    expect(outcome).toBe(1);
    expect(verdict.control).toMatchObject({ clean: true });
    expect(verdict.control?.seenAt).toHaveLength(4);
    expect(verdict.environment?.emulated).toBe(false);

    const [flow] = verdict.flows;
    const bad = flow!.syns.filter(({ checksum }) => checksum?.state === 'stale');
    const known = tunnelPorts(out);
    expect(bad.length).toBeGreaterThan(0);
    for (const { outerSourcePort, recoveredPort, delivered } of bad) {
      expect(recoveredPort).toBe(known.get(outerSourcePort!));
      expect(delivered).toBe(false);
    }
    expect(checksumErrors(out, 'after') - checksumErrors(out, 'before')).toBe(bad.length);
    expect(flow!.syns.at(-1)).toMatchObject({ delivered: true, checksum: { state: 'valid' } });
    expect(flow!.delay?.retransmits).toBe(bad.length);

    const atReceiver = bad.flatMap(({ frames }) =>
      frames.filter(({ capture }) => capture === 'node-b/underlay.pcapng').map(f => f.number),
    );
    expect(badFrames(join(out, 'node-b/underlay.pcapng'))).toEqual(atReceiver);
    for (const { kernelDrops } of verdict.captures) expect(kernelDrops).toBe(0);

    const again = await stalesum(['analyze', out, '--json']);
    expect(again.stdout).toBe(stdout);
    expect(readFileSync(join(out, 'verdict.json'), 'utf8')).toBe(stdout);
  });

  it('finds nothing rewritten behind the rules of PR 92035', async () => {
    const args = ['reproduce', '--scenario', 'kube-proxy-patched', '--json'];
    const { outcome, stdout } = await stalesum(args);
    const verdict = JSON.parse(stdout) as VerdictDocument;
    expect(verdict).toMatchObject({ verdict: 'not-rewritten', control: { clean: true } });
    expect(verdict.flows[0]?.syns).toHaveLength(1);
    expect(outcome).toBe(0);
  });

  it('exits 0 with --as-expected when the scenario shows what it must', async () => {
    const { outcome, stdout, stderr } = await stalesum(['reproduce', '--as-expected']);
    expect({ outcome, stderr }).toEqual({ outcome: 0, stderr: '' });
    expect(stdout).toContain('STALE CHECKSUM AFTER A SECOND SNAT');
  });

  it('does not write into a folder that holds something', async () => {
    const { outcome, stderr } = await stalesum(['reproduce', '--out', PROJECT]);
    expect(outcome).toBe(64);
    expect(stderr).toContain('is not empty');
  });

  it('needs no root', async () => {
    const root = process.getuid?.() === 0;
    // Root's clone may lie where nobody else may look, so the program is copied.
    const copy = join(folder, 'copy');
    for (const name of ['dist', 'node_modules', 'package.json']) {
      cpSync(join(PROJECT, name), join(copy, name), { recursive: true, verbatimSymlinks: true });
    }
    const prefix = root ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
    const cli = join(copy, 'dist/cli.js');
    const { outcome, stdout, stderr } = await stalesum(['reproduce', '--json'], { prefix, cli });
    expect({ outcome, stderr }).toEqual({ outcome: 1, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'stale-checksum', grade: 'proved' });
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('is gone after %s, with exit code 130', async signal => {
    const before = surroundings();
    const mark = `interrupted-by-${signal}-${process.pid}`;
    const out = join(folder, mark);
    const child = spawn(process.execPath, [CLI, 'reproduce', '--out', out], {
      env: { ...process.env, LAB_TEST_MARK: mark },
      stdio: 'ignore',
    });
    const captured = join(out, 'node-b/underlay.pcapng');
    await eventually(() => existsSync(captured));
    await sleep(100);
    child.kill(signal);
    expect(await once(child, 'close')).toEqual([130, null]);
    await eventually(() => processesMarked(mark).length === 0);
    expect(processesMarked(mark)).toEqual([]);
    expect(surroundings()).toEqual(before);
  });
});
