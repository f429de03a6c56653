/** What the scenarios differ from: a cluster with the bug, and one with kube-proxy's cure. */
import type { KubeProxyOptions } from '../kube-proxy.js';
import { VXLAN } from '../layout.js';
import type { Expectation, Scenario } from '../scenario.js';

/** A scenario without what makes it one. */
type Cluster = Omit<Scenario, 'name' | 'title' | 'expect' | 'expectBeforeZeroFix'>;

export const KUBE_PROXY_BEFORE_92035: KubeProxyOptions = {
  mode: 'iptables',
  postrouting: 'before-pr-92035',
  randomFully: true,
  masqueradeBit: 14,
};

export const KUBE_PROXY_AFTER_92035: KubeProxyOptions = {
  ...KUBE_PROXY_BEFORE_92035,
  postrouting: 'after-pr-92035',
};

/** kube-proxy of before PR 92035, and a VXLAN device that makes outer checksums. */
export const UNPATCHED: Cluster = {
  emulated: false,
  protocol: 'tcp',
  target: 'service',
  attempts: 1,
  bytes: 0,
  vxlan: { tunnel: VXLAN, outerChecksum: 'udpcsum', local: 'primary', underlay: 'ipv4' },
  kubeProxy: KUBE_PROXY_BEFORE_92035,
  serviceAnswers: true,
  wireOffload: 'off',
  sysctls: [],
  changes: [],
};

/** The same with PR 92035. */
export const PATCHED: Cluster = { ...UNPATCHED, kubeProxy: KUBE_PROXY_AFTER_92035 };

/** The bug: rewritten, and the checksum is still that of the port before. */
export const STALE: Expectation = {
  verdict: 'stale-checksum',
  grade: 'proved',
  keepsOuterPort: false,
};

export const MANGLED: Expectation = {
  verdict: 'mangled-checksum',
  grade: 'proved',
  keepsOuterPort: false,
};

/** Rewritten, and nobody minds. */
export const HARMLESS: Expectation = { verdict: 'double-snat-harmless', keepsOuterPort: false };

export const NOT_REWRITTEN: Expectation = { verdict: 'not-rewritten', keepsOuterPort: true };

/** A checksum is wrong on the wire, and no rewritten port is the reason. */
export const OTHER_CORRUPTION: Expectation = { verdict: 'other-corruption', keepsOuterPort: true };
