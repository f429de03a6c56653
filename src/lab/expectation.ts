/** What a scenario must show on the kernel that it runs on. */
import { leavesZeroAlone } from '../rules/kernel.js';
import type { Protocol } from './layout.js';
import type { Expectation, Scenario } from './scenario.js';

/**
 * The expectation for a kernel release, as `uname -r` prints it, and a protocol. A distribution may have
 * taken ea64d8d6c675 over in a release that does not tell: its zero checksum is then harmless.
 */
export function expectedOn(
  scenario: Scenario,
  release: string,
  protocol: Protocol = scenario.protocol,
): Expectation {
  const { expectOverUdp, expectBeforeZeroFix } = scenario;
  if (expectBeforeZeroFix && leavesZeroAlone(release) !== true) return expectBeforeZeroFix;
  return (protocol === 'udp' ? expectOverUdp : undefined) ?? scenario.expect;
}
