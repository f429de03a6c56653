/**
 * Loads the rules of a scenario: every node of a cluster has them, not only the one that uses them. The
 * order is part of the scenario, since of base chains with equal priority the last registered runs first.
 */
import type { NetnsNode } from '../node/netns.js';
import { SNAPSHOT_FILES } from '../snapshot/read-folder.js';
import { apply } from './changes.js';
import { cniRules } from './cni.js';
import { kubeProxyRules } from './kube-proxy.js';
import { kubeProxyTables } from './kube-proxy-nftables.js';
import { CLUSTER_CIDR, LAB_NODES, NODE_A, type NodeLayout } from './layout.js';
import type { Scenario } from './scenario.js';
import { servicesOf } from './services.js';

/** A text and the program that loads it. */
interface Load {
  readonly command: 'iptables-restore' | 'ip6tables-restore' | 'nft';
  readonly input: string;
}

/** @throws StalesumError `missing-tool` if the kernel lacks what a rule needs. */
export async function loadRules(
  nodes: Readonly<Record<NodeLayout['name'], NetnsNode>>,
  scenario: Scenario,
): Promise<void> {
  await Promise.all(
    LAB_NODES.map(async node => {
      for (const { command, input } of loadsOf(scenario, node)) {
        const args = command === 'nft' ? ['-f', '-'] : ['--noflush'];
        await apply(nodes[node.name], { command, args, input }, scenario.name);
      }
    }),
  );
}

/**
 * The rule files of a node's snapshot in the order in which their tables were loaded, as `inspect
 * --order` wants it. Empty where one program wrote all rules, and nothing hangs on an order.
 */
export function loadOrder(scenario: Scenario): string[] {
  const { rulesBefore, nftRules } = SNAPSHOT_FILES;
  const commands = loadsOf(scenario, NODE_A).map(({ command }) => command);
  if (!commands.includes('nft') || !commands.includes('iptables-restore')) return [];
  return commands.map(command => (command === 'nft' ? nftRules : rulesBefore));
}

function loadsOf(scenario: Scenario, node: NodeLayout): Load[] {
  const { cni } = scenario;
  const kubeProxy = kubeProxyLoads(scenario);
  if (cni === undefined) return kubeProxy;
  const own: Load = { command: 'iptables-restore', input: cniRules(cni, node) };
  return cni.kind === 'flannel' && cni.started === 'before-kube-proxy'
    ? [own, ...kubeProxy]
    : [...kubeProxy, own];
}

/** A dual-stack kube-proxy runs once more for IPv6, where none of the services has an address. */
function kubeProxyLoads(scenario: Scenario): Load[] {
  const { kubeProxy, vxlan } = scenario;
  const families = vxlan.underlay === 'ipv6' ? (['ipv4', 'ipv6'] as const) : (['ipv4'] as const);
  return families.map(family => {
    const services = family === 'ipv4' ? servicesOf(scenario) : [];
    return kubeProxy.mode === 'nftables'
      ? {
          command: 'nft',
          input: kubeProxyTables(kubeProxy, services, CLUSTER_CIDR, family),
        }
      : {
          command: family === 'ipv4' ? 'iptables-restore' : 'ip6tables-restore',
          input: kubeProxyRules(kubeProxy, services, CLUSTER_CIDR, family),
        };
  });
}
