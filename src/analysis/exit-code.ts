/** The exit code of a verdict, as documented for scripts. */
import { exitCodeOfFault } from '../errors.js';
import type { Grade, VerdictName } from './verdict.js';

export interface ExitPolicy {
  /** Verdicts that exit 1. */
  readonly failOn: ReadonlySet<VerdictName>;
  /** Convictions below this grade exit 2. */
  readonly minGrade: Grade;
}

export const DEFAULT_EXIT_POLICY: ExitPolicy = {
  failOn: new Set(['stale-checksum', 'mangled-checksum']),
  minGrade: 'none',
};

/**
 * 0 examined enough and not affected; 1 a verdict to fail on; 2 inconclusive, or a conviction below
 * the grade that was asked for; 65 where a damaged capture keeps the rest from being conclusive.
 */
export function exitCodeFor(
  verdict: VerdictName,
  grade: Grade,
  damagedInput: boolean,
  { failOn, minGrade }: ExitPolicy,
): number {
  const rank: Record<Grade, number> = { proved: 2, supported: 1, none: 0 };
  if (failOn.has(verdict)) return rank[grade] >= rank[minGrade] ? 1 : 2;
  if (damagedInput) return exitCodeOfFault['bad-input'];
  return verdict === 'inconclusive' || verdict === 'no-tunnel-traffic' ? 2 : 0;
}
