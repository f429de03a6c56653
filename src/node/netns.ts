/** Nodes that are named network namespaces of this machine (`ip netns`). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { StalesumError } from '../errors.js';
import { diesWithUs } from './dies-with-us.js';
import { shellExitCode } from './exit-code.js';
import { findCommand, searchPath } from './find-command.js';
import type { Node } from './node.js';
import { machineNode } from './this-machine.js';

export interface NetnsNode extends Node {
  readonly networkNamespace: string;
}

/** A command that has our terminal (or whatever our standard streams are). */
export interface AttachedCommand {
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Its exit code; 128 + n if signal n ended it. */
  readonly exitCode: Promise<number>;
}

/**
 * The network namespace `name`. Commands enter it with nsenter and not with `ip netns exec`, which
 * mounts /sys anew and is refused that in restricted containers.
 *
 * @throws StalesumError `usage` for a name that cannot be one; `missing-tool` without util-linux.
 */
export function netnsNode(name: string): NetnsNode {
  const path = netnsPath(name);
  return { ...machineNode(name, enter(path)), networkNamespace: path };
}

/**
 * Runs a command of the user in a network namespace, with our standard streams.
 *
 * @throws StalesumError `missing-tool` if the command is not there.
 */
export function attach(node: NetnsNode, command: string, args: readonly string[]): AttachedCommand {
  const [file, ...rest] = [
    ...diesWithUs(),
    ...enter(node.networkNamespace),
    findCommand(command),
    ...args,
  ];
  const child = spawn(file as string, rest, {
    stdio: 'inherit',
    env: { ...process.env, PATH: searchPath() },
  });
  const exitCode = once(child, 'exit').then(([code, signal]) => shellExitCode(code, signal));
  return { kill: signal => child.kill(signal), exitCode };
}

function netnsPath(name: string): string {
  // It becomes part of a path; ip(8) refuses the same names.
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
    throw new StalesumError('usage', `"${name}" cannot be the name of a network namespace`);
  }
  return `/run/netns/${name}`;
}

function enter(path: string): readonly string[] {
  return [findCommand('nsenter'), `--net=${path}`, '--'];
}
