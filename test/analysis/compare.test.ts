import { beforeAll, describe, expect, it } from 'vitest';
import { compareVerdicts } from '../../src/analysis/compare.js';
import { DEFAULT_EXIT_POLICY } from '../../src/analysis/exit-code.js';
import type { VerdictDocument, VerdictName } from '../../src/analysis/verdict.js';
import { examinePaths } from '../../src/evidence/examine.js';

const recording = new URL('../../captures/linux-5.4.33/patched-udpcsum', import.meta.url).pathname;

describe('a comparison', () => {
  let healthy: VerdictDocument;
  beforeAll(async () => {
    healthy = await examinePaths([recording], { tunnelPorts: [], policy: DEFAULT_EXIT_POLICY });
  });
  const outcome = (a: VerdictDocument, b: VerdictDocument) =>
    compareVerdicts({ name: 'a', verdict: a, nodes: [] }, { name: 'b', verdict: b, nodes: [] })
      .outcome;
  const as = (verdict: VerdictName): VerdictDocument => ({ ...healthy, verdict });

  it('is none between different targets', () => {
    const [flow] = healthy.flows;
    const inner = { ...flow!.inner, destination: '10.244.9.9:80', service: '10.96.9.9:80' };
    const other = { ...healthy, flows: [{ ...flow!, inner }] };
    expect(outcome(healthy, other)).toBe('not-comparable');
    expect(outcome(healthy, healthy)).toBe('equal');
  });

  it('knows a target by its service or its endpoint', () => {
    const [flow] = healthy.flows;
    const withoutService = { ...flow!, inner: { ...flow!.inner, service: null } };
    expect(outcome(healthy, { ...healthy, flows: [withoutService] })).toBe('equal');
  });

  it.each(['inconclusive', 'no-tunnel-traffic'] as const)('is none with %s', verdict => {
    expect(outcome(as('stale-checksum'), as(verdict))).toBe('not-comparable');
    expect(outcome(as(verdict), healthy)).toBe('not-comparable');
  });

  it.each([
    ['stale-checksum', 'double-snat-harmless', 'fixed'],
    ['mangled-checksum', 'not-rewritten', 'fixed'],
    ['stale-checksum', 'mangled-checksum', 'not-fixed'],
    ['not-rewritten', 'other-corruption', 'worse'],
    ['no-fault', 'double-snat-harmless', 'equal'],
  ] as const)('of %s and %s is %s', (a, b, expected) => {
    expect(outcome(as(a), as(b))).toBe(expected);
  });
});
