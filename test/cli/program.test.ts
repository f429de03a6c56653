import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TOOL } from '../../src/version.js';
import { PROJECT, stalesum } from '../support/cli.js';

describe('the command line', () => {
  it('has the version of package.json', async () => {
    const { version, name } = JSON.parse(readFileSync(`${PROJECT}package.json`, 'utf8'));
    expect(TOOL).toEqual({ name, version });
    expect(await stalesum(['--version'])).toMatchObject({ outcome: 0, stdout: `${version}\n` });
  });

  it('names its commands and exit codes in --help', async () => {
    const { outcome, stdout } = await stalesum(['--help']);
    expect(outcome).toBe(0);
    for (const word of ['reproduce', 'analyze', 'lab', 'watch', 'Exit codes'])
      expect(stdout).toContain(word);
  });

  it('is a plugin of kubectl under the name that kubectl looks for', async () => {
    const { bin } = JSON.parse(readFileSync(`${PROJECT}package.json`, 'utf8'));
    const folder = mkdtempSync(join(tmpdir(), 'stalesum-plugin-'));
    try {
      const cli = join(folder, 'kubectl-stalesum');
      symlinkSync(join(PROJECT, bin['kubectl-stalesum']), cli);
      const { outcome, stdout } = await stalesum(['reproduce', '--help'], { cli });
      expect(outcome).toBe(0);
      expect(stdout).toMatch(/^Usage: kubectl stalesum reproduce /);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each([
    [['--deploy-target', '--target', '10.96.0.10:80'], /listens on TCP only/],
    [['--deploy-target', '--protocol', 'udp'], /listens on TCP only/],
    [['--target', '10.96.0.10:80'], /expected --from, --to and --target/],
    [
      ['--from', 'kubectl:$(id)', '--target', 'svc/default/web:80'],
      /cannot be the name of a cluster/,
    ],
    [['--target', 'svc/default/web;id:80'], /is no target; expected IP:PORT/],
    [['--target', 'svc/default/web:80', '--context', ''], /cannot be the name of a context/],
  ])('refuses what nobody can run: %j', async (args, words) => {
    const { outcome, stdout, stderr } = await stalesum(['reproduce', ...args]);
    expect({ outcome, stdout }).toEqual({ outcome: 64, stdout: '' });
    expect(stderr).toMatch(words);
  });

  it.each([
    'reproduce',
    'analyze',
    'lab',
    'watch',
  ])('gives examples in the help of %s', async command => {
    const { outcome, stdout } = await stalesum([command, '--help']);
    expect(outcome).toBe(0);
    expect(stdout).toContain('Examples:');
  });

  it.each([
    [['--help']],
    [['--version']],
    [['analyze', '--help']],
  ])('says nothing of a reader that has gone: %j', async args => {
    // The shell's reader ends before the program begins to write.
    const line = '"$0" "$@" 2>&3 | :; exit $PIPESTATUS';
    const prefix = ['bash', '-c', `exec 3>&2; ${line}`];
    expect(await stalesum(args, { prefix })).toEqual({ outcome: 0, stdout: '', stderr: '' });
  });

  it('turns a crash into exit 70, one line, and a way to the trace', async () => {
    // A module that fails while the program is loaded: nothing of ours has run by then.
    const env = { NODE_OPTIONS: `--import=${PROJECT}test/support/broken-path.mjs` };
    const { outcome, stdout, stderr } = await stalesum(['analyze', PROJECT], { env });
    expect({ outcome, stdout }).toEqual({ outcome: 70, stdout: '' });
    expect(stderr).toContain('stalesum: fault of stalesum: the disk is on fire');
    expect(stderr).toContain('STALESUM_TRACE=1');
    expect(stderr).not.toMatch(/^\s+at /m);
    const traced = await stalesum(['analyze', PROJECT], { env: { ...env, STALESUM_TRACE: '1' } });
    expect(traced.stderr).toMatch(/^\s+at /m);
  });

  it('knows the scenarios of the lab, and says them', async () => {
    const { outcome, stderr } = await stalesum(['reproduce', '--scenario', 'unpached']);
    expect(outcome).toBe(64);
    expect(stderr).toContain('there is no scenario "unpached"');
    expect(stderr).toContain('kube-proxy-patched');
  });
});
