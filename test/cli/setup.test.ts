/** `npm run setup` in a clone where npm, tsc and the system tools are stand-ins. */
import { chownSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClone } from '../setup/fake-clone.js';

const isRoot = process.getuid?.() === 0;

let clone: FakeClone;
beforeEach(() => {
  clone = new FakeClone();
});
afterEach(() => clone.remove());

test('a fresh clone is installed from the lock file and built, and stdout stays empty', async () => {
  const { exitCode, stdout, stderr } = await clone.run('setup.mjs');
  expect(exitCode).toBe(0);
  expect(stdout).toBe('');
  expect(stderr).toBe('setup: npm ci\nsetup: tsc\n');
  const [npm, tsc] = clone.calls();
  expect(npm).toMatch(/^npm ci --ignore-scripts --include=dev /);
  expect(tsc).toMatch(/^tsc /);
  expect(statSync(join(clone.path, 'dist/cli.js')).mode & 0o777).toBe(0o755);
  expect(readdirSync(clone.path).filter(name => name.startsWith('.setup'))).toEqual([]);
});

test('a second run does nothing and says nothing', async () => {
  await clone.run('setup.mjs');
  clone.calls();
  expect(await clone.run('setup.mjs')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  expect(clone.calls()).toEqual([]);
});

test('a changed lock file brings npm ci and a build', async () => {
  await clone.run('setup.mjs');
  clone.calls();
  clone.write('package-lock.json', '{ }');
  await clone.run('setup.mjs');
  expect(clone.callNames()).toEqual(['npm', 'tsc']);
});

test('emptied folders are noticed though the stamps in them are hidden files', async () => {
  await clone.run('setup.mjs');
  clone.calls();
  for (const folder of ['dist', 'node_modules']) {
    const visible = readdirSync(join(clone.path, folder)).filter(name => !name.startsWith('.'));
    for (const name of visible) clone.remove(join(folder, name));
  }
  await clone.run('setup.mjs');
  expect(clone.callNames()).toEqual(['npm', 'tsc']);
});

test('a changed source brings a build that keeps no file of the older one', async () => {
  clone.write('src/gone.ts', '');
  await clone.run('setup.mjs');
  expect(clone.has('dist/gone.js')).toBe(true);
  clone.calls();
  clone.remove('src/gone.ts');
  clone.write('src/kept.ts', '');
  await clone.run('setup.mjs');
  expect(clone.callNames()).toEqual(['tsc']);
  expect(clone.has('dist/kept.js')).toBe(true);
  expect(clone.has('dist/gone.js')).toBe(false);
});

test('a failed build shows what the compiler said, exits 70, leaves dist alone and is tried again', async () => {
  await clone.run('setup.mjs');
  clone.write('src/other.ts', 'BROKEN');
  const failed = await clone.run('setup.mjs');
  expect(failed.exitCode).toBe(70);
  expect(failed.stdout).toBe('');
  expect(failed.stderr).toContain('src/other.ts(1,1): error TS1005\nsetup: the build failed\n');
  expect(clone.has('dist/cli.js')).toBe(true);
  expect(clone.has('.setup-dist')).toBe(false);
  expect((await clone.run('setup.mjs')).exitCode).toBe(70);
});

test('the kernel is built as well: a change of it brings a build, and a fault in it a failed one', async () => {
  await clone.run('setup.mjs');
  expect(clone.read('dist/kernel.wasm')).toBe('kernel');
  clone.write('assembly/index.ts', 'another');
  await clone.run('setup.mjs');
  expect(clone.read('dist/kernel.wasm')).toBe('another');
  clone.write('assembly/index.ts', 'BROKEN');
  const failed = await clone.run('setup.mjs');
  expect(failed.exitCode).toBe(70);
  expect(failed.stderr).toContain('assembly/index.ts: ERROR TS1005\nsetup: the build failed\n');
  expect(clone.read('dist/kernel.wasm')).toBe('another');
});

test('the command line is bundled as well: a fault in that brings a failed build', async () => {
  await clone.run('setup.mjs');
  clone.write('src/cli.ts', 'UNBUNDLED');
  const failed = await clone.run('setup.mjs');
  expect(failed.exitCode).toBe(70);
  expect(failed.stderr).toContain('cli.ts: UNRESOLVED_IMPORT\nsetup: the build failed\n');
  expect(clone.read('dist/cli.js')).not.toBe('UNBUNDLED');
});

test('a failed npm ci shows what npm said, exits 69 and is tried again', async () => {
  const failed = await clone.run('setup.mjs', [], { FAKE_NPM_FAILS: '1' });
  expect(failed.exitCode).toBe(69);
  expect(failed.stderr).toContain('npm error E404\nsetup: npm ci failed\n');
  clone.calls();
  expect((await clone.run('setup.mjs')).exitCode).toBe(0);
  expect(clone.callNames()).toEqual(['npm', 'tsc']);
});

test('after a failed npm ci the older stamp does not count, even if the lock file is the old one again', async () => {
  await clone.run('setup.mjs');
  clone.write('package-lock.json', '{ }');
  await clone.run('setup.mjs', [], { FAKE_NPM_FAILS: '1' });
  clone.calls();
  clone.write('package-lock.json', '{}');
  expect((await clone.run('setup.mjs')).exitCode).toBe(0);
  expect(clone.callNames()).toEqual(['npm']);
});

test('of several at once one does the work', async () => {
  const all = await Promise.all([1, 2, 3].map(() => clone.run('setup.mjs')));
  expect(all.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
  expect(clone.callNames()).toEqual(['npm', 'tsc']);
});

test('the lock of a living process is waited for', async () => {
  clone.write('.setup-lock', lockOf(process.pid));
  const setup = clone.start(['scripts/setup.mjs']);
  await setup.said('waiting for it');
  expect(clone.calls()).toEqual([]);
  clone.remove('.setup-lock');
  expect((await setup.ended).exitCode).toBe(0);
});

test('a lock is taken over when its process is gone, also when the id is in use again', async () => {
  for (const lock of [lockOf(process.pid, '1'), lockOf(2 ** 22 + 1, '1')]) {
    clone.write('.setup-lock', lock);
    clone.write('package-lock.json', `{"now": ${JSON.stringify(lock)}}`);
    expect((await clone.run('setup.mjs')).exitCode).toBe(0);
    expect(clone.has('.setup-lock')).toBe(false);
  }
});

test('missing tools stop `reproduce` with 69 and the packages of four distributions, before anything is done', async () => {
  const { exitCode, stdout, stderr } = await clone.setUp({
    purpose: 'reproduce',
    whenMissing: 'stop',
    folders: [join(clone.path, 'src')],
  });
  expect(exitCode).toBe(69);
  expect(stdout).toBe('');
  expect(stderr.split('\n')).toEqual([
    'setup: missing: ip bridge ss iptables iptables-save iptables-restore nft conntrack ethtool tcpdump unshare nsenter setpriv. As root, one of:',
    '  apt-get install -y --no-install-recommends iproute2 iptables nftables conntrack ethtool tcpdump util-linux',
    '  dnf install -y iproute iptables-nft nftables conntrack-tools ethtool tcpdump util-linux',
    '  apk add iproute2 iptables nftables conntrack-tools ethtool tcpdump util-linux setpriv',
    '  pacman -S --needed iproute2 iptables nftables conntrack-tools ethtool tcpdump util-linux',
    '',
  ]);
  expect(clone.calls()).toEqual([]);
});

test('missing tools do not stop the tests, which go on and are told', async () => {
  clone.remove('tools/tshark');
  const { exitCode, stdout, stderr } = await clone.setUp({
    purpose: 'tests',
    whenMissing: 'go-on',
    folders: [clone.toolFolder],
  });
  expect(exitCode).toBe(0);
  expect(stdout).toBe('tshark\n');
  expect(stderr).toMatch(
    /^setup: missing: tshark\. As root, one of:\n.* tshark\n.* wireshark-cli\n/,
  );
  expect(clone.callNames()).toEqual(['npm', 'tsc']);
});

test('a command that is BusyBox in disguise counts as missing', async () => {
  clone.writeTool('busybox', '#!/bin/sh\n');
  clone.remove('tools/nsenter');
  symlinkSync('busybox', join(clone.toolFolder, 'nsenter'));
  const { stdout } = await clone.setUp({
    purpose: 'reproduce',
    whenMissing: 'go-on',
    folders: [clone.toolFolder],
  });
  expect(stdout).toBe('nsenter\n');
});

test.skipIf(!isRoot)(
  'root has missing tools installed; lists are fetched when it fails without',
  async () => {
    clone.remove('tools/conntrack');
    clone.writeTool(
      'apt-get',
      `#!/bin/sh
     echo "apt-get $*" >> calls.log
     case "$*" in
       *update*) : > lists ;;
       *) [ -e lists ] || exit 100; /bin/cp -p tools/ip tools/conntrack ;;
     esac`,
    );
    const { exitCode, stderr } = await clone.setUp({
      purpose: 'tests',
      whenMissing: 'stop',
      folders: [clone.toolFolder],
    });
    expect(exitCode).toBe(0);
    expect(stderr).toBe('setup: apt-get install conntrack\nsetup: npm ci\nsetup: tsc\n');
    expect(clone.calls().map(line => line.replace(/ uid=.*| -q| -o \S+/g, ''))).toEqual([
      'apt-get install -y --no-install-recommends conntrack',
      'apt-get update',
      'apt-get install -y --no-install-recommends conntrack',
      expect.stringMatching(/^npm ci/),
      'tsc',
    ]);
  },
);

test.skipIf(!isRoot)(
  "in somebody else's clone root works with their ids and leaves no file of its own",
  async () => {
    const uid = 54321;
    for (const path of everythingIn(clone.path)) chownSync(path, uid, uid);
    expect((await clone.run('setup.mjs')).exitCode).toBe(0);
    expect(clone.calls().map(line => line.split(' ').at(-1))).toEqual([`uid=${uid}`, `uid=${uid}`]);
    expect(everythingIn(clone.path).filter(path => statSync(path).uid !== uid)).toEqual([]);
  },
);

test('a Node that is too old is named with the version that is needed', async () => {
  const url = new URL('../../scripts/setup/start.mjs', import.meta.url).href;
  const { nodeTooOld }: { nodeTooOld(version: string, range: string): string | undefined } =
    await import(url);
  expect(nodeTooOld('18.20.4', '>=20.19')).toBe('stalesum needs Node >= 20.19, this is v18.20.4');
  expect(nodeTooOld('20.9.0', '>=20.19')).toContain('this is v20.9.0');
  expect(nodeTooOld('20.19.0', '>=20.19')).toBeUndefined();
  expect(nodeTooOld('22.1.0', '>=20.19')).toBeUndefined();
});

/** What a process with this id would write into its lock; `started` when it is not the real time. */
function lockOf(pid: number, started?: string): string {
  const status =
    started ?? readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19];
  return `${pid} ${status} ${readlinkSync('/proc/self/ns/pid')}\n`;
}

function everythingIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return [folder, ...names.map(name => join(folder, name))];
}
