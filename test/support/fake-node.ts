/** A node whose commands are a table: no process is started. */
import { StalesumError } from '../../src/errors.js';
import type { Node } from '../../src/node/node.js';

/**
 * @param outputs By the whole command, or by its program alone; a command that is not there is missing,
 *   and an Error is what it fails with.
 */
export function fakeNode(
  outputs: Readonly<Record<string, string | Error>>,
  networkNamespace?: string,
): { node: Node; asked: string[] } {
  const asked: string[] = [];
  const node: Node = {
    name: 'node-1',
    ...(networkNamespace === undefined ? {} : { networkNamespace }),
    run: async (command, args) => {
      const whole = [command, ...args].join(' ');
      asked.push(whole);
      const output = outputs[whole] ?? outputs[command];
      if (output === undefined) {
        throw new StalesumError('missing-tool', `${command} is not on node-1`);
      }
      if (output instanceof Error) throw output;
      return { stdout: output, stderr: '', exitCode: 0 };
    },
    start: () => {
      throw new Error('nothing is started here');
    },
  };
  return { node, asked };
}
