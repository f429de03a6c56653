/** Nodes, services, endpoint slices and pods, as far as they matter here, from the API's JSON. */
import { at, listAt, numberAt, textAt, textsAt } from './json.js';

export interface ClusterNode {
  readonly name: string;
  readonly isReady: boolean;
  /** Why it is not, in the kubelet's or the node controller's words. */
  readonly message: string;
  /** `linux`; `undefined` where it does not say. */
  readonly system: string | undefined;
  readonly addresses: readonly string[];
}

export interface ServicePort {
  readonly name: string | undefined;
  readonly port: number;
  /** `TCP`, `UDP`, `SCTP`. */
  readonly protocol: string;
}

export interface Service {
  /** `ClusterIP`, `NodePort`, `LoadBalancer`, `ExternalName`. */
  readonly type: string;
  /** The first one counts; empty for a headless service. */
  readonly clusterAddresses: readonly string[];
  readonly ports: readonly ServicePort[];
  readonly externalName: string | undefined;
  /** All connections of a client go to one endpoint. */
  readonly hasAffinity: boolean;
  /** It never leaves the node (`internalTrafficPolicy: Local`). */
  readonly staysOnNode: boolean;
}

/** One endpoint of a service, at one of its ports. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
  /** As in the service. */
  readonly portName: string | undefined;
  readonly protocol: string;
  readonly node: string | undefined;
}

export interface Pod {
  readonly phase: string;
  readonly node: string | undefined;
  readonly addresses: readonly string[];
  readonly isOnHostNetwork: boolean;
  readonly ports: readonly ServicePort[];
}

export function readNode(item: unknown): ClusterNode | undefined {
  const name = textAt(item, 'metadata', 'name');
  if (name === undefined) return undefined;
  const ready = listAt(item, 'status', 'conditions').find(
    condition => textAt(condition, 'type') === 'Ready',
  );
  return {
    name,
    isReady: textAt(ready, 'status') === 'True',
    message: textAt(ready, 'message') ?? textAt(ready, 'reason') ?? 'it does not say why',
    system: textAt(item, 'status', 'nodeInfo', 'operatingSystem'),
    addresses: listAt(item, 'status', 'addresses').flatMap(each => textAt(each, 'address') ?? []),
  };
}

export function readService(item: unknown): Service {
  const addresses = textsAt(item, 'spec', 'clusterIPs');
  // Kubernetes before 1.20 has the one.
  const known = addresses.length > 0 ? addresses : [textAt(item, 'spec', 'clusterIP') ?? 'None'];
  return {
    type: textAt(item, 'spec', 'type') ?? 'ClusterIP',
    clusterAddresses: known.filter(address => address !== 'None' && address !== ''),
    ports: listAt(item, 'spec', 'ports').flatMap(port => readPort(port, 'port')),
    externalName: textAt(item, 'spec', 'externalName'),
    hasAffinity: textAt(item, 'spec', 'sessionAffinity') === 'ClientIP',
    staysOnNode: textAt(item, 'spec', 'internalTrafficPolicy') === 'Local',
  };
}

/** @param key what the number is called there */
function readPort(port: unknown, key: 'port' | 'containerPort'): readonly ServicePort[] {
  const number = numberAt(port, key);
  if (number === undefined) return [];
  const protocol = textAt(port, 'protocol') ?? 'TCP';
  return [{ name: textAt(port, 'name') || undefined, port: number, protocol }];
}

/** The endpoints of a list of slices that may be connected to. No word about `ready` means ready. */
export function readEndpoints(list: unknown): readonly Endpoint[] {
  return listAt(list, 'items').flatMap(slice => {
    const ports = listAt(slice, 'ports').flatMap(port => readPort(port, 'port'));
    return listAt(slice, 'endpoints')
      .filter(endpoint => at(endpoint, 'conditions', 'ready') !== false)
      .flatMap(endpoint => {
        // The addresses of one endpoint are fungible: the first stands for it (API reference).
        const [address] = textsAt(endpoint, 'addresses');
        if (address === undefined || textAt(slice, 'addressType') === 'FQDN') return [];
        const node =
          textAt(endpoint, 'nodeName') ?? textAt(endpoint, 'topology', 'kubernetes.io/hostname');
        return ports.map(({ name: portName, port, protocol }) => ({
          ...{ address, port, portName, protocol, node },
        }));
      });
  });
}

export function readPod(item: unknown): Pod {
  const addresses = listAt(item, 'status', 'podIPs').flatMap(each => textAt(each, 'ip') ?? []);
  const single = textAt(item, 'status', 'podIP');
  return {
    phase: textAt(item, 'status', 'phase') ?? 'Unknown',
    node: textAt(item, 'spec', 'nodeName'),
    addresses: addresses.length > 0 || single === undefined ? addresses : [single],
    isOnHostNetwork: at(item, 'spec', 'hostNetwork') === true,
    ports: listAt(item, 'spec', 'containers').flatMap(container =>
      listAt(container, 'ports').flatMap(port => readPort(port, 'containerPort')),
    ),
  };
}
