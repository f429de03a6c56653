/** How a process ended, as one number. */
import { constants } from 'node:os';

/** The exit code as a shell reports it: a process that a signal ended gives 128 + its number. */
export function shellExitCode(
  exitCode: number | null | undefined,
  signal: NodeJS.Signals | null | undefined,
): number {
  return exitCode ?? 128 + (signal ? constants.signals[signal] : 0);
}
