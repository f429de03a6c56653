/**
 * Commands at the far end of a stream. Here the far end is a session of its own on this machine, as sshd
 * and a container's runtime make one; that it is so through them is held by the live tests.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { StalesumError } from '../../src/errors.js';
import { findCommand } from '../../src/node/find-command.js';
import { type Carrier, remoteNode } from '../../src/node/remote.js';
import { eventually, processesMarked } from '../lab/processes.js';

const carrier: Carrier = {
  name: 'there',
  commandLine: remote => [findCommand('setsid'), '--wait', ...remote],
  fault: async () => undefined,
};
const node = remoteNode(carrier);

const faultOf = (promise: Promise<unknown>) => promise.catch((fault: unknown) => fault);

describe('a command elsewhere', () => {
  it('gets its arguments as they are, and gives its output and exit code', async () => {
    const odd = ['$(id)', '; ls', '"', "'", '*', '', '-x', 'a\nb'];
    const { stdout } = await node.run('printf', ['<%s>\n', ...odd]);
    expect(stdout).toBe(odd.map(argument => `<${argument}>\n`).join(''));
    const script = 'echo out; echo err >&2; exit 7';
    expect(await node.run('sh', ['-c', script], { mayFail: true })).toEqual({
      stdout: 'out\n',
      stderr: 'err\n',
      exitCode: 7,
    });
  });

  it('gets the input, or an empty one', async () => {
    expect((await node.run('cat', [], { input: 'abc' })).stdout).toBe('abc');
    expect((await node.run('cat', [])).stdout).toBe('');
  });

  it('is found where ordinary users of Debian have no PATH to', async () => {
    const { stdout } = await node.run('sh', ['-c', 'echo $PATH']);
    expect(stdout.trim().split(':')).toEqual(expect.arrayContaining(['/usr/sbin', '/sbin']));
  });

  it('is a fault of its own kind if it is not there', async () => {
    const expected = { kind: 'missing-tool', message: 'no-such-command is not on there' };
    expect(await faultOf(node.run('no-such-command', []))).toMatchObject(expected);
    expect(await faultOf(node.run('no-such-command', [], { input: '' }))).toMatchObject(expected);
  });

  it('is a fault in its own words if it fails', async () => {
    expect(await faultOf(node.run('sh', ['-c', 'echo why >&2; exit 3']))).toMatchObject({
      kind: 'internal',
      message: 'there: sh failed with exit code 3: why',
    });
  });

  it('is told apart from a failure of what carries it', async () => {
    const lost = new StalesumError('unavailable', 'there: the connection is lost');
    const broken = remoteNode({
      ...carrier,
      fault: async exitCode => (exitCode === 255 ? lost : undefined),
    });
    const ends = (code: number) => broken.run('sh', ['-c', `exit ${code}`], { mayFail: true });
    expect(await faultOf(ends(255))).toBe(lost);
    expect(await ends(3)).toMatchObject({ exitCode: 3 });
  });

  it('is ended there, with all that it has started, when its time is up', async () => {
    const mark = `remote-${randomUUID()}`;
    const script = `MARK=${mark} sh -c 'sleep 100 & sleep 100'`;
    const fault = await faultOf(node.run('sh', ['-c', script], { timeoutSeconds: 0.5 }));
    expect(fault).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('0.5 s') });
    await eventually(() => processesMarked(mark).length === 0);
    expect(processesMarked(mark)).toEqual([]);
  });
});

describe('a command behind what may lose the end of an output', () => {
  const losing: Carrier = { ...carrier, losesEnds: true };

  it('says itself that it has ended, and how', async () => {
    const whole = remoteNode(losing);
    const script = 'printf "no end of line"; echo err >&2; exit 7';
    const expected = { stdout: 'no end of line', stderr: 'err\n', exitCode: 7 };
    expect(await whole.run('sh', ['-c', script], { mayFail: true })).toEqual(expected);
    const withInput = { mayFail: true, input: 'abc' };
    expect(await whole.run('sh', ['-c', 'cat; exit 3'], withInput)).toMatchObject({
      stdout: 'abc',
      exitCode: 3,
    });
    expect(await whole.run('true', [])).toMatchObject({ stdout: '', exitCode: 0 });
    expect(await faultOf(whole.run('no-such-command', []))).toMatchObject({ kind: 'missing-tool' });
  });

  /** Loses the last bytes of each output, and calls that success. */
  const cutting = (times: number) => {
    let left = times;
    return remoteNode({
      ...losing,
      commandLine: remote =>
        left-- > 0
          ? [findCommand('sh'), '-c', '"$@" | head -c 5', 'sh', ...carrier.commandLine(remote)]
          : carrier.commandLine(remote),
    });
  };

  it('is run once more where that is missing', async () => {
    expect((await cutting(1).run('echo', ['hello world'])).stdout).toBe('hello world\n');
  });

  it('is a fault where it is missing again', async () => {
    expect(await faultOf(cutting(2).run('echo', ['hello world']))).toMatchObject({
      kind: 'unavailable',
      message: 'there: the end of what echo says is lost on the way, twice',
    });
  });
});

describe('a command that goes on elsewhere', () => {
  it('gets the signal and keeps what it says last', async () => {
    const running = node.start('sh', [
      '-c',
      'trap "echo bye; exit 5" TERM; echo up; while :; do sleep 0.05; done',
    ]);
    const all = text(running.stdout);
    await sleep(300);
    await running.stop('SIGTERM');
    expect(await running.ended).toMatchObject({ exitCode: 5 });
    expect(await all).toBe('up\nbye\n');
  });

  it('is killed if it does not listen', async () => {
    const mark = `remote-${randomUUID()}`;
    const script = `trap "" INT TERM; export MARK=${mark}; echo up; while :; do sleep 0.1; done`;
    const running = node.start('sh', ['-c', script]);
    await once(running.stdout, 'data');
    await running.stop('SIGINT', 0.1);
    await eventually(() => processesMarked(mark).length === 0);
    expect(processesMarked(mark)).toEqual([]);
  });

  it('sees the end of an input that it has', async () => {
    const running = node.start('cat', [], { openInput: true });
    const all = text(running.stdout);
    running.closeInput();
    expect(await running.ended).toEqual({ exitCode: 0, signal: undefined });
    expect(await all).toBe('');
  });
});
