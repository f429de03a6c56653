/**
 * kube-proxy has its cure, and yet it is not the only one who masquerades: whose rule the inner packet
 * meets first decides whether kube-proxy's mark is still on it when it enters the tunnel.
 */
import { CALICO_VXLAN } from '../layout.js';
import type { Scenario } from '../scenario.js';
import {
  KUBE_PROXY_AFTER_92035,
  KUBE_PROXY_BEFORE_92035,
  NOT_REWRITTEN,
  PATCHED,
  STALE,
} from './clusters.js';

const NFTABLES_PATCHED = { ...KUBE_PROXY_AFTER_92035, mode: 'nftables' } as const;

const WITH_CALICO = { ...PATCHED, vxlan: { ...PATCHED.vxlan, tunnel: CALICO_VXLAN } };

export const RULE_ORDERS: readonly Scenario[] = [
  {
    ...PATCHED,
    name: 'cni-masquerade-first',
    title: 'flanneld 0.20.1 started after a patched kube-proxy: its masquerade comes first',
    expect: STALE,
    cni: { kind: 'flannel', version: '0.20.1', started: 'after-kube-proxy' },
  },
  {
    ...PATCHED,
    name: 'cni-return-first',
    title: 'flanneld 0.20.2 in the same place returns packets that carry the mark 0x4000',
    expect: NOT_REWRITTEN,
    cni: { kind: 'flannel', version: '0.20.2', started: 'after-kube-proxy' },
  },
  {
    ...PATCHED,
    name: 'stale-rules',
    title: 'the rule of before PR 92035 was left in front of the new ones',
    expect: STALE,
    kubeProxy: { ...KUBE_PROXY_AFTER_92035, postrouting: 'stale-rule-in-front' },
  },
  {
    ...PATCHED,
    name: 'nftables-unpatched',
    title: 'nftables mode as no release wrote it: masquerades, and keeps the mark',
    expect: STALE,
    kubeProxy: { ...KUBE_PROXY_BEFORE_92035, mode: 'nftables' },
  },
  {
    ...PATCHED,
    name: 'nftables-patched',
    title: 'kube-proxy 1.36 in nftables mode: takes the mark off as it masquerades',
    expect: NOT_REWRITTEN,
    kubeProxy: NFTABLES_PATCHED,
  },
  {
    ...PATCHED,
    name: 'nftables-cni-after',
    title:
      'flanneld 0.20.1 started after kube-proxy in nftables mode: registered last, it runs first',
    expect: STALE,
    kubeProxy: NFTABLES_PATCHED,
    cni: { kind: 'flannel', version: '0.20.1', started: 'after-kube-proxy' },
  },
  {
    ...PATCHED,
    name: 'nftables-cni-before',
    title: 'flanneld 0.20.1 started before kube-proxy in nftables mode: kube-proxy runs first',
    expect: NOT_REWRITTEN,
    kubeProxy: NFTABLES_PATCHED,
    cni: { kind: 'flannel', version: '0.20.1', started: 'before-kube-proxy' },
  },
  {
    ...WITH_CALICO,
    name: 'calico-masquerade-first',
    title: `Calico's own masquerade for ${CALICO_VXLAN.device} ahead of a patched kube-proxy's`,
    expect: STALE,
    cni: { kind: 'calico', chainInsertMode: 'Insert' },
  },
  {
    ...WITH_CALICO,
    name: 'calico-masquerade-behind',
    title: "the same behind kube-proxy's (calico PR 9091, or chainInsertMode Append)",
    expect: NOT_REWRITTEN,
    cni: { kind: 'calico', chainInsertMode: 'Append' },
  },
];
