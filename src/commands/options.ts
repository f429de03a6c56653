/** Options that several commands share, as the command line hands them on. */
import type { ExitPolicy } from '../analysis/exit-code.js';
import type { Grade, VerdictName } from '../analysis/verdict.js';

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  /** False with `--no-color`. */
  readonly color: boolean;
}

export interface PolicyOptions {
  readonly failOn: readonly VerdictName[];
  readonly minGrade: Grade;
}

export function exitPolicyOf({ failOn, minGrade }: PolicyOptions): ExitPolicy {
  return { failOn: new Set(failOn), minGrade };
}
