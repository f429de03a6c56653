/** What a scenario must show on the kernel that it runs on. */
import type { Expectation, Scenario } from './scenario.js';

/** Releases of each series that has ea64d8d6c675 backported. Anything else has it since 5.7. */
const ZERO_FIX_IN_SERIES: Readonly<Record<string, number>> = {
  '4.14': 181,
  '4.19': 123,
  '5.4': 41,
  '5.6': 13,
};
const ZERO_FIX_SINCE = [5, 7] as const;

/**
 * The expectation for a kernel release, as `uname -r` prints it. A distribution may have the fix in a
 * release that does not tell (Ubuntu's 4.15.0-107.108 has): its zero checksum is then harmless.
 */
export function expectedOn(scenario: Scenario, release: string): Expectation {
  const { expect, expectBeforeZeroFix = expect } = scenario;
  return leavesZeroAlone(release) ? expect : expectBeforeZeroFix;
}

/** Whether the kernel has ea64d8d6c675, "netfilter: nat: never update the UDP checksum when it's 0". */
export function leavesZeroAlone(release: string): boolean {
  const [, major, minor, patch] = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(release) ?? [];
  const [sinceMajor, sinceMinor] = ZERO_FIX_SINCE;
  if (Number(major) !== sinceMajor ? Number(major) > sinceMajor : Number(minor) >= sinceMinor) {
    return true;
  }
  const backportedIn = ZERO_FIX_IN_SERIES[`${major}.${minor}`];
  return backportedIn !== undefined && Number(patch ?? 0) >= backportedIn;
}
