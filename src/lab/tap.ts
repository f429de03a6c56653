/**
 * The tap in front of NAT: netfilter logs each tunnel datagram of a node as mangle POSTROUTING sees
 * it, before nat POSTROUTING (priority -150 and 100) may rewrite it. `tcpdump -i nflog:5` reads it.
 */
import type { Node } from '../node/node.js';
import type { Scenario } from './scenario.js';

/** The netlink group that the packets are sent to. */
export const TAP_GROUP = 5;

/** What a capture is started on, in the node's namespace. */
export const TAP_INTERFACE = `nflog:${TAP_GROUP}`;

/** Puts the tap in. NFLOG changes nothing of the packet, its mark included. */
export async function tapBeforeNat(node: Node, { vxlan }: Scenario): Promise<void> {
  const iptables = vxlan.underlay === 'ipv6' ? 'ip6tables' : 'iptables';
  const datagrams = ['-p', 'udp', '-m', 'udp', '--dport', String(vxlan.tunnel.port)];
  // Without a size it is the whole packet; with the threshold 1 none waits for another.
  const log = ['-j', 'NFLOG', '--nflog-group', String(TAP_GROUP), '--nflog-threshold', '1'];
  await node.run(iptables, ['-t', 'mangle', '-A', 'POSTROUTING', ...datagrams, ...log]);
}
