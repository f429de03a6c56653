import { expect, it } from 'vitest';
import { setUpTools, toolFolder } from '../../src/node/kubectl-tools.js';
import type { CommandResult, Node } from '../../src/node/node.js';

/** A pod whose image answers so; what it was asked is kept. */
function pod(result: CommandResult) {
  const asked: (readonly string[])[] = [];
  const node: Node = {
    name: 'node-a',
    run: async (command, args) => {
      asked.push([command, ...args]);
      return result;
    },
    start: () => {
      throw new Error('nothing is started');
    },
  };
  return { node, asked };
}

it("the node's own tools are those that it names, and that are known", async () => {
  const { node, asked } = pod({ exitCode: 0, stdout: 'ip\ntcpdump\n/bin/evil\nrm\n', stderr: '' });
  expect(await setUpTools(node, 'stalesum-1')).toEqual({ found: ['ip', 'tcpdump'], words: '' });
  expect(asked[0]).toContain(toolFolder('stalesum-1'));
});

it('a node that cannot be entered has none, and says why', async () => {
  const stderr = 'nsenter: cannot open /proc/1/ns/mnt: Permission denied\n';
  const { node } = pod({ exitCode: 0, stdout: '', stderr });
  expect(await setUpTools(node, 'stalesum-1')).toEqual({ found: [], words: stderr.trim() });
});

it('an image without mkdir is refused', async () => {
  const { node } = pod({ exitCode: 1, stdout: '', stderr: 'sh: mkdir: not found\n' });
  await expect(setUpTools(node, 'stalesum-1')).rejects.toMatchObject({
    kind: 'unavailable',
    message: 'node-a: the image of our pod cannot be used: sh: mkdir: not found',
    remedy: expect.stringContaining('--image'),
  });
});
