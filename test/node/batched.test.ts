import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { StalesumError } from '../../src/errors.js';
import { batched } from '../../src/node/batched.js';
import { findCommand } from '../../src/node/find-command.js';
import { type Carrier, remoteNode } from '../../src/node/remote.js';

const folder = mkdtempSync(join(tmpdir(), 'stalesum-batched-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The far end is a session of its own; `ways` counts how often somebody went there. */
function counting() {
  let ways = 0;
  const carrier: Carrier = {
    name: 'there',
    commandLine: remote => {
      ways++;
      return [findCommand('setsid'), '--wait', ...remote];
    },
    fault: async () => undefined,
  };
  return { node: batched(remoteNode(carrier), folder), ways: () => ways };
}

const faultOf = (promise: Promise<unknown>) => promise.catch((fault: unknown) => fault);

describe('commands that go together', () => {
  it('take one way, and each gets its own answer', async () => {
    const { node, ways } = counting();
    const odd = ['$(id)', '; ls', '"', "'", '*', '', '-x', 'a\nb', '$2', '`id`'];
    const [printed, failed, missing, silent, both] = await Promise.all([
      node.run('printf', ['<%s>\n', ...odd]),
      faultOf(node.run('sh', ['-c', 'echo why >&2; exit 3'])),
      faultOf(node.run('no-such-command', [])),
      node.run('true', []),
      node.run('sh', ['-c', 'printf out; printf err >&2; exit 7'], { mayFail: true }),
    ]);
    expect(ways()).toBe(1);
    expect(printed.stdout).toBe(odd.map(argument => `<${argument}>\n`).join(''));
    expect(failed).toMatchObject({
      kind: 'internal',
      message: 'there: sh failed with exit code 3: why',
    });
    expect(missing).toMatchObject({
      kind: 'missing-tool',
      message: 'no-such-command is not on there',
    });
    expect(silent).toEqual({ stdout: '', stderr: '', exitCode: 0 });
    expect(both).toEqual({ stdout: 'out', stderr: 'err', exitCode: 7 });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('have outputs of any length, in whatever order they end', async () => {
    const { node, ways } = counting();
    const lengths = [0, 1, 100_000, 3_000_000, 7];
    const script = 'sleep "0.$2"; head -c "$1" /dev/zero | tr "\\0" x';
    const results = await Promise.all(
      lengths.map((length, index) =>
        node.run('sh', ['-c', script, 'sh', String(length), String(5 - index)]),
      ),
    );
    expect(results.map(({ stdout }) => stdout.length)).toEqual(lengths);
    expect(ways()).toBe(1);
  });

  it('run side by side, and many of them in several ways', async () => {
    const { node, ways } = counting();
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, index) => node.run('echo', [String(index)])),
    );
    expect(results.map(({ stdout }) => stdout)).toEqual(
      Array.from({ length: 40 }, (_, index) => `${index}\n`),
    );
    expect(ways()).toBe(3);
  });

  it('do not suffer from one that does not end', async () => {
    const { node } = counting();
    const [quick, slow] = await Promise.all([
      node.run('echo', ['quick'], { timeoutSeconds: 1 }),
      faultOf(node.run('sleep', ['100'], { timeoutSeconds: 1 })),
    ]);
    expect(quick.stdout).toBe('quick\n');
    expect(slow).toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('sleep did not end'),
    });
  });

  it('all fail with what carries them', async () => {
    const lost = new StalesumError('unavailable', 'there: the connection is lost');
    const carrier: Carrier = {
      name: 'there',
      commandLine: () => [findCommand('false')],
      fault: async () => lost,
    };
    const node = batched(remoteNode(carrier), folder);
    const faults = await Promise.all(['a', 'b'].map(text => faultOf(node.run('echo', [text]))));
    expect(faults).toEqual([lost, lost]);
  });

  it('go alone with an input', async () => {
    const { node, ways } = counting();
    const [one, other] = await Promise.all([
      node.run('cat', [], { input: 'abc' }),
      node.run('echo', ['x']),
    ]);
    expect([one.stdout, other.stdout]).toEqual(['abc', 'x\n']);
    expect(ways()).toBe(2);
  });
});
