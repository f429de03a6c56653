/** The pod's service, and what a run connects to. */
import type { Service } from './kube-proxy.js';
import { type Endpoint, type Protocol, WEB, WEB_SERVICE } from './layout.js';
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

/** A service of two ports; such ports have names. */
export function servicesOf({ serviceAnswers }: Scenario): Service[] {
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
