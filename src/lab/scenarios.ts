/** All scenarios of the lab, by name. */
import { StalesumError } from '../errors.js';
import type { Scenario } from './scenario.js';
import { DEFECTS } from './scenarios/defects.js';
import { LOOK_ALIKES } from './scenarios/look-alikes.js';
import { MITIGATIONS } from './scenarios/mitigations.js';
import { overIpv6 } from './scenarios/over-ipv6.js';
import { RULE_ORDERS } from './scenarios/rule-orders.js';

export type { Scenario } from './scenario.js';

export interface ScenarioGroup {
  readonly title: string;
  readonly scenarios: readonly Scenario[];
}

export const SCENARIO_GROUPS: readonly ScenarioGroup[] = [
  { title: 'The bug', scenarios: DEFECTS },
  { title: 'What is done about it', scenarios: MITIGATIONS },
  { title: 'Who masquerades first', scenarios: RULE_ORDERS },
  { title: 'Look-alikes', scenarios: LOOK_ALIKES },
];

export const SCENARIOS: readonly Scenario[] = SCENARIO_GROUPS.flatMap(({ scenarios }) => scenarios);

/** Those of them that can be had over an IPv6 underlay, each named `NAME-ipv6`. */
export const IPV6_SCENARIOS: readonly Scenario[] = SCENARIOS.flatMap(
  scenario => overIpv6(scenario) ?? [],
);

/**
 * The scenario of that name.
 *
 * @throws StalesumError `usage`, with the names there are.
 */
export function scenarioNamed(name: string): Scenario {
  const found = [...SCENARIOS, ...IPV6_SCENARIOS].find(scenario => scenario.name === name);
  if (found === undefined) {
    const names = SCENARIOS.map(scenario => scenario.name).join(', ');
    throw new StalesumError(
      'usage',
      `there is no scenario "${name}"`,
      `scenarios: ${names}; most of them also as NAME-ipv6`,
    );
  }
  return found;
}
