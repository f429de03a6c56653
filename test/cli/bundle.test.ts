/** Bundles on the command line: exit codes, what is said, and that nothing stays behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packFolder } from '../../src/evidence/archive-write.js';
import { writeSums } from '../../src/evidence/sums.js';
import { CLI, stalesum } from '../support/cli.js';
import { recordings } from '../support/recordings.js';

const recording = (name: string) => recordings.find(one => one.name === name)!.folder;
const GUILTY = recording('linux-5.4.33/udpcsum-fixed-port');
const HEALTHY = recording('linux-5.4.33/kube-proxy-patched');

let folder: string;
/** Where the program puts what is temporary. */
let temporary: string;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stalesum-cli-bundle-'));
  temporary = join(folder, 'tmp');
  mkdirSync(temporary);
  env = { TMPDIR: temporary };
  for (const [name, source] of Object.entries({ guilty: GUILTY, healthy: HEALTHY })) {
    cpSync(source, join(folder, name), { recursive: true });
    await writeSums(join(folder, name));
    await packFolder(join(folder, name), join(folder, `${name}.tar.gz`), name);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

const path = (name: string) => join(folder, name);
const left = () => readdirSync(temporary);

describe('an archive in place of a folder', () => {
  it('gives analyze the same answer', async () => {
    const archive = await stalesum(['analyze', '--json', path('guilty.tar.gz')], { env });
    expect(archive).toMatchObject({ outcome: 1, stderr: '' });
    expect(archive.stdout).toBe((await stalesum(['analyze', '--json', GUILTY])).stdout);
    expect(left()).toEqual([]);
  });

  it('is taken by compare on either side', async () => {
    const { outcome, stdout } = await stalesum(
      ['compare', path('guilty.tar.gz'), path('healthy')],
      { env },
    );
    expect({ outcome, stdout }).toMatchObject({ outcome: 0 });
    expect(stdout).toContain('Fixed');
    expect(left()).toEqual([]);
  });

  it('is taken by inspect', async () => {
    const args = ['inspect', '--target', '10.96.0.10:80', '--json', '--dir'];
    const fromArchive = await stalesum([...args, path('guilty.tar.gz')], { env });
    const fromFolder = await stalesum([...args, GUILTY]);
    expect(fromArchive.outcome).toBe(0);
    const [archived, plain] = [fromArchive, fromFolder].map(({ stdout }) => JSON.parse(stdout));
    expect(archived.predictions).toEqual(plain.predictions);
    expect(archived.gaps[0]).toBe(
      `node-b not inspected: unpack ${path('guilty.tar.gz')}, then --dir node-b`,
    );
    expect(left()).toEqual([]);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('leaves no copy after %s', async signal => {
    // The archive is unpacked, and then nothing comes from standard input.
    const child = spawn(process.execPath, [CLI, 'analyze', path('guilty.tar.gz'), '-'], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const isUnpacked = () =>
      left().some(name => readdirSync(join(temporary, name)).includes('guilty'));
    while (!isUnpacked()) await sleep(20);
    child.kill(signal);
    expect(await once(child, 'close')).toEqual([null, signal]);
    expect(left()).toEqual([]);
  });
});

describe('evidence that cannot be used', () => {
  it('exits 65 and names the file that was changed, in a folder and in an archive', async () => {
    cpSync(path('guilty'), path('altered'), { recursive: true });
    appendFileSync(path('altered/node-b/nstat.after.txt'), 'UdpInCsumErrors 7 0.0\n');
    await packFolder(path('altered'), path('altered.tgz'), 'altered');
    for (const name of ['altered', 'altered.tgz']) {
      for (const args of [
        ['analyze', path(name)],
        ['compare', path(name), path('healthy')],
        ['inspect', '--dir', path(name)],
      ]) {
        const { outcome, stdout, stderr } = await stalesum(args, { env });
        expect({ outcome, stdout }, args[0]).toEqual({ outcome: 65, stdout: '' });
        expect(stderr).toContain(
          `${path(name)}: not as SHA256SUMS has it: changed: node-b/nstat.after.txt`,
        );
      }
    }
    expect(left()).toEqual([]);
  });

  it('exits 65 and says where an archive is cut off', async () => {
    const whole = readFileSync(path('guilty.tar.gz'));
    writeFileSync(path('cut.tar.gz'), whole.subarray(0, whole.length / 2));
    const { outcome, stderr } = await stalesum(['analyze', path('cut.tar.gz')], { env });
    expect(outcome).toBe(65);
    expect(stderr).toMatch(/^stalesum: .*cut\.tar\.gz: cut off at byte \d+ of the archive/);
    expect(stderr.split('\n')).toHaveLength(2);
    expect(left()).toEqual([]);
  });

  it('exits 65 where there is no such archive', async () => {
    const { outcome, stderr } = await stalesum(['analyze', path('none.tar.gz')], { env });
    expect(outcome).toBe(65);
    expect(stderr).toContain('none.tar.gz: expected a capture file, there is no such file');
  });

  it('exits 74 where an archive cannot be unpacked', async () => {
    const nowhere = { TMPDIR: path('nowhere') };
    const { outcome, stderr } = await stalesum(['analyze', path('guilty.tar.gz')], {
      env: nowhere,
    });
    expect(outcome).toBe(74);
    expect(stderr).toContain('nowhere: no folder for temporary files can be made');
    expect(stderr).toContain('TMPDIR');
  });
});

describe('reproduce --out', () => {
  it('exits 64 for a kind of archive that is not written, and makes nothing', async () => {
    const { outcome, stderr } = await stalesum(['reproduce', '--out', path('new.zip')]);
    expect(outcome).toBe(64);
    expect(stderr).toContain('new.zip: expected a folder, or an archive named .tar.gz or .tgz');
    expect(readdirSync(folder)).not.toContain('new.zip');
  });

  it('exits 64 where the archive is there already, and leaves it as it is', async () => {
    const before = readFileSync(path('guilty.tar.gz'));
    const { outcome, stderr } = await stalesum(['reproduce', '--out', path('guilty.tar.gz')]);
    expect(outcome).toBe(64);
    expect(stderr).toContain('guilty.tar.gz: there is such a file already');
    expect(readFileSync(path('guilty.tar.gz'))).toEqual(before);
  });

  it('exits 74 where the place cannot be made', async () => {
    const { outcome, stderr } = await stalesum(['reproduce', '--out', '/proc/stalesum/evidence']);
    expect(outcome).toBe(74);
    expect(stderr).toContain('/proc/stalesum/evidence: ');
  });
});
