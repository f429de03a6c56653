/** Which rows a matrix has, and which lab measures which of them. */
import type { Protocol } from '../lab/layout.js';
import type { Scenario } from '../lab/scenario.js';
import { IPV6_SCENARIOS, SCENARIO_GROUPS, scenarioNamed } from '../lab/scenarios.js';

const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp'];

export interface PlannedScenario {
  readonly scenario: Scenario;
  readonly group: string;
  readonly protocols: readonly Protocol[];
}

/** One lab, and the rows that it measures one after the other. */
export interface PlannedLab {
  readonly scenario: string;
  readonly protocols: readonly Protocol[];
}

/**
 * The scenarios of a matrix, each followed by itself over IPv6; or those that are named.
 *
 * @throws StalesumError `usage` for a name that no scenario has.
 */
export function planScenarios(only: readonly string[]): PlannedScenario[] {
  const wanted = new Set(only.map(name => scenarioNamed(name).name));
  const all = SCENARIO_GROUPS.flatMap(({ title, scenarios }) =>
    scenarios.flatMap(scenario => {
      const over6 = IPV6_SCENARIOS.filter(({ name }) => name === `${scenario.name}-ipv6`);
      return [scenario, ...over6].map(found => planned(found, title));
    }),
  );
  if (wanted.size === 0) return all.filter(({ scenario }) => !saysNothingNew(scenario));
  return all.filter(({ scenario }) => wanted.has(scenario.name));
}

/** Over IPv6 these are the rows of others, or about nothing below the tunnel. */
function saysNothingNew({ name }: Scenario): boolean {
  return name === 'udp-dns-ipv6' || name === 'no-listener-ipv6';
}

function planned(scenario: Scenario, group: string): PlannedScenario {
  return {
    scenario,
    group,
    protocols: scenario.onlyProtocol ? [scenario.protocol] : PROTOCOLS,
  };
}

/**
 * The labs, those that take longest first. Both protocols share a lab, unless the scenario breaks its
 * wire once the control connection was made; UDP comes first, as TCP may wait for a minute.
 */
export function planLabs(scenarios: readonly PlannedScenario[]): PlannedLab[] {
  const labs = scenarios.flatMap(({ scenario, protocols }) => {
    const breaksWire = scenario.changes.some(({ when }) => when === 'after-control');
    const inOrder = [...protocols].reverse();
    const shares = breaksWire ? inOrder.map(protocol => [protocol]) : [inOrder];
    return shares.map(own => ({ scenario, protocols: own }));
  });
  return labs
    .sort((a, b) => rank(a.scenario) - rank(b.scenario))
    .map(({ scenario, protocols }) => ({ scenario: scenario.name, protocols }));
}

/** Lost SYNs are waited for. */
function rank({ expect }: Scenario): number {
  return expect.verdict === 'stale-checksum' || expect.verdict === 'mangled-checksum' ? 0 : 1;
}
