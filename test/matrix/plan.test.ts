import { describe, expect, it } from 'vitest';
import { IPV6_SCENARIOS, SCENARIOS } from '../../src/lab/scenarios.js';
import { planLabs, planScenarios } from '../../src/matrix/plan.js';

describe('the rows of the whole matrix', () => {
  const planned = planScenarios([]);
  const rows = planned.flatMap(({ scenario, protocols }) =>
    protocols.map(protocol => `${scenario.name} ${protocol}`),
  );

  it('are every scenario, and over IPv6 every one that has something new to show', () => {
    const names = planned.map(({ scenario }) => scenario.name);
    expect(SCENARIOS.map(({ name }) => name).filter(name => !names.includes(name))).toEqual([]);
    const missing = IPV6_SCENARIOS.map(({ name }) => name).filter(name => !names.includes(name));
    expect(missing).toEqual(['udp-dns-ipv6', 'no-listener-ipv6']);
  });

  it('are TCP and UDP, but where one of them has no such fault', () => {
    expect(new Set(rows).size).toBe(rows.length);
    const alone = planned.filter(({ protocols }) => protocols.length === 1);
    expect(alone.map(({ scenario, protocols }) => [scenario.name, ...protocols])).toEqual([
      ['udp-dns', 'udp'],
      ['lost-syn', 'tcp'],
      ['mtu-blackhole', 'tcp'],
      ['inner-corruption', 'tcp'],
    ]);
    expect(rows).toHaveLength(88);
  });
});

describe('labs', () => {
  it('are shared by both protocols, UDP first; not where the wire breaks behind the control', () => {
    const labs = planLabs(planScenarios(['notrack', 'address-rewritten-on-the-way', 'lost-syn']));
    expect(labs).toEqual([
      { scenario: 'notrack', protocols: ['udp', 'tcp'] },
      { scenario: 'lost-syn', protocols: ['tcp'] },
      { scenario: 'address-rewritten-on-the-way', protocols: ['udp'] },
      { scenario: 'address-rewritten-on-the-way', protocols: ['tcp'] },
    ]);
  });

  it('begin with those that wait for lost SYNs', () => {
    const labs = planLabs(planScenarios(['kube-proxy-patched', 'stale-rules', 'unpatched']));
    expect(labs.map(({ scenario }) => scenario)).toEqual([
      ...['unpatched', 'stale-rules', 'kube-proxy-patched'],
    ]);
  });
});

describe('--only', () => {
  it('keeps the order of the matrix, and each name once', () => {
    const planned = planScenarios(['notrack-ipv6', 'unpatched', 'notrack-ipv6']);
    expect(planned.map(({ scenario }) => scenario.name)).toEqual(['unpatched', 'notrack-ipv6']);
  });

  it('has those as well that the whole matrix leaves out', () => {
    expect(planScenarios(['udp-dns-ipv6'])).toHaveLength(1);
  });

  it('refuses a name that there is not', () => {
    expect(() => planScenarios(['unpatched', 'nonsense'])).toThrow(
      expect.objectContaining({ kind: 'usage', message: 'there is no scenario "nonsense"' }),
    );
  });
});
