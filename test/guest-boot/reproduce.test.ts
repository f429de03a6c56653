/** The lab under another kernel, in a virtual machine. The one test that boots all the way. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { VerdictDocument } from '../../src/analysis/verdict.js';
import { eventually, processesMarked } from '../lab/processes.js';
import { describeLive } from '../live/require-live.js';
import { CLI, stalesum } from '../support/cli.js';
import { badFrames, checksumErrors, tunnelPorts } from '../support/witnesses.js';
import { cannotBoot, IMAGE } from './test-kernel.js';

const image = IMAGE ?? '';
/** As Debian and others name their images: vmlinuz-6.1.0-56-cloud-amd64. */
const release = basename(image).replace('vmlinuz-', '');

/** Files without a name do not show; folders of ours would. */
const leftBehind = () => readdirSync(tmpdir()).filter(name => /^stalesum-(init|res)/.test(name));

describeLive(
  'stalesum reproduce --kernel',
  () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'stalesum-kernel-'));
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    it('proves the bug of that kernel, port by port as its conntrack has it', async () => {
      const out = join(folder, 'out');
      const { outcome, stdout, stderr } = await stalesum([
        ...['reproduce', '--kernel', image, '--json', '--out', out],
      ]);
      expect({ outcome, stderr }).toEqual({ outcome: 1, stderr: '' });
      const verdict = JSON.parse(stdout) as VerdictDocument;
      expect(verdict).toMatchObject({ verdict: 'stale-checksum', grade: 'proved', exitCode: 1 });
      expect(verdict.control).toMatchObject({ clean: true });

      expect(verdict.environment?.machine).toMatch(/^qemu-(kvm|tcg)$/);
      expect(verdict.environment?.nodes.map(({ kernel }) => kernel)).toEqual([release, release]);
      expect(readFileSync(join(out, 'node-a/versions.txt'), 'utf8')).toMatch(`kernel ${release}\n`);

      const bad = verdict.flows[0]!.syns.filter(({ checksum }) => checksum?.state === 'stale');
      const known = tunnelPorts(out);
      expect(bad.length).toBeGreaterThan(0);
      for (const { outerSourcePort, recoveredPort } of bad) {
        expect(recoveredPort).toBe(known.get(outerSourcePort!));
      }
      expect(checksumErrors(out, 'after') - checksumErrors(out, 'before')).toBe(bad.length);
      const atReceiver = bad.flatMap(({ frames }) =>
        frames.filter(({ capture }) => capture === 'node-b/underlay.pcapng').map(f => f.number),
      );
      expect(badFrames(join(out, 'node-b/underlay.pcapng'))).toEqual(atReceiver);

      // The recording came out whole: it gives the same document here.
      expect((await stalesum(['analyze', out, '--json'])).stdout).toBe(stdout);
      expect(readFileSync(join(out, 'verdict.json'), 'utf8')).toBe(stdout);
      expect(leftBehind()).toEqual([]);
    });

    it.each(['SIGINT', 'SIGKILL'] as const)('leaves nothing behind after %s', async signal => {
      const mark = `kernel-${signal}-${process.pid}`;
      const child = spawn(process.execPath, [CLI, 'reproduce', '--kernel', image], {
        env: { ...process.env, LAB_TEST_MARK: mark },
        stdio: 'ignore',
      });
      const qemu = () => processesMarked(mark).length > 1;
      await eventually(qemu);
      await sleep(200);
      child.kill(signal);
      expect(await once(child, 'close')).toEqual(
        signal === 'SIGINT' ? [130, null] : [null, signal],
      );
      await eventually(() => processesMarked(mark).length === 0);
      expect(processesMarked(mark)).toEqual([]);
      expect(leftBehind()).toEqual([]);
    });
  },
  cannotBoot,
);
