import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { missingCommand } from '../../src/node/find-command.js';
import { localNode } from '../../src/node/local.js';
import { netnsNode } from '../../src/node/netns.js';

const node = localNode();

const faultOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (fault: unknown) => fault,
  );

describe('a command that is run', () => {
  it('gives its output and exit code as they are', async () => {
    expect(await node.run('sh', ['-c', 'echo out; echo err >&2'])).toEqual({
      stdout: 'out\n',
      stderr: 'err\n',
      exitCode: 0,
    });
  });

  it('gets its arguments as they are, whatever a shell would make of them', async () => {
    const odd = ['$(id)', '; ls', '"', "'", '*', ''];
    const { stdout } = await node.run('printf', ['<%s>\n', ...odd]);
    expect(stdout).toBe(odd.map(argument => `<${argument}>\n`).join(''));
  });

  it('gets the input, or an empty one', async () => {
    expect((await node.run('cat', [], { input: 'abc' })).stdout).toBe('abc');
    expect((await node.run('cat', [])).stdout).toBe('');
  });

  it('is found in the folders of the system, too', async () => {
    const { stdout } = await node.run('sh', ['-c', 'echo $PATH']);
    expect(stdout.trim().split(':')).toEqual(expect.arrayContaining(['/usr/sbin', '/sbin']));
  });

  it('is a fault in its own words if it fails', async () => {
    expect(await faultOf(node.run('sh', ['-c', 'echo no such thing >&2; exit 3']))).toMatchObject({
      kind: 'internal',
      message: 'local: sh failed with exit code 3: no such thing',
    });
  });

  it('may fail where that is an answer; a signal counts as 128 + n', async () => {
    const run = (script: string) => node.run('sh', ['-c', script], { mayFail: true });
    expect((await run('exit 3')).exitCode).toBe(3);
    expect((await run('kill -9 $$')).exitCode).toBe(137);
  });

  it('is ended, and a fault, when its time is up', async () => {
    expect(
      await faultOf(node.run('sleep', ['1000'], { timeoutSeconds: 0.1, mayFail: true })),
    ).toMatchObject({ kind: 'internal', message: 'local: sleep did not end within 0.1 s' });
  });

  it('is a fault of its own kind if it is not there', async () => {
    expect(await faultOf(node.run('no-such-command', [], { mayFail: true }))).toMatchObject({
      kind: 'missing-tool',
      exitCode: 69,
      message: 'no-such-command is not on this machine',
    });
    expect(() => node.start('no-such-command', [])).toThrow(
      'no-such-command is not on this machine',
    );
  });

  it('comes from a Debian package, which is named', () => {
    expect(missingCommand('conntrack').remedy).toBe('install conntrack: apt install conntrack');
    expect(missingCommand('nft').remedy).toBe('install nftables: apt install nftables');
    expect(missingCommand('bridge').remedy).toBe('install iproute2: apt install iproute2');
  });
});

describe('a command that is started', () => {
  it('waits for its input until that is closed', async () => {
    const running = node.start('cat', [], { openInput: true });
    const all = text(running.stdout);
    running.closeInput();
    expect(await running.ended).toEqual({ exitCode: 0, signal: undefined });
    expect(await all).toBe('');
  });

  it('has an empty input if none was opened', async () => {
    expect(await node.start('cat', []).ended).toEqual({ exitCode: 0, signal: undefined });
  });

  it('keeps its output for a reader who comes late', async () => {
    const running = node.start('sh', ['-c', 'echo ready >&2; seq 10000']);
    await once(running.stderr, 'data');
    await setTimeout(50);
    const lines = (await text(running.stdout)).trim().split('\n');
    expect(lines).toHaveLength(10_000);
    await running.ended;
  });

  it('keeps its output even past its end', async () => {
    const running = node.start('sh', ['-c', 'echo why >&2; exit 4']);
    expect(await running.ended).toEqual({ exitCode: 4, signal: undefined });
    expect(await text(running.stderr)).toBe('why\n');
  });

  it('is not gone before its output was read', async () => {
    const running = node.start('seq', ['200000']);
    let bytes = 0;
    running.stdout.on('data', chunk => {
      bytes += chunk.length;
    });
    await running.ended;
    expect(bytes).toBe(1_288_895);
  });

  it('is stopped with SIGINT and keeps what it says last', async () => {
    const running = node.start('sh', [
      '-c',
      'trap "echo bye; exit 5" INT; echo up; sleep 3 & wait',
    ]);
    const all = text(running.stdout);
    await once(running.stdout, 'readable').catch(() => undefined);
    await setTimeout(100);
    await running.stop('SIGINT', 0.3);
    expect(await running.ended).toEqual({ exitCode: 5, signal: undefined });
    expect(await all).toBe('up\nbye\n');
  });

  it('is killed if it does not listen', async () => {
    const running = node.start('sh', ['-c', 'trap "" INT; echo up; while :; do sleep 1; done']);
    await once(running.stdout, 'data');
    await running.stop('SIGINT', 0.1);
    expect(await running.ended).toEqual({ exitCode: undefined, signal: 'SIGKILL' });
  });

  it('can be stopped after its end, and twice', async () => {
    const running = node.start('true', []);
    await running.ended;
    await running.stop();
    await running.stop();
    expect(await running.ended).toEqual({ exitCode: 0, signal: undefined });
  });
});

describe('a network namespace', () => {
  it('that is not there is a fault, and no answer of the command', async () => {
    const absent = netnsNode('no-such-namespace');
    expect(await faultOf(absent.run('true', [], { mayFail: true }))).toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('/run/netns/no-such-namespace'),
    });
  });

  it.each(['', '.', '..', 'a/b'])('cannot be named "%s"', name => {
    expect(() => netnsNode(name)).toThrow('cannot be the name of a network namespace');
  });
});
