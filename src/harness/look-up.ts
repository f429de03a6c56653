/** What a service or a pod is, as the cluster's API has it: where to connect to, and who answers. */
import { StalesumError } from '../errors.js';
import { getJson, type Kubectl } from '../kubernetes/client.js';
import {
  type Endpoint,
  readEndpoints,
  readPod,
  readService,
  type Service,
  type ServicePort,
} from '../kubernetes/objects.js';
import { type ObjectTarget, objectText } from './target.js';

export type Protocol = 'tcp' | 'udp';

export interface ServingEndpoint {
  readonly address: string;
  readonly port: number;
  /** Name of the cluster's node that it is on. */
  readonly node: string;
}

/** A target as it is in the cluster. */
export interface Found {
  /** As the user wrote it. */
  readonly text: string;
  /** What to connect to; `undefined`: an endpoint itself, since there is nothing before it. */
  readonly front: { readonly address: string; readonly port: number } | undefined;
  readonly protocol: Protocol;
  readonly endpoints: readonly [ServingEndpoint, ...ServingEndpoint[]];
  /** One line each. */
  readonly notes: readonly string[];
}

/**
 * Looks a service or a pod up.
 *
 * @param protocol the user's; else the port decides, and TCP where both are there
 * @throws StalesumError `usage` for what cannot be a target, `unavailable`, `not-permitted`
 */
export async function lookUp(
  client: Kubectl,
  target: ObjectTarget,
  protocol: Protocol | undefined,
): Promise<Found> {
  return target.kind === 'pod'
    ? lookUpPod(client, target, protocol)
    : lookUpService(client, target, protocol);
}

function refused(target: ObjectTarget, why: string, remedy?: string): StalesumError {
  return new StalesumError('usage', `${objectText(target)}: ${why}`, remedy);
}

async function lookUpService(
  client: Kubectl,
  target: ObjectTarget,
  asked: Protocol | undefined,
): Promise<Found> {
  const there = `--namespace=${target.namespace}`;
  const [service, slices] = await Promise.all([
    getJson(client, ['services', target.name, there]),
    getJson(client, [
      'endpointslices.discovery.k8s.io',
      there,
      `--selector=kubernetes.io/service-name=${target.name}`,
    ]),
  ]);
  if (service === undefined) throw refused(target, 'there is no such service');
  return serviceAsFound(target, readService(service), readEndpoints(slices), asked);
}

/** @throws StalesumError `usage` */
export function serviceAsFound(
  target: ObjectTarget,
  service: Service,
  all: readonly Endpoint[],
  asked: Protocol | undefined,
): Found {
  if (service.type === 'ExternalName') {
    const why = `it is the name ${service.externalName ?? ''} of something else (ExternalName), with no endpoint in the cluster`;
    throw refused(target, why);
  }
  if (service.staysOnNode) {
    throw refused(target, 'it never leads to another node (internalTrafficPolicy: Local)');
  }
  const { port, protocol } = choosePort(target, service.ports, asked);
  const [address] = service.clusterAddresses;
  const endpoints = all
    .filter(each => each.portName === port.name && each.protocol === port.protocol)
    .filter(each => address === undefined || isIpv6(each.address) === isIpv6(address));
  const [first, ...others] = onNodes(endpoints);
  if (!first) {
    const why =
      endpoints.length > 0
        ? 'none of its endpoints is on a node'
        : 'it has no endpoint that is ready';
    throw refused(target, why);
  }
  const notes = service.hasAffinity
    ? [`${objectText(target)}: session affinity leads all connections to one endpoint`]
    : [];
  return {
    text: objectText(target),
    front: address === undefined ? undefined : { address, port: port.port },
    protocol,
    endpoints: [first, ...others],
    notes,
  };
}

function onNodes(endpoints: readonly Endpoint[]): readonly ServingEndpoint[] {
  return endpoints.flatMap(({ address, port, node }) =>
    node === undefined ? [] : [{ address, port, node }],
  );
}

function isIpv6(address: string): boolean {
  return address.includes(':');
}

const PROTOCOLS: ReadonlyMap<string, Protocol> = new Map([
  ['TCP', 'tcp'],
  ['UDP', 'udp'],
]);

/** The port with that name or number; kube-dns has 53 twice. */
function choosePort(
  target: ObjectTarget,
  ports: readonly ServicePort[],
  asked: Protocol | undefined,
): { readonly port: ServicePort; readonly protocol: Protocol } {
  const fitting = ports.flatMap(port => {
    const protocol = PROTOCOLS.get(port.protocol);
    const isIt = target.port === port.port || target.port === port.name;
    return isIt && protocol ? [{ port, protocol }] : [];
  });
  const wanted = asked ?? (fitting.some(({ protocol }) => protocol === 'tcp') ? 'tcp' : 'udp');
  const chosen = fitting.find(({ protocol }) => protocol === wanted);
  if (chosen) return chosen;
  const names = ports.map(({ name, port, protocol }) => {
    const number = `${port}/${protocol.toLowerCase()}`;
    return name === undefined ? number : `${name} (${number})`;
  });
  const what = `${target.port}${asked === undefined ? '' : `/${asked}`}`;
  throw refused(target, `it has no port ${what}; it has ${names.join(', ') || 'none'}`);
}

async function lookUpPod(
  client: Kubectl,
  target: ObjectTarget,
  asked: Protocol | undefined,
): Promise<Found> {
  const found = await getJson(client, ['pods', target.name, `--namespace=${target.namespace}`]);
  if (found === undefined) throw refused(target, 'there is no such pod');
  const pod = readPod(found);
  const [address] = pod.addresses;
  if (pod.phase !== 'Running' || pod.node === undefined || address === undefined) {
    throw refused(target, `it does not run: its phase is ${pod.phase}`);
  }
  if (pod.isOnHostNetwork) {
    const why = `it is in the network of its node (${address}), which no tunnel leads to`;
    throw refused(target, why, 'a pod with an address of its own is needed');
  }
  // A pod need not name the ports that it listens on.
  const isNamed = pod.ports.some(({ name, port }) => target.port === name || target.port === port);
  const { port, protocol } =
    typeof target.port === 'string' || isNamed
      ? choosePort(target, pod.ports, asked)
      : { port: { port: target.port }, protocol: asked ?? 'tcp' };
  return {
    text: objectText(target),
    front: undefined,
    protocol,
    endpoints: [{ address, port: port.port, node: pod.node }],
    notes: [],
  };
}
