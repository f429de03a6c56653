/** A process of this machine whose output is wanted while it runs. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { PassThrough, type Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { execa, type Options } from 'execa';
import { patience } from '../guest-environment.js';
import { searchPath } from './find-command.js';
import type { RunningCommand, StartOptions } from './node.js';

const DEFAULT_GRACE_SECONDS = 2;

/** Unread output that is held for a reader who comes late; past it the command waits. In bytes. */
const HELD_OUTPUT = 1 << 20;

/** A command whose open input can be written to. */
export interface Child extends RunningCommand {
  write(text: string): void;
  /** Sends a signal at once; false if the process is gone. */
  kill(signal: NodeJS.Signals): boolean;
}

/**
 * Starts a command line of this machine.
 *
 * @param line The path of the program, and its arguments.
 */
export function startChild(line: readonly string[], options: StartOptions = {}): Child {
  const [file = '', ...rest] = line;
  const child = execa(file, rest, {
    ...CHILD_OPTIONS,
    env: childEnvironment(),
    ...(options.outlivesUs === true && { cleanup: false, detached: true }),
    stdin: options.openInput === true ? 'pipe' : 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    buffer: false,
  });
  // execa throws output away that nobody reads within a tick. A caller may well wait for a word on
  // stderr before it turns to stdout, so both are held for it.
  const stdout = child.stdout.pipe(new PassThrough({ highWaterMark: HELD_OUTPUT }));
  const stderr = child.stderr.pipe(new PassThrough({ highWaterMark: HELD_OUTPUT }));

  // Whoever reads it may be gone; its end tells that.
  child.stdin?.on('error', () => undefined);

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
    write: text => {
      child.stdin?.write(text);
    },
    kill: signal => child.kill(signal),
    ended,
    stop: async (signal = 'SIGINT', grace = DEFAULT_GRACE_SECONDS) => {
      const graceSeconds = patience(grace);
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

/** Messages in English, since they are read; and no signal but SIGKILL, since they must end. */
export const CHILD_OPTIONS = {
  reject: false,
  stripFinalNewline: false,
  cleanup: true,
  killSignal: 'SIGKILL',
} as const satisfies Options;

export function childEnvironment(): Readonly<Record<string, string>> {
  return { PATH: searchPath(), LC_ALL: 'C' };
}

/** Waits until a stream was read to its end, if there is somebody who reads it. */
async function read(stream: Readable): Promise<void> {
  if (stream.readableFlowing === null && stream.listenerCount('readable') === 0) {
    return;
  }
  await finished(stream, { writable: false }).catch(() => undefined);
}

/** The first line that a command says; `undefined` if it ends without. The rest is thrown away. */
export async function firstLine({ stdout }: RunningCommand): Promise<string | undefined> {
  const lines = createInterface({ input: stdout });
  const first = await new Promise<string | undefined>(resolve => {
    lines.once('line', resolve).once('close', () => resolve(undefined));
  });
  lines.close();
  // Its end is that of its output.
  stdout.resume();
  return first;
}

/** Whether it settles in time. */
export async function settlesWithin(promise: Promise<unknown>, seconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>(resolve => {
    timer = setTimeout(() => resolve(false), seconds * 1000);
  });
  const settled = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return settled;
}
