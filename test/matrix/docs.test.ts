/** What docs say was measured, held against what the lab and the matrix have. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SCENARIOS } from '../../src/lab/scenarios.js';
import { planScenarios } from '../../src/matrix/plan.js';

const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

/** The cells of each row of the tables whose first cell is a scenario. */
function rows(text: string): string[][] {
  return text
    .split('\n')
    .filter(line => line.startsWith('| '))
    .map(line =>
      line
        .split('|')
        .slice(1, -1)
        .map(cell => cell.trim().replace(/[`\\]/g, '')),
    );
}

it('docs/lab.md has each scenario with its verdict', () => {
  const listed = rows(read('lab.md')).map(([name, verdict]) => [name, verdict]);
  for (const { name, expect: expected } of SCENARIOS) {
    expect(listed).toContainEqual([name, expected.verdict]);
  }
});

describe('docs/mitigations.md', () => {
  const text = read('mitigations.md');
  const [, generated = ''] = /<!-- begin: .*? -->\n([\s\S]*?)<!-- end -->/.exec(text) ?? [];

  it('was measured with every row of today, all as predicted, and by no machine with a name', () => {
    const listed = rows(generated).map(([name, protocol]) =>
      `${name} ${protocol}`.replace(' (emulated)', ''),
    );
    for (const { scenario, protocols } of planScenarios([])) {
      for (const protocol of protocols) expect(listed).toContain(`${scenario.name} ${protocol}`);
    }
    expect(generated).toContain('AS PREDICTED IN EVERY ROW');
    expect(generated).toMatch(/are as predicted on Linux \d+\.\d+\.\d+\.$/m);
  });

  it('names no scenario outside that there is not', () => {
    const own = text.replace(generated, '');
    const names = [...own.matchAll(/`([a-z0-9.]+(?:-[a-z0-9.]+)+)`/g)].map(([, name]) => name!);
    const known = planScenarios([]).map(({ scenario }) => scenario.name);
    expect(names.filter(name => !known.includes(name))).toEqual([]);
    expect(names.length).toBeGreaterThan(5);
  });
});
