/**
 * Faults as values: what went wrong, where, and the way out. They are printed as one or two lines,
 * without a stack trace, and each kind has its documented exit code.
 */

/** What sort of fault it is; decides the exit code. */
export type FaultKind =
  | 'usage'
  | 'bad-input'
  | 'missing-tool'
  | 'unavailable'
  | 'internal'
  | 'write-failed'
  | 'not-permitted'
  | 'interrupted';

/** Exit code of each kind of fault (sysexits.h where one fits; 130 as a shell reports SIGINT). */
export const exitCodeOfFault: Readonly<Record<FaultKind, number>> = {
  usage: 64,
  'bad-input': 65,
  'missing-tool': 69,
  // A node that cannot be reached, or is gone.
  unavailable: 69,
  internal: 70,
  'write-failed': 74,
  'not-permitted': 77,
  interrupted: 130,
};

/** A fault that a user can do something about. `message` is one line; `remedy` says what to do. */
export class StalesumError extends Error {
  readonly kind: FaultKind;
  readonly remedy: string | undefined;

  constructor(kind: FaultKind, message: string, remedy?: string) {
    super(message);
    this.name = 'StalesumError';
    this.kind = kind;
    this.remedy = remedy;
  }

  get exitCode(): number {
    return exitCodeOfFault[this.kind];
  }
}

/** The text of anything thrown, on one line. */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
