/** The network namespace of a process of this machine, whose commands are this machine's own. */
import { readlinkSync } from 'node:fs';
import { messageOf, StalesumError } from '../errors.js';
import { findCommand } from './find-command.js';
import type { NetnsNode } from './netns.js';
import { machineNode } from './this-machine.js';

/**
 * The node `pid:PID`.
 *
 * @throws StalesumError `unavailable` if there is no such process, `not-permitted` if its namespaces are
 *   not ours to see, `missing-tool` without util-linux
 */
export function processNode(name: string, pid: number): NetnsNode {
  const path = `/proc/${pid}/ns/net`;
  try {
    readlinkSync(path);
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') {
      throw new StalesumError('unavailable', `${name}: there is no process ${pid}`);
    }
    throw new StalesumError(
      'not-permitted',
      `${name}: ${messageOf(thrown)}`,
      "another user's namespaces are open to root only",
    );
  }
  const enter = [findCommand('nsenter'), `--net=${path}`, '--'];
  return { ...machineNode(name, enter), networkNamespace: path };
}
