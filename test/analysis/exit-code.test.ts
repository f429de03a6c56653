/** The table of exit codes, as it is documented for scripts. */
import { describe, expect, test } from 'vitest';
import { DEFAULT_EXIT_POLICY, type ExitPolicy, exitCodeFor } from '../../src/analysis/exit-code.js';
import { GRADES, VERDICTS, type VerdictName } from '../../src/analysis/verdict.js';

const policy = (failOn: VerdictName[], minGrade: ExitPolicy['minGrade'] = 'none'): ExitPolicy => ({
  failOn: new Set(failOn),
  minGrade,
});

describe('without options', () => {
  const documented: Record<VerdictName, number> = {
    'stale-checksum': 1,
    'mangled-checksum': 1,
    'double-snat-harmless': 0,
    'not-rewritten': 0,
    'no-fault': 0,
    'other-corruption': 0,
    'no-tunnel-traffic': 2,
    inconclusive: 2,
  };

  test.each(
    VERDICTS.map(verdict => [verdict, documented[verdict]] as const),
  )('%s exits %i', (verdict, code) => {
    for (const grade of GRADES)
      expect(exitCodeFor(verdict, grade, false, DEFAULT_EXIT_POLICY)).toBe(code);
  });

  test('a damaged input exits 65 where nothing was convicted, and 1 where something was', () => {
    for (const verdict of VERDICTS) {
      const expected = documented[verdict] === 1 ? 1 : 65;
      expect(exitCodeFor(verdict, 'supported', true, DEFAULT_EXIT_POLICY)).toBe(expected);
    }
  });
});

describe('--fail-on', () => {
  test('chooses the verdicts that exit 1, and no others do', () => {
    for (const chosen of VERDICTS) {
      for (const verdict of VERDICTS) {
        const code = exitCodeFor(verdict, 'proved', false, policy([chosen]));
        expect(code === 1, `${verdict} with --fail-on ${chosen}`).toBe(verdict === chosen);
      }
    }
  });

  test('leaves inconclusive at 2 unless it is chosen', () => {
    expect(exitCodeFor('inconclusive', 'none', false, policy(['other-corruption']))).toBe(2);
    expect(exitCodeFor('inconclusive', 'none', false, policy(['inconclusive']))).toBe(1);
  });
});

describe('--min-grade', () => {
  test.each([
    ['none', 'none', 1],
    ['none', 'supported', 2],
    ['none', 'proved', 2],
    ['supported', 'none', 1],
    ['supported', 'supported', 1],
    ['supported', 'proved', 2],
    ['proved', 'none', 1],
    ['proved', 'supported', 1],
    ['proved', 'proved', 1],
  ] as const)('a conviction that is %s, with --min-grade %s, exits %i', (grade, minGrade, code) => {
    expect(exitCodeFor('stale-checksum', grade, false, policy(['stale-checksum'], minGrade))).toBe(
      code,
    );
  });

  test('does not change verdicts that are no reason to fail', () => {
    expect(exitCodeFor('no-fault', 'none', false, policy(['stale-checksum'], 'proved'))).toBe(0);
  });
});
