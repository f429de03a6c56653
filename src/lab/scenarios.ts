/**
 * The lab's scenarios, as data: how the two nodes are set up, and what must come out of it.
 *
 * A scenario that needs more than other values adds `sysctls`, or `changes`: commands that are run in
 * the built lab, in order.
 */
import type { VerdictName } from '../analysis/verdict.js';
import { StalesumError } from '../errors.js';
import type { KubeProxyOptions } from './kube-proxy.js';
import type { LabNodeName } from './layout.js';

export interface Expectation {
  readonly verdict: VerdictName;
  /** Where the verdict accuses: how sure it must be. */
  readonly grade?: 'proved' | 'supported';
}

/** A command that changes the built lab. */
export interface LabChange {
  readonly node: LabNodeName;
  readonly command: string;
  readonly args: readonly string[];
  /** For its standard input. */
  readonly input?: string;
}

/** `net.ipv4.tcp_syn_linear_timeouts` = `0`, in one namespace. */
export interface LabSysctl {
  readonly node: LabNodeName;
  readonly key: string;
  readonly value: string;
}

export interface Scenario {
  readonly name: string;
  /** One line, for lists and headings. */
  readonly title: string;
  readonly expect: Expectation;
  readonly vxlan: {
    /** Whether the outer UDP checksum is in use. Kernels differ in the default, so it is said. */
    readonly outerChecksum: 'udpcsum' | 'noudpcsum';
    /** The outer source ports, first to last (exclusive); else the kernel's range. */
    readonly sourcePorts?: readonly [number, number];
  };
  readonly kubeProxy: KubeProxyOptions;
  readonly sysctls?: readonly LabSysctl[];
  readonly changes?: readonly LabChange[];
}

const KUBE_PROXY_BEFORE_92035: KubeProxyOptions = {
  postrouting: 'before-pr-92035',
  randomFully: true,
  masqueradeBit: 14,
};

const KUBE_PROXY_AFTER_92035: KubeProxyOptions = {
  ...KUBE_PROXY_BEFORE_92035,
  postrouting: 'after-pr-92035',
};

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'unpatched',
    title: 'kube-proxy rules of before PR 92035, VXLAN device with udpcsum: the bug',
    expect: { verdict: 'stale-checksum', grade: 'proved' },
    vxlan: { outerChecksum: 'udpcsum' },
    kubeProxy: KUBE_PROXY_BEFORE_92035,
  },
  {
    name: 'kube-proxy-patched',
    title: 'kube-proxy rules with PR 92035, VXLAN device with udpcsum: the cure',
    expect: { verdict: 'not-rewritten' },
    vxlan: { outerChecksum: 'udpcsum' },
    kubeProxy: KUBE_PROXY_AFTER_92035,
  },
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
