/** All scenarios of the lab, by name. */
import { StalesumError } from '../errors.js';
import type { Scenario } from './scenario.js';
import { DEFECTS } from './scenarios/defects.js';
import { LOOK_ALIKES } from './scenarios/look-alikes.js';
import { MITIGATIONS } from './scenarios/mitigations.js';
import { RULE_ORDERS } from './scenarios/rule-orders.js';

export type { Scenario } from './scenario.js';

export const SCENARIOS: readonly Scenario[] = [
  ...DEFECTS,
  ...MITIGATIONS,
  ...RULE_ORDERS,
  ...LOOK_ALIKES,
];

/**
 * The scenario of that name.
 *
 * @throws StalesumError `usage`, with the names there are.
 */
export function scenarioNamed(name: string): Scenario {
  const found = SCENARIOS.find(scenario => scenario.name === name);
  if (found === undefined) {
    const names = SCENARIOS.map(scenario => scenario.name).join(', ');
    throw new StalesumError('usage', `there is no scenario "${name}"`, `scenarios: ${names}`);
  }
  return found;
}
