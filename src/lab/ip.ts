/** Many ip(8) commands in one process: starting one is what takes the time. */
import { messageOf, StalesumError } from '../errors.js';
import type { Node } from '../node/node.js';

/**
 * Runs the commands (without the word `ip`) in the namespaces that the node is in.
 *
 * @throws StalesumError `missing-tool` if the kernel lacks a kind of device; `internal` with the
 *   command that failed.
 */
export function ipBatch(host: Node, commands: readonly string[]): Promise<void> {
  return batch(host, [], commands);
}

/** The same in a named network namespace. */
export function ipBatchIn(
  host: Node,
  namespace: string,
  commands: readonly string[],
): Promise<void> {
  return batch(host, ['-n', namespace], commands);
}

async function batch(
  host: Node,
  where: readonly string[],
  commands: readonly string[],
): Promise<void> {
  const { exitCode, stderr } = await host.run('ip', [...where, '-batch', '-'], {
    input: `${commands.join('\n')}\n`,
    mayFail: true,
  });
  if (exitCode === 0) {
    return;
  }
  // "Command failed -:5" names the line.
  const line = /Command failed -:(\d+)/.exec(stderr)?.[1];
  const command = line === undefined ? 'ip' : `ip ${commands[Number(line) - 1]}`;
  const message = messageOf(`${command}: ${stderr}`);
  throw /unknown device type|not supported/i.test(stderr)
    ? new StalesumError(
        'missing-tool',
        `this kernel cannot build the lab: ${message}`,
        'as root: modprobe -a veth vxlan bridge',
      )
    : new StalesumError('internal', `the lab could not be built: ${message}`);
}
