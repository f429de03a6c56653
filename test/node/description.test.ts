import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StalesumError } from '../../src/errors.js';
import { nameOf, parseNode } from '../../src/node/description.js';

describe('a node as a user writes it', () => {
  it.each([
    ['local', { kind: 'local' }, 'local'],
    ['netns:node-a', { kind: 'netns', name: 'node-a' }, 'node-a'],
    ['pid:4711', { kind: 'pid', pid: 4711 }, 'pid-4711'],
    ['docker:kind-worker', { kind: 'docker', container: 'kind-worker' }, 'kind-worker'],
    ['podman:3f2a', { kind: 'podman', container: '3f2a' }, '3f2a'],
    ['kubectl:node-a', { kind: 'kubectl', node: 'node-a' }, 'node-a'],
    [
      'kubectl:ip-10-0-0-7.ec2.internal',
      { kind: 'kubectl', node: 'ip-10-0-0-7.ec2.internal' },
      'ip-10-0-0-7.ec2.internal',
    ],
    ['ssh:root@10.0.0.7', { kind: 'ssh', destination: 'root@10.0.0.7' }, '10.0.0.7'],
    ['ssh:node7', { kind: 'ssh', destination: 'node7' }, 'node7'],
    ['ssh:root@fd00::7', { kind: 'ssh', destination: 'root@fd00::7' }, 'fd00::7'],
  ] as const)('%s', (text, description, name) => {
    expect(parseNode(text)).toEqual(description);
    expect(nameOf(parseNode(text))).toBe(name);
  });

  const hostile = ['; id', '$(id)', '`id`', 'a\nb', '-oProxyCommand=id', '--rm', '', 'a b', "a'b"];
  const kinds = ['ssh', 'docker', 'podman', 'pid', 'kubectl'];
  it.each(
    kinds.flatMap(kind => hostile.map(name => `${kind}:${name}`)),
  )('is refused where its name cannot be one: %j', text => {
    expect(() => parseNode(text)).toThrow(StalesumError);
    expect(() => parseNode(text)).toThrow(/cannot be/);
  });

  it.each([
    'netns:',
    'netns:..',
    'netns:a/b',
    'netns:a\nb',
    'netns:a\0b',
    'ssh:a@b@c',
    'ssh:user@',
    'ssh:@host',
    'ssh:-l@host',
    'ssh:root@-oProxyCommand=id',
    'ssh:root@host;id',
    'ssh:%h',
    'pid:0',
    'pid:-1',
    'pid:1e3',
    'docker:../x',
    'kubectl:Node',
    'kubectl:node_a',
    'kubectl:a/b',
    'kubectl:a..b',
    'kubectl:a-',
  ])('is refused: %j', text => {
    expect(() => parseNode(text)).toThrow(/cannot be/);
  });

  it.each(['', 'remote', 'telnet:host', 'LOCAL', 'local:x'])('is of no known kind: "%s"', text => {
    expect(() => parseNode(text)).toThrow(/is no node; expected local, netns:NAME, /);
  });

  it('is refused in one line that steers no terminal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        try {
          parseNode(`ssh:${text}`);
        } catch (thrown) {
          expect(thrown).toMatchObject({ kind: 'usage' });
          expect((thrown as Error).message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
        }
      }),
    );
  });

  it('takes of a destination only what neither ssh nor a shell gives a meaning', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 12 }), text => {
        try {
          parseNode(`ssh:${text}`);
          expect(text).toMatch(/^[\w:][\w.:+@-]*$/);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(StalesumError);
        }
      }),
    );
  });
});
