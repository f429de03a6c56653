import { expect, it } from 'vitest';
import { StalesumError } from '../../src/errors.js';
import { SCENARIOS, scenarioNamed } from '../../src/lab/scenarios.js';

it('has every scenario once, under its name', () => {
  for (const scenario of SCENARIOS) {
    expect(scenarioNamed(scenario.name)).toBe(scenario);
  }
});

it('says what the bug and its cure must show', () => {
  expect(scenarioNamed('unpatched').expect).toEqual({ verdict: 'stale-checksum', grade: 'proved' });
  expect(scenarioNamed('kube-proxy-patched').expect).toEqual({ verdict: 'not-rewritten' });
});

it('refuses another name, and lists those there are', () => {
  const attempt = () => scenarioNamed('nonsense');
  expect(attempt).toThrow(StalesumError);
  expect(attempt).toThrow(
    expect.objectContaining({
      kind: 'usage',
      exitCode: 64,
      message: 'there is no scenario "nonsense"',
      remedy: `scenarios: ${SCENARIOS.map(({ name }) => name).join(', ')}`,
    }),
  );
});
