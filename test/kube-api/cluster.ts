/** The objects of a small cluster, each made from one that a real cluster answered (recorded/). */
import { readFileSync } from 'node:fs';
import {
  ENDPOINT_SLICES,
  type KubeObject,
  NAMESPACES,
  NODES,
  PODS,
  type Resource,
  SERVICES,
} from './objects.js';

interface Port {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: 'TCP' | 'UDP';
}

type Labels = Readonly<Record<string, string>>;

/** Without a namespace, things are in `default`. */
export interface ClusterDescription {
  readonly nodes: readonly {
    readonly name: string;
    readonly ip: string;
    readonly podCIDR?: string;
    readonly labels?: Labels;
    /** Flannel's and the like; the recorded node's would name other addresses. */
    readonly annotations?: Labels;
  }[];
  readonly services?: readonly {
    readonly name: string;
    readonly namespace?: string;
    /** `None` for a headless one. */
    readonly clusterIP: string;
    readonly type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
    readonly ports: readonly (Port & {
      readonly targetPort?: number | string;
      nodePort?: number;
    })[];
    readonly selector?: Labels;
  }[];
  readonly endpointSlices?: readonly {
    readonly service: string;
    readonly namespace?: string;
    readonly endpoints: readonly {
      readonly ip: string;
      readonly node?: string;
      readonly pod?: string;
      readonly ready?: boolean;
    }[];
    readonly ports: readonly Port[];
  }[];
  /** Running ones; of a pod in the host's network `ip` is its node's. */
  readonly pods?: readonly {
    readonly name: string;
    readonly namespace?: string;
    readonly node: string;
    readonly ip: string;
    readonly hostNetwork?: boolean;
    readonly labels?: Labels;
  }[];
}

export interface Placed {
  readonly resource: Resource;
  readonly object: KubeObject;
}

export function cluster(description: ClusterDescription): Placed[] {
  const { nodes, services = [], endpointSlices = [], pods = [] } = description;
  const named = [...services, ...endpointSlices, ...pods].map(
    ({ namespace = 'default' }) => namespace,
  );
  const namespaces = new Set(['default', 'kube-system', ...named]);
  return [
    ...[...namespaces].map(name => placed(NAMESPACES, namespace(name))),
    ...nodes.map(each => placed(NODES, node(each))),
    ...services.map(each => placed(SERVICES, service(each))),
    ...endpointSlices.map(each => placed(ENDPOINT_SLICES, slice(each))),
    ...pods.map(each => placed(PODS, pod(each, nodes))),
  ];
}

type Each<Key extends keyof ClusterDescription> = NonNullable<ClusterDescription[Key]>[number];

const placed = (resource: Resource, object: object): Placed => ({
  resource,
  object: object as KubeObject,
});

/** One that a real cluster answered. */
export function recorded(kind: 'namespace' | 'node' | 'service' | 'endpointslice' | 'pod') {
  const file = new URL(`recorded/${kind}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8'));
}

function namespace(name: string) {
  const labels = { 'kubernetes.io/metadata.name': name };
  return { ...recorded('namespace'), metadata: { name, labels } };
}

function node({ name, ip, podCIDR, labels = {}, annotations = {} }: Each<'nodes'>) {
  const { metadata, status } = recorded('node');
  const own = { ...metadata.labels, 'kubernetes.io/hostname': name, ...labels };
  const addresses = [
    { type: 'InternalIP', address: ip },
    { type: 'Hostname', address: name },
  ];
  return {
    metadata: { name, labels: own, annotations },
    spec: podCIDR === undefined ? {} : { podCIDR, podCIDRs: [podCIDR] },
    status: { ...status, addresses },
  };
}

const inNamespace = ({ name, namespace = 'default' }: { name: string; namespace?: string }) => ({
  name,
  namespace,
});

function service({ clusterIP, type = 'ClusterIP', ports, selector, ...names }: Each<'services'>) {
  const { spec, status } = recorded('service');
  const own = ports.map(port => ({ protocol: 'TCP', targetPort: port.port, ...port }));
  return {
    metadata: inNamespace(names),
    spec: {
      ...{ ...spec, clusterIP, clusterIPs: [clusterIP], type, ports: own },
      ...(selector && { selector }),
    },
    status,
  };
}

function slice({ service: of, namespace, endpoints, ports }: Each<'endpointSlices'>) {
  const names = inNamespace({ name: `${of}-x7k2p`, ...(namespace && { namespace }) });
  return {
    metadata: { ...names, labels: { 'kubernetes.io/service-name': of } },
    addressType: 'IPv4',
    endpoints: endpoints.map(({ ip, node: nodeName, pod: target, ready = true }) => ({
      addresses: [ip],
      conditions: { ready, serving: ready, terminating: false },
      ...(nodeName && { nodeName }),
      ...(target && { targetRef: { kind: 'Pod', namespace: names.namespace, name: target } }),
    })),
    ports: ports.map(port => ({ name: '', protocol: 'TCP', ...port })),
  };
}

function pod(
  { node: nodeName, ip, hostNetwork, labels = {}, ...names }: Each<'pods'>,
  nodes: ClusterDescription['nodes'],
) {
  const { spec, status } = recorded('pod');
  const hostIP = nodes.find(({ name }) => name === nodeName)?.ip;
  return {
    metadata: { ...inNamespace(names), labels },
    spec: { ...spec, nodeName, ...(hostNetwork && { hostNetwork }) },
    status: { ...status, hostIP, podIP: ip, podIPs: [{ ip }] },
  };
}
