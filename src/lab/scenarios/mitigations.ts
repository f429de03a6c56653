/** What was done about the bug, and what it does really: the rules stay those of before PR 92035. */
import { LAB_NODES, VXLAN } from '../layout.js';
import type { LabChange, Scenario } from '../scenario.js';
import {
  HARMLESS,
  KUBE_PROXY_BEFORE_92035,
  NOT_REWRITTEN,
  PATCHED,
  STALE,
  UNPATCHED,
} from './clusters.js';

/** The inner checksum is then finished before the tunnel, and nothing is pending when NAT comes. */
const VXLAN_TX_OFFLOAD_OFF: LabChange = {
  node: 'node-a',
  command: 'ethtool',
  args: ['-K', VXLAN.device, 'tx-checksum-ip-generic', 'off'],
};

/** The seed article's line, on both nodes. */
const NIC_OFFLOAD_OFF: readonly LabChange[] = LAB_NODES.map(({ name }) => ({
  node: name,
  command: 'ethtool',
  args: ['--offload', 'eth0', 'rx', 'off', 'tx', 'off'],
}));

/** Untracked packets pass no nat table: no second SNAT. */
const NOTRACK: readonly LabChange[] = LAB_NODES.map(({ name }) => ({
  node: name,
  command: 'iptables-restore',
  args: ['--noflush'],
  input: [
    '*raw',
    `-A PREROUTING -p udp -m udp --dport ${VXLAN.port} -j NOTRACK`,
    `-A OUTPUT -p udp -m udp --dport ${VXLAN.port} -j NOTRACK`,
    'COMMIT\n',
  ].join('\n'),
}));

export const MITIGATIONS: readonly Scenario[] = [
  {
    ...PATCHED,
    name: 'kube-proxy-patched',
    title: 'kube-proxy rules with PR 92035, VXLAN device with udpcsum: the cure',
    expect: NOT_REWRITTEN,
  },
  {
    ...UNPATCHED,
    name: 'no-random-fully',
    title: 'masquerade without --random-fully: the second SNAT keeps the port',
    expect: NOT_REWRITTEN,
    kubeProxy: { ...KUBE_PROXY_BEFORE_92035, randomFully: false },
  },
  {
    ...UNPATCHED,
    name: 'vxlan-tx-offload-off',
    title: 'tx-checksum-ip-generic off on the VXLAN device: rewritten, and the checksum mended',
    expect: HARMLESS,
    changes: [VXLAN_TX_OFFLOAD_OFF],
  },
  {
    ...UNPATCHED,
    name: 'nic-offload-off',
    title: 'ethtool --offload eth0 rx off tx off, on both nodes: TCP is still broken',
    expect: STALE,
    // For UDP the device of the first route, the NIC, decides whether the inner checksum is finished.
    expectOverUdp: HARMLESS,
    changes: NIC_OFFLOAD_OFF,
  },
  {
    ...UNPATCHED,
    name: 'notrack',
    title: 'NOTRACK for the tunnel port: no second SNAT',
    // No conntrack entry of the tunnel, so only counters and a tap can show that there was none.
    expect: NOT_REWRITTEN,
    changes: NOTRACK,
  },
  {
    ...UNPATCHED,
    name: 'pod-ip-direct',
    title: "the pod's own address instead of the service's: not marked, so no SNAT at all",
    expect: NOT_REWRITTEN,
    target: 'pod',
  },
];
