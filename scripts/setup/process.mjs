/** Child processes: their output collected or passed through, and the signals that we get handed on. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { SetupFault } from './fault.mjs';

/**
 * Runs a command to its end: `{ exitCode, output }`, with 128 + N for an end by signal N as shells have it.
 * `stdio` as spawn takes it; without it the output is collected. A signal to us goes to the child, whose
 * end is awaited, so nothing is left running and the child's own clean-up is not cut short.
 */
export function runToEnd(command, args, { stdio, owner, ...options }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: stdio ?? ['ignore', 'pipe', 'pipe'],
      ...owner,
      ...options,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', text => {
        output += text;
      });
    }
    const stopForwarding = forwardSignalsTo(child);
    child.once('error', fault => {
      stopForwarding();
      reject(fault);
    });
    child.once('close', (code, signal) => {
      stopForwarding();
      resolve({ exitCode: code ?? 128 + constants.signals[signal], output });
    });
  });
}

/** The same for a step of the set-up, which stops as a whole when somebody stops a step of it. */
export async function runStep(command, args, options) {
  const { exitCode, output } = await runToEnd(command, args, options);
  const interrupted = ['SIGINT', 'SIGTERM', 'SIGHUP'].some(
    name => exitCode === 128 + constants.signals[name],
  );
  if (interrupted) throw new SetupFault(exitCode, 'interrupted');
  return { exitCode, output };
}

function forwardSignalsTo(child) {
  const forward = signal => child.kill(signal);
  // On a terminal Ctrl-C reaches the child by itself; a second SIGINT could be taken for impatience.
  const atInterrupt = hasTerminal() ? () => {} : forward;
  process.on('SIGINT', atInterrupt).on('SIGTERM', forward).on('SIGHUP', forward);
  return () => process.off('SIGINT', atInterrupt).off('SIGTERM', forward).off('SIGHUP', forward);
}

function hasTerminal() {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
