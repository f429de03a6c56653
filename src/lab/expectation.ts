/** What a scenario must show on the kernel that it runs on. */
import { leavesZeroAlone } from '../rules/kernel.js';
import type { Expectation, Scenario } from './scenario.js';

/**
 * The expectation for a kernel release, as `uname -r` prints it. A distribution may have taken
 * ea64d8d6c675 over in a release that does not tell: its zero checksum is then harmless.
 */
export function expectedOn(scenario: Scenario, release: string): Expectation {
  const { expect, expectBeforeZeroFix = expect } = scenario;
  return leavesZeroAlone(release) === true ? expect : expectBeforeZeroFix;
}
