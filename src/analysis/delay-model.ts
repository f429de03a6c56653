/**
 * Which SYN will get through, and when, from what the sender's node says of itself. A model of
 * masquerading by mark: only the first packet of a connection is marked, so a retransmit is rewritten
 * only if it finds the conntrack entry of the one before.
 */

import type { VxlanDevice } from '../snapshot/links.js';
import type { NodeSnapshot } from '../snapshot/node-snapshot.js';
import { sysctlNumber } from '../snapshot/sysctl.js';
import { synSchedule } from './syn-schedule.js';

export interface DelayFacts {
  /** Whether all SYNs of a connection leave from one outer port; with a reason to print. */
  readonly outerPort: { readonly kept: boolean; readonly because: string };
  /** `nf_conntrack_udp_timeout`, seconds: how long an unanswered entry lives after its last packet. */
  readonly entrySeconds: number;
  /** `tcp_syn_linear_timeouts`; 0 where the kernel has no such setting. */
  readonly linearTimeouts: number;
  /** `tcp_syn_retries`. */
  readonly retries: number;
  /** Seconds, from the first SYN, in which other connections used the same outer port. */
  readonly keptAliveBy: readonly { readonly from: number; readonly to: number }[];
}

export interface DelayPrediction {
  /** Seconds from the first SYN to the one that gets through; `undefined` if none will. */
  readonly seconds: number | undefined;
  readonly because: string;
}

/** First kernel that takes a new flow hash at every SYN retransmit (3acf3ec3f4b0, 4.9). */
const REHASHES_SINCE = [4, 9] as const;
/** First kernel with `tcp_syn_linear_timeouts` (ccce324dabfe, 6.5). */
const LINEAR_SINCE = [6, 5] as const;

/** What the node's settings say; `undefined` where they do not say enough. */
export function delayFacts(
  sender: NodeSnapshot | undefined,
  device: VxlanDevice | undefined,
  keptAliveBy: DelayFacts['keptAliveBy'],
): DelayFacts | undefined {
  const sysctls = sender?.sysctls;
  if (!sysctls) return undefined;
  const outerPort = outerPortFact(sender, device);
  const linearTimeouts =
    sysctlNumber(sysctls, 'net.ipv4.tcp_syn_linear_timeouts') ??
    withoutSetting(sender, LINEAR_SINCE);
  const entrySeconds = sysctlNumber(sysctls, 'net.netfilter.nf_conntrack_udp_timeout');
  if (!outerPort || linearTimeouts === undefined || entrySeconds === undefined) return undefined;
  const retries = sysctlNumber(sysctls, 'net.ipv4.tcp_syn_retries') ?? 6;
  return { outerPort, entrySeconds, linearTimeouts, retries, keptAliveBy };
}

function outerPortFact(
  sender: NodeSnapshot,
  device: VxlanDevice | undefined,
): DelayFacts['outerPort'] | undefined {
  const range = device?.sourcePorts;
  if (device && range && range.high - range.low <= 1) {
    return { kept: true, because: `${device.name} sends from port ${range.low} only` };
  }
  const setting = sender.sysctls && sysctlNumber(sender.sysctls, 'net.core.txrehash');
  if (setting === 0) return { kept: true, because: 'net.core.txrehash=0' };
  if (setting === 1) return { kept: false, because: 'net.core.txrehash=1' };
  if (sender.kernel === undefined) return undefined;
  return isBefore(sender.kernel, REHASHES_SINCE)
    ? { kept: true, because: `Linux ${sender.kernel} keeps the flow hash of a SYN` }
    : { kept: false, because: `Linux ${sender.kernel} changes the flow hash at each SYN` };
}

/** A setting that is absent because the kernel does not have it yet counts as 0. */
function withoutSetting(
  { kernel }: NodeSnapshot,
  since: readonly [number, number],
): number | undefined {
  return kernel !== undefined && isBefore(kernel, since) ? 0 : undefined;
}

/** Whether a kernel release (`5.4.33-generic`) is older than a version. */
function isBefore(release: string, [major, minor]: readonly [number, number]): boolean {
  const [, first, second] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return Number(first) < major || (Number(first) === major && Number(second) < minor);
}

/** Predicts which SYN of a connection whose first one was rewritten gets through. */
export function predictDelay(facts: DelayFacts): DelayPrediction {
  const { outerPort, entrySeconds, linearTimeouts, retries } = facts;
  const due = [0, ...synSchedule(linearTimeouts, retries + linearTimeouts)];
  if (!outerPort.kept) {
    return {
      seconds: due[1],
      because: `SYN 2 is due at ${due[1]} s from another outer port (${outerPort.because}), unmarked, so without SNAT`,
    };
  }
  for (let syn = 1; syn < due.length; syn++) {
    const at = due[syn]!;
    const refreshed = lastRefresh(due[syn - 1]!, at, facts);
    if (at - refreshed > entrySeconds) {
      return {
        seconds: at,
        because:
          `all SYNs have one outer port (${outerPort.because}) and each refreshes the conntrack entry, which lives ` +
          `${entrySeconds} s: the first gap longer than that ends with SYN ${syn + 1} at ${at} s`,
      };
    }
  }
  const others =
    facts.keptAliveBy.length > 0 ? ', other connections on the same port included' : '';
  return {
    seconds: undefined,
    because:
      `all SYNs have one outer port (${outerPort.because}) and none of the gaps between packets${others} is longer ` +
      `than the ${entrySeconds} s that the conntrack entry lives`,
  };
}

/** The last packet before `at` that found the entry: the SYN before, or another connection's. */
function lastRefresh(synBefore: number, at: number, { keptAliveBy }: DelayFacts): number {
  const others = keptAliveBy
    .filter(({ from, to }) => from < at && to >= 0)
    .map(({ to }) => Math.min(to, at));
  return Math.max(synBefore, ...others);
}
