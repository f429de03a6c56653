/**
 * The two timings of SYN retransmits. Today's kernels take a new flow hash, so another outer port, at
 * every retransmit (`net.core.txrehash`) and send the first ones a second apart
 * (`net.ipv4.tcp_syn_linear_timeouts`); those of the bug's time did neither, and waited 63 s.
 */
import { closeSync, openSync } from 'node:fs';
import { release } from 'node:os';
import type { LabSysctl, Scenario } from './scenario.js';
import { sysctlFile } from './sysctl.js';

export type Retransmits = 'classic' | 'kernel';

export interface TimedScenario {
  readonly scenario: Scenario;
  /** Why the SYNs will not leave at 0, 1, 3, 7, 15, 31 and 63 s although they should. */
  readonly shortcoming: string | undefined;
}

const TXREHASH = 'net.core.txrehash';
const LINEAR_TIMEOUTS = 'net.ipv4.tcp_syn_linear_timeouts';
/** First kernel with the latter (ccce324dabfe). */
const LINEAR_SINCE = [6, 5] as const;

/** One port, first to last (exclusive): whatever the flow hash, the datagrams leave from it. */
const ONE_PORT = [50_000, 50_001] as const;

/**
 * The scenario with the timing wanted. To be called inside the lab's namespaces, since a kernel may
 * hide settings from user namespaces.
 */
export function withRetransmits(scenario: Scenario, retransmits: Retransmits): TimedScenario {
  return retransmits === 'kernel'
    ? { scenario, shortcoming: undefined }
    : classicVariant(scenario, isWritable, release());
}

/** The same for a kernel of that release on which those settings can be written. */
export function classicVariant(
  scenario: Scenario,
  canSet: (key: string) => boolean,
  kernel: string,
): TimedScenario {
  const zero = (key: string): LabSysctl => ({ node: 'node-a', key, value: '0' });
  const settings = [TXREHASH, LINEAR_TIMEOUTS].filter(canSet).map(zero);
  const sourcePorts = settings.some(({ key }) => key === TXREHASH) ? {} : { sourcePorts: ONE_PORT };
  return {
    scenario: {
      ...scenario,
      vxlan: { ...scenario.vxlan, ...sourcePorts },
      sysctls: [...scenario.sysctls, ...settings],
    },
    shortcoming:
      canSet(LINEAR_TIMEOUTS) || isBeforeLinear(kernel)
        ? undefined
        : `this kernel does not let the lab set ${LINEAR_TIMEOUTS}, so it sends the first retransmits a second apart`,
  };
}

function isWritable(key: string): boolean {
  try {
    // access(2) would look at the rights of the real user, who has none.
    closeSync(openSync(sysctlFile(key), 'r+'));
    return true;
  } catch {
    return false;
  }
}

function isBeforeLinear(kernel: string): boolean {
  const [sinceMajor, sinceMinor] = LINEAR_SINCE;
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(kernel) ?? [];
  return Number(major) < sinceMajor || (Number(major) === sinceMajor && Number(minor) < sinceMinor);
}
