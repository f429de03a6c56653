import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ENTRY, FACTS, PROJECT, runLab } from '../lab/run.js';
import { describeLive, refusal } from './require-live.js';

const NOBODY = 65534;
const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];

const isRoot = process.getuid?.() === 0;

/**
 * Starts the rest where a setting forbids namespaces: the setting belongs to a user namespace of its
 * own, in which the caller is himself, or root.
 */
function forbidding(setting: string, as: 'himself' | 'root'): string[] {
  const script = `echo 0 > /proc/sys/user/${setting}; exec "$@"`;
  const map = as === 'root' ? '--map-root-user' : '--map-current-user';
  return ['unshare', '--user', map, '--keep-caps', 'sh', '-c', script, 'sh'];
}

describeLive('where namespaces are forbidden', () => {
  it.each([
    'max_user_namespaces',
    'max_net_namespaces',
    'max_pid_namespaces',
  ])('an ordinary user gets exit 77 and one message that names user.%s', async setting => {
    const prefix = [...(isRoot ? AS_NOBODY : []), ...forbidding(setting, 'himself')];
    const { outcome, stdout, stderr } = await runLab('unpatched', ['true'], {
      prefix,
      ...entryForOthers(),
    });
    expect(outcome).toBe(77);
    expect(stdout).toBe('');
    expect(stderr).toMatch(
      new RegExp(
        '^stalesum: the lab needs namespaces of its own, and the system refuses them ' +
          `\\(unshare: .*\\): user\\.${setting} is 0\\n` +
          `  as root: sysctl -w user\\.${setting}=10000\\n$`,
      ),
    );
  });

  it('root does without a user namespace', async () => {
    const prefix = forbidding('max_user_namespaces', 'root');
    const { outcome, stdout } = await runLab('unpatched', ['id', '-u'], { prefix });
    expect({ outcome, stdout }).toEqual({ outcome: 0, stdout: '0\n' });
  });

  it('root gets exit 77 as well if there can be no network namespace', async () => {
    const prefix = forbidding('max_net_namespaces', 'root');
    const { outcome, stderr } = await runLab('unpatched', ['true'], { prefix });
    expect(outcome).toBe(77);
    expect(stderr).toContain('user.max_net_namespaces is 0');
  });
});

describe('an unshare that fails', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stalesum-unshare-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([
    ["unshare: unrecognized option '--map-user=1'", 69, /^stalesum: this unshare is too old: /],
    ['Error: Unknown device type.', 69, /^stalesum: this kernel has no veth links: /],
    ['unshare: unshare failed: Operation not permitted', 77, /the system refuses them/],
  ])('saying "%s" gives exit %i', async (words, code, message) => {
    writeFileSync(join(folder, 'unshare'), `#!/bin/sh\necho "${words}" >&2\nexit 1\n`);
    chmodSync(join(folder, 'unshare'), 0o755);
    const prefix = ['env', `PATH=${folder}:${process.env.PATH}`];
    const { outcome, stdout, stderr } = await runLab('unpatched', ['true'], { prefix });
    expect({ outcome, stdout }).toEqual({ outcome: code, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.split('\n')).toHaveLength(3);
  });
});

const readable = isRoot ? readableByNobody() : {};
afterAll(() => {
  if (readable.copy !== undefined) {
    rmSync(readable.copy, { recursive: true });
  }
});

/** Where an ordinary user finds the tests' entry. */
function entryForOthers(): { entry: string } {
  return { entry: join(readable.copy ?? PROJECT, relative(PROJECT, ENTRY)) };
}

describeLive(
  'an ordinary user',
  () => {
    it('reproduces the bug without any right of root', async () => {
      const facts = join(readable.copy ?? PROJECT, relative(PROJECT, FACTS));
      const { outcome, stdout, stderr } = await runLab('unpatched', [process.execPath, facts], {
        prefix: isRoot ? AS_NOBODY : [],
        ...entryForOthers(),
      });
      expect({ outcome, stderr }).toEqual({ outcome: 0, stderr: expect.stringMatching(/^lab /) });
      const { uid, echoed, checksumErrors, retransmits } = JSON.parse(stdout);
      expect({ uid, echoed }).toEqual({
        uid: isRoot ? NOBODY : process.getuid?.(),
        echoed: 'hello',
      });
      expect(checksumErrors).toBeGreaterThanOrEqual(1);
      expect(checksumErrors).toBe(retransmits);
    });
  },
  refusal ?? readable.reason,
);

/** Whether another user can run the tool from here, or from a copy of what it needs. */
function readableByNobody(): { readonly copy?: string; readonly reason?: string } {
  const can = (...command: string[]) =>
    spawnSync(AS_NOBODY[0]!, [...AS_NOBODY.slice(1), ...command]).status === 0;
  if (!can(process.execPath, '--version')) {
    return { reason: `another user cannot run ${process.execPath}` };
  }
  if (can('test', '-r', ENTRY) && can('test', '-r', `${PROJECT}node_modules/execa/index.js`)) {
    return {};
  }
  const copy = mkdtempSync(join(tmpdir(), 'stalesum-lab-'));
  for (const path of ['package.json', 'dist', 'test/lab', ...packagesOf('execa')]) {
    cpSync(join(PROJECT, path), join(copy, path), { recursive: true });
  }
  spawnSync('chmod', ['-R', 'a+rX', copy]);
  return { copy };
}

/** The folders of a package and of all that it depends on. */
function packagesOf(name: string, seen = new Set<string>()): string[] {
  const folder = `node_modules/${name}`;
  const file = join(PROJECT, folder, 'package.json');
  if (seen.has(name) || !existsSync(file)) {
    return [];
  }
  seen.add(name);
  const { dependencies = {} } = JSON.parse(readFileSync(file, 'utf8'));
  return [folder, ...Object.keys(dependencies).flatMap(other => packagesOf(other, seen))];
}
