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
import { findWayIn } from './permission.js';

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
  const way = await findWayIn();
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const [file, ...args] = [
    ...diesWithUs(),
    findCommand('unshare'),
    ...way.unshareArgs,
    '--',
    ...again,
  ];
  const child = spawn(file as string, args, {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, ...labMarker, PATH: searchPath() },
  });
  const lifeline = child.stdio[LIFELINE_DESCRIPTOR] as Duplex;
  // It breaks when the inner process ends; that end is what we wait for anyway.
  lifeline.on('error', () => undefined);
  let said = '';
  lifeline.on('data', bytes => {
    said += bytes;
  });

  const watch = watchInterrupts(child, lifeline, options.commandTakesCtrlC === true);
  // "close" waits for the lifeline too, so it comes when process 1 inside is gone, whatever became
  // of unshare.
  const [code, signal] = await once(child, 'close').finally(watch.stop);
  if (watch.interrupted()) {
    return exitCodeOfFault.interrupted;
  }
  const exitCode = shellExitCode(code, signal);
  if (exitCode !== UNSHARE_FAILED || said.includes(LEAVING)) {
    return exitCode;
  }
  // As an exit code of ours it would be a verdict.
  if (said.includes(STANDING)) {
    return shellExitCode(undefined, 'SIGKILL');
  }
  throw new StalesumError('internal', "the lab's namespaces could not be entered");
}

interface InterruptWatch {
  readonly interrupted: () => boolean;
  readonly stop: () => void;
}

/** The first interrupt is handed on, and there is time to end; then, or at the second, we kill. */
function watchInterrupts(
  child: ChildProcess,
  lifeline: Duplex,
  commandTakesCtrlC: boolean,
): InterruptWatch {
  let timer: NodeJS.Timeout | undefined;
  let interrupted = false;
  const handler = (signal: NodeJS.Signals) => {
    if (commandTakesCtrlC && process.stdin.isTTY && signal !== 'SIGTERM') {
      return;
    }
    if (interrupted) {
      child.kill('SIGKILL');
      return;
    }
    interrupted = true;
    lifeline.write(`${signal}\n`);
    timer = setTimeout(() => child.kill('SIGKILL'), GRACE_SECONDS * 1000);
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
