/** The pod's service, and the rules that lead to it on every node. */
import type { NetnsNode } from '../node/netns.js';
import { kubeProxyRules, type Service } from './kube-proxy.js';
import { CLUSTER_CIDR, type Endpoint, type Protocol, WEB, WEB_SERVICE } from './layout.js';
import type { Scenario } from './scenario.js';

/** What a run connects to. */
export interface RunTargets {
  readonly target: Endpoint;
  /** The pod's own address: a connection there has no need of NAT. */
  readonly control: Endpoint;
}

/** The scenario's targets, for its own protocol or for another one. */
export function targetsOf(scenario: Scenario, protocol: Protocol): RunTargets {
  const control = { address: WEB.address, port: WEB.ports[protocol] };
  return {
    control,
    target:
      scenario.target === 'pod'
        ? control
        : { address: WEB_SERVICE.address, port: WEB_SERVICE.ports[protocol] },
  };
}

/** Loads kube-proxy's rules: every node of a cluster has them, not only the one that uses them. */
export async function loadRules(nodes: readonly NetnsNode[], scenario: Scenario): Promise<void> {
  const { kubeProxy, vxlan } = scenario;
  const ipv4 = kubeProxyRules(kubeProxy, services(scenario), CLUSTER_CIDR, 'ipv4');
  // A dual-stack kube-proxy runs once more for IPv6, where none of the services has an address.
  const ipv6 =
    vxlan.underlay === 'ipv6' ? kubeProxyRules(kubeProxy, [], CLUSTER_CIDR, 'ipv6') : undefined;
  await Promise.all(
    nodes.flatMap(node => [
      node.run('iptables-restore', [], { input: ipv4 }),
      ...(ipv6 === undefined ? [] : [node.run('ip6tables-restore', [], { input: ipv6 })]),
    ]),
  );
}

/** A service of two ports; such ports have names. */
function services({ serviceAnswers }: Scenario): Service[] {
  const port = (name: string, protocol: Protocol, endpointPort: number): Service => ({
    name: `default/web:${name}`,
    protocol,
    clusterIp: { address: WEB_SERVICE.address, port: WEB_SERVICE.ports[protocol] },
    endpoint: { address: WEB.address, port: endpointPort },
  });
  return [
    port('dns', 'udp', serviceAnswers ? WEB.ports.udp : WEB.closedPort),
    port('http', 'tcp', serviceAnswers ? WEB.ports.tcp : WEB.closedPort),
  ];
}
