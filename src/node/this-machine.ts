/**
 * Processes of this machine, for the nodes that live on it. Each is started in a way that ends it
 * with us: execa ends it when we exit, and the kernel does when we are killed.
 */
import { once } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { execa, type Options } from 'execa';
import { messageOf, StalesumError } from '../errors.js';
import { shellExitCode } from './exit-code.js';
import { findCommand, missingCommand, searchPath } from './find-command.js';
import type { CommandResult, Node, RunningCommand, RunOptions, StartOptions } from './node.js';

const DEFAULT_TIMEOUT_SECONDS = 30;
const DEFAULT_GRACE_SECONDS = 2;

/** Unread output that is held for a reader who comes late; past it the command waits. In bytes. */
const HELD_OUTPUT = 1 << 20;

/**
 * A node whose commands are processes of this machine.
 *
 * @param name What reports call it.
 * @param prefix What stands in front of every command: a program that executes the rest.
 */
export function machineNode(name: string, prefix: readonly string[]): Node {
  return {
    name,
    run: (command, args, options = {}) => runHere(name, prefix, command, args, options),
    start: (command, args, options = {}) => startHere(prefix, command, args, options),
  };
}

async function runHere(
  name: string,
  prefix: readonly string[],
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<CommandResult> {
  const timeoutSeconds = options.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS;
  const [file, ...rest] = commandLine(prefix, command, args);
  const result = await execa(file, rest, {
    ...commonOptions(),
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
  if (neverThere || (exitCode !== 0 && options.mayFail !== true)) {
    const ownWords = result.stderr.trim() || result.stdout.trim() || 'it says nothing';
    throw fault(`failed with exit code ${exitCode}: ${ownWords}`);
  }
  return { stdout: result.stdout, stderr: result.stderr, exitCode };
}

function startHere(
  prefix: readonly string[],
  command: string,
  args: readonly string[],
  options: StartOptions,
): RunningCommand {
  const [file, ...rest] = commandLine(prefix, command, args);
  const child = execa(file, rest, {
    ...commonOptions(),
    stdin: options.openInput === true ? 'pipe' : 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    buffer: false,
  });
  // execa throws output away that nobody reads within a tick. A caller may well wait for a word on
  // stderr before it turns to stdout, so both are held for it.
  const stdout = child.stdout.pipe(new PassThrough({ highWaterMark: HELD_OUTPUT }));
  const stderr = child.stderr.pipe(new PassThrough({ highWaterMark: HELD_OUTPUT }));

  const gone = Promise.race([once(child, 'exit'), child]).then(() => ({
    exitCode: child.exitCode ?? undefined,
    signal: child.signalCode ?? undefined,
  }));
  const ended = gone.then(async outcome => {
    await Promise.all([read(stdout), read(stderr)]);
    return outcome;
  });
  return {
    stdout,
    stderr,
    closeInput: () => {
      child.stdin?.end();
    },
    ended,
    stop: async (signal = 'SIGINT', graceSeconds = DEFAULT_GRACE_SECONDS) => {
      child.kill(signal);
      if (!(await settlesWithin(gone, graceSeconds))) {
        child.kill('SIGKILL');
        await gone;
      }
      while (!(await settlesWithin(ended, graceSeconds))) {
        if (isIdle(stdout) && isIdle(stderr)) {
          // A grandchild holds the pipes open; the command itself has said all it had to say.
          child.stdout.destroy();
          child.stderr.destroy();
          stdout.end();
          stderr.end();
        }
      }
    },
  };
}

/** Nothing is on its way to the reader, nor held back by a slow one. */
function isIdle(stream: PassThrough): boolean {
  return stream.readableLength === 0 && !stream.writableNeedDrain;
}

function commandLine(
  prefix: readonly string[],
  command: string,
  args: readonly string[],
): [string, ...string[]] {
  const [first, ...between] = [...prefix, findCommand(command), ...args];
  return [first as string, ...between];
}

/** Messages in English, since they are read; and no signal but SIGKILL, since they must end. */
function commonOptions() {
  return {
    env: { PATH: searchPath(), LC_ALL: 'C' },
    reject: false,
    stripFinalNewline: false,
    cleanup: true,
    killSignal: 'SIGKILL',
  } as const satisfies Options;
}

/** Waits until a stream was read to its end, if there is somebody who reads it. */
async function read(stream: Readable): Promise<void> {
  if (stream.readableFlowing === null && stream.listenerCount('readable') === 0) {
    return;
  }
  await finished(stream, { writable: false }).catch(() => undefined);
}

async function settlesWithin(promise: Promise<unknown>, seconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>(resolve => {
    timer = setTimeout(() => resolve(false), seconds * 1000);
  });
  const settled = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return settled;
}
