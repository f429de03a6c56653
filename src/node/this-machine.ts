/**
 * Processes of this machine, for the nodes that live on it. Each is started in a way that ends it
 * with us: execa ends it when we exit, and the kernel does when we are killed.
 */
import { execa } from 'execa';
import { messageOf, StalesumError } from '../errors.js';
import { patience } from '../guest-environment.js';
import { CHILD_OPTIONS, childEnvironment, startChild } from './child.js';
import { diesWithUs } from './dies-with-us.js';
import { shellExitCode } from './exit-code.js';
import { findCommand, missingCommand } from './find-command.js';
import type { CommandResult, Node, RunOptions } from './node.js';

const DEFAULT_TIMEOUT_SECONDS = 30;

/**
 * A node whose commands are processes of this machine.
 *
 * @param name What reports call it.
 * @param enter What stands in front of every command: a program that executes the rest.
 * @throws StalesumError `missing-tool` without setpriv of util-linux.
 */
export function machineNode(name: string, enter: readonly string[]): Node {
  const prefix = [...diesWithUs(), ...enter];
  return {
    name,
    run: (command, args, options = {}) => runHere(name, prefix, command, args, options),
    start: (command, args, options = {}) => {
      const before = options.outlivesUs === true ? enter : prefix;
      return startChild([...before, findCommand(command), ...args], options);
    },
  };
}

async function runHere(
  name: string,
  prefix: readonly string[],
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<CommandResult> {
  const timeoutSeconds = patience(options.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS);
  const [file, ...rest] = commandLine(prefix, command, args);
  const result = await execa(file, rest, {
    ...CHILD_OPTIONS,
    env: childEnvironment(),
    ...(options.input === undefined ? { stdin: 'ignore' } : { input: options.input }),
    timeout: timeoutSeconds * 1000,
  });
  const fault = (what: string) =>
    new StalesumError('internal', messageOf(`${name}: ${command} ${what}`));
  if (result.timedOut) {
    throw fault(`did not end within ${timeoutSeconds} s`);
  }
  if (result.exitCode === undefined && result.signal === undefined) {
    // It never ran, or its output could not be taken.
    throw result.code === 'ENOENT'
      ? missingCommand(command)
      : fault(result.originalMessage ?? result.shortMessage ?? 'could not be run');
  }
  const exitCode = shellExitCode(result.exitCode, result.signal);
  // What enters the node may fail as well, and that is no answer of the command.
  const neverThere = exitCode !== 0 && /^(nsenter|setpriv): /.test(result.stderr);
  if (neverThere) {
    throw notEntered(name, result.stderr);
  }
  if (exitCode !== 0 && options.mayFail !== true) {
    const ownWords = result.stderr.trim() || result.stdout.trim() || 'it says nothing';
    throw fault(`failed with exit code ${exitCode}: ${ownWords}`);
  }
  return { stdout: result.stdout, stderr: result.stderr, exitCode };
}

function notEntered(name: string, words: string): StalesumError {
  const message = messageOf(`${name} cannot be entered: ${words}`);
  return /not permitted|permission denied/i.test(words)
    ? new StalesumError('not-permitted', message, 'entering a namespace needs root')
    : new StalesumError('unavailable', message);
}

function commandLine(
  prefix: readonly string[],
  command: string,
  args: readonly string[],
): [string, ...string[]] {
  const [first, ...between] = [...prefix, findCommand(command), ...args];
  return [first as string, ...between];
}
