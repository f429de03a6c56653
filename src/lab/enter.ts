/**
 * The way into the lab: this program starts itself again, with the same arguments, as process 1 of
 * its own user, mount, pid and network namespaces. (A Node process has threads, and a process with
 * threads cannot enter a user namespace itself.)
 *
 * Nothing inside outlives the outer process, `kill -9` included: setpriv has the kernel kill unshare
 * when we die, `--kill-child` has it kill process 1 inside when unshare dies, and the death of
 * process 1 is the death of its namespace. The lifeline closes the gap before setpriv has run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { exitCodeOfFault, StalesumError } from '../errors.js';
import { diesWithUs } from '../node/dies-with-us.js';
import { shellExitCode } from '../node/exit-code.js';
import { findCommand, searchPath } from '../node/find-command.js';
import { INTERRUPTS, LEAVING, LIFELINE_DESCRIPTOR, labMarker, STANDING } from './lifeline.js';
import { findWayIn, type WayIn } from './permission.js';

export { insideLab } from './lifeline.js';

/** What the inner process gets to put its things in order after an interrupt. */
const GRACE_SECONDS = 3;

/** unshare's own exit code, also (2.38) where its child was killed with SIGKILL. */
const UNSHARE_FAILED = 1;

export interface EnterOptions {
  /** Ctrl-C at the terminal is for the command inside, as in a shell, and does not end the lab. */
  readonly commandTakesCtrlC?: boolean;
}

/**
 * Runs this same command line inside the lab's namespaces, with our standard streams.
 *
 * @returns Its exit code: 128 + n if signal n ended it, 130 if the user interrupted.
 * @throws StalesumError `not-permitted` or `missing-tool` if there is no way in.
 */
export async function enterLab(options: EnterOptions = {}): Promise<number> {
  const again = [...process.execArgv, ...process.argv.slice(1)];
  const inner = startInside(await findWayIn(), again, 'inherit');
  const watch = watchInterrupts([inner], options.commandTakesCtrlC === true);
  const exitCode = await inner.ended.finally(watch.stop);
  return watch.interrupted() ? exitCodeOfFault.interrupted : exitCode;
}

/** A process that was started as process 1 of a lab's namespaces. */
export interface InnerProcess {
  readonly child: ChildProcess;
  /** Where interrupts are told to it. */
  readonly lifeline: Duplex;
  /**
   * Its exit code, when it is gone and all that ran inside with it.
   *
   * Rejects with StalesumError `internal` if the namespaces could not be entered.
   */
  readonly ended: Promise<number>;
}

/**
 * Starts Node with these arguments inside namespaces of its own.
 *
 * @param streams What becomes of its standard streams; `collected` has no input and pipes for the rest.
 */
export function startInside(
  way: WayIn,
  nodeArgs: readonly string[],
  streams: 'inherit' | 'collected',
): InnerProcess {
  const again = [process.execPath, ...nodeArgs];
  const [file, ...args] = [
    ...diesWithUs(),
    findCommand('unshare'),
    ...way.unshareArgs,
    '--',
    ...again,
  ];
  const child = spawn(file as string, args, {
    stdio:
      streams === 'inherit'
        ? ['inherit', 'inherit', 'inherit', 'pipe']
        : ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...labMarker, PATH: searchPath() },
  });
  const lifeline = child.stdio[LIFELINE_DESCRIPTOR] as Duplex;
  // It breaks when the inner process ends; that end is what we wait for anyway.
  lifeline.on('error', () => undefined);
  let said = '';
  lifeline.on('data', bytes => {
    said += bytes;
  });
  // "close" waits for the lifeline too, so it comes when process 1 inside is gone, whatever became
  // of unshare.
  const ended = once(child, 'close').then(([code, signal]) => {
    const exitCode = shellExitCode(code, signal);
    if (exitCode !== UNSHARE_FAILED || said.includes(LEAVING)) {
      return exitCode;
    }
    // As an exit code of ours it would be a verdict.
    if (said.includes(STANDING)) {
      return shellExitCode(undefined, 'SIGKILL');
    }
    throw new StalesumError('internal', "the lab's namespaces could not be entered");
  });
  return { child, lifeline, ended };
}

export interface InterruptWatch {
  readonly interrupted: () => boolean;
  readonly stop: () => void;
}

/**
 * The first interrupt is handed on, and there is time to end; then, or at the second, we kill.
 *
 * @param running Looked at when it happens: what runs by then.
 */
export function watchInterrupts(
  running: Iterable<InnerProcess>,
  commandTakesCtrlC: boolean,
): InterruptWatch {
  const kill = () => {
    for (const { child } of running) child.kill('SIGKILL');
  };
  let timer: NodeJS.Timeout | undefined;
  let interrupted = false;
  const handler = (signal: NodeJS.Signals) => {
    if (commandTakesCtrlC && process.stdin.isTTY && signal !== 'SIGTERM') {
      return;
    }
    if (interrupted) {
      kill();
      return;
    }
    interrupted = true;
    for (const { lifeline } of running) lifeline.write(`${signal}\n`);
    timer = setTimeout(kill, GRACE_SECONDS * 1000);
  };
  const signals: NodeJS.Signals[] = commandTakesCtrlC
    ? [...INTERRUPTS, 'SIGQUIT']
    : [...INTERRUPTS];
  for (const signal of signals) {
    process.on(signal, handler);
  }
  return {
    interrupted: () => interrupted,
    stop: () => {
      clearTimeout(timer);
      for (const signal of signals) {
        process.off(signal, handler);
      }
    },
  };
}
