/**
 * What CNIs put into nat POSTROUTING, for iptables-restore --noflush. Both masquerade what the node
 * itself sends into the tunnel, which kube-proxy's rule does as well: whose rule comes first decides
 * whether the packet leaves with kube-proxy's mark.
 */
import { CALICO_VXLAN, CLUSTER_CIDR, type NodeLayout } from './layout.js';

export type Cni =
  | {
      readonly kind: 'flannel';
      /** 0.20.1 is the one of issue 1679; 0.20.2 returns packets that carry the mark 0x4000. */
      readonly version: '0.20.1' | '0.20.2';
      readonly started: 'before-kube-proxy' | 'after-kube-proxy';
    }
  | {
      readonly kind: 'calico';
      /** Felix' setting of that name. Insert is its default; PR 9091 appends, in nat POSTROUTING alone. */
      readonly chainInsertMode: 'Insert' | 'Append';
    };

/** What the CNI writes on a node. */
export function cniRules(cni: Cni, node: NodeLayout): string {
  const lines = cni.kind === 'flannel' ? flannelRules(cni, node) : calicoRules(cni);
  return `${lines.join('\n')}\n`;
}

/**
 * As flanneld 0.20.1 and 0.20.2 were seen to write them (test/rules/rulesets). Started behind
 * kube-proxy, its jump stands in front of kube-proxy's; kube-proxy, too, puts its own in front.
 */
function flannelRules(
  { version }: Extract<Cni, { kind: 'flannel' }>,
  { podNetwork }: NodeLayout,
): string[] {
  const masquerade = '-m comment --comment "flanneld masq"';
  const forward = '-m comment --comment "flanneld forward"';
  const cluster = CLUSTER_CIDR;
  return [
    '*filter',
    ':FLANNEL-FWD - [0:0]',
    `-I FORWARD 1 ${forward} -j FLANNEL-FWD`,
    `-A FLANNEL-FWD -s ${cluster} ${forward} -j ACCEPT`,
    `-A FLANNEL-FWD -d ${cluster} ${forward} -j ACCEPT`,
    'COMMIT',
    '*nat',
    ':FLANNEL-POSTRTG - [0:0]',
    `-I POSTROUTING 1 ${masquerade} -j FLANNEL-POSTRTG`,
    ...(version === '0.20.2'
      ? [`-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 ${masquerade} -j RETURN`]
      : []),
    `-A FLANNEL-POSTRTG -s ${cluster} -d ${cluster} ${masquerade} -j RETURN`,
    `-A FLANNEL-POSTRTG -s ${cluster} ! -d 224.0.0.0/4 ${masquerade} -j MASQUERADE --random-fully`,
    `-A FLANNEL-POSTRTG ! -s ${cluster} -d ${podNetwork} ${masquerade} -j RETURN`,
    `-A FLANNEL-POSTRTG ! -s ${cluster} -d ${cluster} ${masquerade} -j MASQUERADE --random-fully`,
    'COMMIT',
  ];
}

/**
 * As Felix' StaticNATTableChains() renders them (felix/rules/static.go) and clusters have them saved,
 * hashes included. cali-nat-outgoing stays empty, as for a pool without natOutgoing: its one rule is for
 * what pods send out of the cluster. Felix writes --random-fully where iptables knows it.
 */
function calicoRules({ chainInsertMode }: Extract<Cni, { kind: 'calico' }>): string[] {
  const hash = (value: string) => `-m comment --comment "cali:${value}"`;
  const into = (chain: string) => (chainInsertMode === 'Insert' ? `-I ${chain} 1` : `-A ${chain}`);
  return [
    '*nat',
    ...['OUTPUT', 'POSTROUTING', 'PREROUTING'].map(name => `:cali-${name} - [0:0]`),
    ...['fip-dnat', 'fip-snat', 'nat-outgoing'].map(name => `:cali-${name} - [0:0]`),
    `${into('PREROUTING')} ${hash('6gwbT8clXdHdC1b1')} -j cali-PREROUTING`,
    `${into('OUTPUT')} ${hash('tVnHkvAo15HuiPy0')} -j cali-OUTPUT`,
    `${into('POSTROUTING')} ${hash('O3lYWMrLQYEMJtB5')} -j cali-POSTROUTING`,
    `-A cali-OUTPUT ${hash('GBTAv2p5CwevEyJm')} -j cali-fip-dnat`,
    `-A cali-POSTROUTING ${hash('Z-c7XtVd2Bq7s_hA')} -j cali-fip-snat`,
    `-A cali-POSTROUTING ${hash('nYKhEzDlr11Jccal')} -j cali-nat-outgoing`,
    `-A cali-POSTROUTING -o ${CALICO_VXLAN.device} ${hash('e9dnSgSVNmIcpVhP')}` +
      ' -m addrtype ! --src-type LOCAL --limit-iface-out -m addrtype --src-type LOCAL' +
      ' -j MASQUERADE --random-fully',
    `-A cali-PREROUTING ${hash('r6XmIziWUJsdOK6Z')} -j cali-fip-dnat`,
    'COMMIT',
  ];
}
