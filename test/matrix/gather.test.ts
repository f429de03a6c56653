import { describe, expect, it } from 'vitest';
import { Gathering } from '../../src/matrix/gather.js';
import { type PlannedLab, planLabs, planScenarios } from '../../src/matrix/plan.js';
import { resultSample } from './samples.js';

const SCENARIOS = planScenarios(['unpatched', 'notrack']);
const [UNPATCHED, NOTRACK] = planLabs(SCENARIOS) as [PlannedLab, PlannedLab];

const line = (protocol: 'tcp' | 'udp') => JSON.stringify(resultSample({ protocol }));
const stands = (shortcoming: string | null) => JSON.stringify({ stands: true, shortcoming });

function gathering(): Gathering {
  return new Gathering(SCENARIOS, 'kernel');
}

it('has the rows in the order of the plan, whichever came first', () => {
  const all = gathering();
  all.line(NOTRACK, line('udp'));
  all.line(UNPATCHED, line('udp'));
  all.line(UNPATCHED, line('tcp'));
  all.line(NOTRACK, line('tcp'));
  expect(all.done).toBe(all.count);
  expect(all.rows().map(({ row }) => `${row.scenario} ${row.protocol}`)).toEqual([
    ...['unpatched tcp', 'unpatched udp', 'notrack tcp', 'notrack udp'],
  ]);
});

describe('a lab that fails', () => {
  it('leaves its rows open, with its own words, and those of others as they are', () => {
    const all = gathering();
    all.line(UNPATCHED, line('tcp'));
    all.line(UNPATCHED, line('udp'));
    all.end(NOTRACK, { exitCode: 69, words: 'this kernel cannot do scenario notrack\n' });
    const [tcp, , first, second] = all.rows();
    expect(tcp!.row.agrees).toBe(true);
    for (const { row, detail } of [first!, second!]) {
      expect(row).toMatchObject({ scenario: 'notrack', measured: 'inconclusive', agrees: null });
      expect(detail.fault).toBe('this kernel cannot do scenario notrack');
    }
    expect(all.warnings).toEqual(['notrack: this kernel cannot do scenario notrack']);
  });

  it('keeps the row that it had measured', () => {
    const all = gathering();
    all.line(UNPATCHED, line('udp'));
    all.end(UNPATCHED, { exitCode: 137, words: '' });
    const [tcp, udp] = all.rows();
    expect(udp!.row.agrees).toBe(true);
    expect(tcp!.detail.fault).toBe('the lab ended with exit code 137');
  });

  it('may have said half a line', () => {
    const all = gathering();
    expect(all.line(UNPATCHED, line('tcp').slice(0, 100))).toBeUndefined();
    expect(all.done).toBe(0);
  });

  it('is a fault of the whole where no lab has measured anything, with its exit code', () => {
    const all = gathering();
    all.line(UNPATCHED, stands(null));
    all.end(UNPATCHED, { exitCode: 69, words: 'conntrack is not installed' });
    all.end(NOTRACK, { exitCode: 69, words: 'conntrack is not installed' });
    expect(() => all.rows()).toThrow(
      expect.objectContaining({ kind: 'missing-tool', message: 'conntrack is not installed' }),
    );
  });
});

it('says a shortcoming once', () => {
  const all = gathering();
  all.line(UNPATCHED, stands('this kernel does not let the lab set it'));
  all.line(NOTRACK, stands('this kernel does not let the lab set it'));
  expect(all.warnings).toEqual(['this kernel does not let the lab set it']);
});
