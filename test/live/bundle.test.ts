/** Bundles of live runs: read back, without payload, and honest whatever ends the run. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DEFAULT_EXIT_POLICY } from '../../src/analysis/exit-code.js';
import type { VerdictDocument } from '../../src/analysis/verdict.js';
import { examinePaths } from '../../src/evidence/examine.js';
import type { RunFile } from '../../src/evidence/run-record.js';
import { eventually, processesMarked } from '../lab/processes.js';
import { CLI, stalesum } from '../support/cli.js';
import { describeLive } from './require-live.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stalesum-live-bundles-'));
  chmodSync(folder, 0o755);
});
afterAll(() => rmSync(folder, { recursive: true }));
const path = (...parts: string[]) => join(folder, ...parts);

const examine = (bundle: string) =>
  examinePaths([bundle], { tunnelPorts: [], policy: DEFAULT_EXIT_POLICY });

const runFile = (bundle: string) =>
  JSON.parse(readFileSync(join(bundle, 'run.json'), 'utf8')) as RunFile;

/** As sha256sum itself finds them. */
function checkSums(bundle: string): void {
  execFileSync('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], { cwd: bundle });
}

/** The bytes of all captures of a bundle. */
function captured(bundle: string): Buffer {
  const names = readdirSync(bundle, { recursive: true }).map(String);
  return Buffer.concat(
    names.filter(name => name.endsWith('.pcapng')).map(name => readFileSync(join(bundle, name))),
  );
}

function unpack(archive: string): string {
  const target = `${archive}.unpacked`;
  mkdirSync(target);
  execFileSync('tar', ['-xzf', archive, '-C', target]);
  const [top] = readdirSync(target);
  return join(target, top!);
}

/** The first label of what the lab's resolver asks, as it stands in a query. */
const QUERIED = Buffer.from('\u0003web\u0007default\u0003svc');

describeLive('the bundle of a run', () => {
  it.concurrent.each([
    ['unpatched', 'stale-checksum', ['--tap']],
    ['emulated-pre-5.7', 'mangled-checksum', []],
    ['udp-dns', 'stale-checksum', ['--engine', 'tcpdump']],
    ['mtu-blackhole', 'not-rewritten', []],
  ] as const)('of %s gives its verdict again from an archive', async (scenario, verdict, more) => {
    const out = path(`${scenario}.tar.gz`);
    const run = ['reproduce', '--scenario', scenario, '--json', '--out', out, ...more];
    const { outcome, stdout, stderr } = await stalesum(run);
    expect({ outcome, stderr }).toEqual({
      outcome: verdict === 'not-rewritten' ? 0 : 1,
      stderr: '',
    });
    expect(JSON.parse(stdout).verdict).toBe(verdict);
    expect(JSON.stringify(await examine(out), null, 2)).toBe(stdout.trimEnd());

    const bundle = unpack(out);
    checkSums(bundle);
    expect(readFileSync(join(bundle, 'verdict.json'), 'utf8')).toBe(stdout);
    expect(runFile(bundle)).toMatchObject({ phase: 'complete', scenario });
    expect(existsSync(path(`${scenario}.partial`))).toBe(false);
    if (scenario === 'udp-dns') expect(captured(bundle).includes(QUERIED)).toBe(false);
  });

  it('keeps payload where it is told to', async () => {
    const out = path('with-payload');
    const run = ['reproduce', '--scenario', 'udp-dns', '--keep-payload', '--json', '--out', out];
    const { outcome, stdout } = await stalesum(run);
    expect(outcome).toBe(1);
    expect(captured(out).includes(QUERIED)).toBe(true);
    expect(JSON.stringify(await examine(out), null, 2)).toBe(stdout.trimEnd());
  });

  it('names the evidence and what is in it, and has all that a reader may ask of a node', async () => {
    const out = path('closing');
    const { stdout } = await stalesum(['reproduce', '--out', out]);
    const closing = stdout.trimEnd().split('\n').at(-1);
    expect(closing).toMatch(
      /^Evidence {2}\S+closing {2}\(verdict\.json, .*4 captures, snapshots, SHA256SUMS\)$/,
    );
    const both = ['overlay.pcapng', 'underlay.pcapng', 'conntrack-events.txt', 'ip.txt'];
    const all = [
      ...both,
      ...['nstat.before.txt', 'nstat.after.txt', 'iptables-save.before.txt'],
      ...['iptables-save.after.txt', 'nft-ruleset.json', 'ethtool-k.txt', 'sysctl.txt'],
      'versions.txt',
    ];
    expect(readdirSync(join(out, 'node-a'))).toEqual(
      expect.arrayContaining([...all, 'conntrack-list.txt']),
    );
    expect(readdirSync(join(out, 'node-b'))).toEqual(expect.arrayContaining(all));
    for (const node of ['node-a', 'node-b']) {
      for (const name of readdirSync(join(out, node)).filter(one => !one.endsWith('.pcapng'))) {
        expect(readFileSync(join(out, node, name), 'utf8'), name).not.toContain('# not read');
      }
    }
  });
});

/** Whether what a folder holds so far convicts already. */
async function isProved(bundle: string): Promise<boolean> {
  if (!existsSync(join(bundle, 'run.json'))) return false;
  const { verdict, grade } = await examine(bundle);
  return verdict === 'stale-checksum' && grade === 'proved';
}

describeLive('a run that is interrupted', () => {
  it('closes its bundle, which convicts already, and says where it lies', async () => {
    const out = path('interrupted.tgz');
    const partial = path('interrupted.partial');
    const child = spawn(
      process.execPath,
      [CLI, 'reproduce', '--retransmits', 'classic', '--out', out],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
    // What is being recorded can be looked at: until the first SYN of the target was lost.
    while (!(await isProved(partial))) await sleep(100);
    child.kill('SIGINT');
    expect(await once(child, 'close')).toEqual([130, null]);
    expect(await stdout).toBe('');
    expect(await stderr).toContain(`stalesum: evidence so far: ${partial}  (stalesum analyze `);
    expect(existsSync(out)).toBe(false);

    expect(runFile(partial)).toMatchObject({
      phase: 'interrupted',
      reason: 'interrupted by SIGINT',
      captures: [{ kernelDrops: 0 }, { kernelDrops: 0 }, { kernelDrops: 0 }, { kernelDrops: 0 }],
    });
    checkSums(partial);
    expect(existsSync(join(partial, 'node-b/nstat.after.txt'))).toBe(true);
    const verdict = await examine(partial);
    expect(verdict).toMatchObject({ verdict: 'stale-checksum', grade: 'proved', exitCode: 1 });
    expect(verdict.captures.map(({ truncated }) => truncated)).toEqual([null, null, null, null]);
    expect(verdict.warnings).toContain(
      'incomplete: the recording is not whole: interrupted by SIGINT',
    );
  });
});

describeLive('a run that is killed at any moment', () => {
  /** Moments as parts of a whole run's time, one at random in each twentieth of it. */
  const moments = Array.from({ length: 20 }, (_, index) => (index + Math.random()) / 20);
  let milliseconds: number;
  /** What became of the runs, for the last test. */
  const ends: string[] = [];

  beforeAll(async () => {
    // As many at once as there will be, so that it is the time of a run among others.
    const times = await Promise.all(
      [1, 2, 3, 4].map(async index => {
        const begun = performance.now();
        await stalesum(['reproduce', '--json', '--out', path(`whole-${index}`)]);
        return performance.now() - begun;
      }),
    );
    milliseconds = Math.max(...times);
  });

  async function killedAt(moment: number, index: number): Promise<void> {
    const signal = index % 2 === 0 ? 'SIGKILL' : 'SIGINT';
    const out = path(`killed-${index}`);
    const mark = `killed-${index}-${process.pid}`;
    const child = spawn(process.execPath, [CLI, 'reproduce', '--json', '--out', out], {
      env: { ...process.env, LAB_TEST_MARK: mark },
      stdio: 'ignore',
    });
    const closed = once(child, 'close');
    await sleep(moment * milliseconds);
    child.kill(signal);
    await closed;
    await eventually(() => processesMarked(mark).length === 0);
    ends.push(await expectHonest(out));
  }

  /** Whatever there is can be read, and claims no more than it shows. */
  async function expectHonest(out: string): Promise<string> {
    if (!existsSync(out) || readdirSync(out).length === 0) return 'nothing';
    const { phase } = runFile(out);
    const verdict: VerdictDocument = await examine(out);
    const warnings = verdict.warnings.join('\n');
    expect([1, 2]).toContain(verdict.exitCode);
    if (verdict.exitCode === 2) expect(verdict.verdict).toBe('inconclusive');
    else expect(verdict.verdict).toBe('stale-checksum');
    if (phase === 'complete') {
      expect(verdict).toMatchObject({ verdict: 'stale-checksum', grade: 'proved' });
      expect(warnings).toBe('');
      if (existsSync(join(out, 'SHA256SUMS'))) checkSums(out);
    } else if (phase === 'analysing') {
      // The recording is whole, its reports are not.
      expect(verdict).toMatchObject({ verdict: 'stale-checksum', grade: 'proved' });
      expect(warnings).not.toContain('incomplete');
    } else expect(warnings).toContain('incomplete: the recording is not whole');
    return `${phase} ${verdict.verdict}`;
  }

  for (let first = 0; first < moments.length; first += 4) {
    it(`leaves what is true: moments ${first + 1} to ${first + 4} of 20`, async () => {
      const four = moments.slice(first, first + 4);
      await Promise.all(four.map((moment, index) => killedAt(moment, first + index)));
    });
  }

  it('was killed while it recorded, too', () => {
    const some = ends.filter(end => /^(recording|interrupted) /.test(end));
    expect(some.length, ends.join(', ')).toBeGreaterThanOrEqual(3);
  });
});

const isRoot = process.getuid?.() === 0;
/** Mounts of one's own, in which a disk can be as small as one likes. */
const OWN_MOUNTS = ['unshare', ...(isRoot ? [] : ['--user', '--map-root-user']), '--mount', '--'];
/** The disk, then the program, then what it wrote is taken out of there. */
const ON_SMALL_DISK = `
  mount -t tmpfs -o "size=$1,mode=755" tmpfs "$2" || exit 99
  kept="$3"; disk="$2"; shift 3
  "$@"; code=$?
  cp -a "$disk/." "$kept"
  exit $code
`;

describeLive('a run whose disk is full', () => {
  async function reproduceOn(size: string) {
    const [disk, kept] = [path(`disk-${size}`), path(`kept-${size}`)];
    mkdirSync(disk);
    mkdirSync(kept);
    const prefix = [...OWN_MOUNTS, 'sh', '-c', ON_SMALL_DISK, 'sh', size, disk, kept];
    const run = ['reproduce', '--json', '--out', join(disk, 'bundle')];
    return { ...(await stalesum(run, { prefix })), kept: join(kept, 'bundle') };
  }

  /** What a whole bundle takes on such a disk, whose pages are of 4 KiB. */
  let whole: number;
  beforeAll(async () => {
    const { outcome, stderr, kept } = await reproduceOn('8m');
    expect({ outcome, stderr }).toEqual({ outcome: 1, stderr: '' });
    checkSums(kept);
    const files = readdirSync(kept, { recursive: true }).map(name =>
      statSync(join(kept, `${name}`)),
    );
    whole = files.reduce((sum, { size }) => sum + Math.ceil(size / 4096), 0) * 4;
  });

  it.concurrent.each([
    ['in its snapshots', 0.1],
    ['before it captures', 0.4],
    ['while it captures', 0.65],
    ['in its reports', 0.92],
  ])('%s says so, exits 74, and what was written can be read', async (_when, part) => {
    const { outcome, stdout, stderr, kept } = await reproduceOn(`${Math.floor(whole * part)}k`);
    expect(outcome).toBe(74);
    expect(stderr).toMatch(
      /^stalesum: \S+\/bundle\/\S+: ENOSPC: no space left on device, \w+\nstalesum: evidence so far: \S+\/bundle {2}\(stalesum analyze \S+\)\n$/,
    );
    const { phase } = runFile(kept);
    expect(['recording', 'interrupted', 'analysing']).toContain(phase);
    const verdict = await examine(kept);
    expect(['inconclusive', 'stale-checksum']).toContain(verdict.verdict);
    if (phase === 'analysing') {
      // The verdict was known, and is told all the same.
      expect(JSON.parse(stdout).verdict).toBe('stale-checksum');
    } else {
      expect(stdout).toBe('');
      expect(verdict.warnings.join()).toContain('incomplete: the recording is not whole');
    }
    const unfinished = readdirSync(kept, { recursive: true }).map(String);
    expect(unfinished.filter(name => name.includes('.partial'))).toEqual([]);
  });
});
