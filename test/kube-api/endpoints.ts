/**
 * The endpoint slice controller: a service with a selector gets a slice of the pods that it selects
 * (https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/). One that a test makes by hand takes
 * its place.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  ENDPOINT_SLICES,
  type KubeObject,
  PODS,
  type Pod,
  type Resource,
  SERVICES,
} from './objects.js';
import type { Store } from './store.js';

interface Service extends KubeObject {
  readonly spec: {
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports: readonly { name?: string; protocol?: string; targetPort?: number | string }[];
  };
}

interface Slice extends KubeObject {
  readonly addressType: 'IPv4';
  endpoints: readonly object[];
  readonly ports: readonly object[];
}

const FOLLOWED: readonly Resource[] = [PODS, SERVICES, ENDPOINT_SLICES];
const MANAGER = 'endpointslice-controller.k8s.io';

export function keepEndpoints(store: Store): void {
  // After the change was told to all, so that a watch has it before what follows from it.
  store.events.on('change', ({ resource }) => {
    if (FOLLOWED.includes(resource)) setImmediate(() => synchronize(store));
  });
}

function synchronize(store: Store): void {
  const slices = store.list<Slice>(ENDPOINT_SLICES);
  const of =
    ({ metadata }: KubeObject) =>
    (slice: Slice) =>
      slice.metadata.namespace === metadata.namespace &&
      slice.metadata.labels?.['kubernetes.io/service-name'] === metadata.name;
  const byHand = slices.filter(slice => !isOurs(slice));
  const services = store
    .list<Service>(SERVICES)
    .filter(service => service.spec.selector !== undefined && !byHand.some(of(service)));
  for (const service of services) {
    const existing = slices.find(of(service));
    const wanted = sliceOf(service, store.list<Pod>(PODS, service.metadata.namespace));
    if (existing === undefined) store.add(ENDPOINT_SLICES, wanted);
    else if (!isDeepStrictEqual(existing.endpoints, wanted.endpoints)) {
      existing.endpoints = wanted.endpoints;
      store.update(ENDPOINT_SLICES, existing);
    }
  }
  for (const slice of slices.filter(isOurs)) {
    if (!services.some(service => of(service)(slice))) store.remove(ENDPOINT_SLICES, slice);
  }
}

const isOurs = ({ metadata }: Slice) =>
  metadata.labels?.['endpointslice.kubernetes.io/managed-by'] === MANAGER;

function sliceOf({ metadata, spec }: Service, pods: readonly Pod[]): Slice {
  const { name, namespace = 'default' } = metadata;
  const labels = {
    'endpointslice.kubernetes.io/managed-by': MANAGER,
    'kubernetes.io/service-name': name,
  };
  const selected = pods.filter(
    pod =>
      pod.status.podIP !== undefined &&
      Object.entries(spec.selector ?? {}).every(
        ([key, value]) => pod.metadata.labels?.[key] === value,
      ),
  );
  const ports = spec.ports.map(({ name: of = '', protocol = 'TCP', targetPort }) => ({
    ...{ name: of, protocol, port: targetPort },
  }));
  const given = { uid: '', resourceVersion: '', creationTimestamp: '' };
  return {
    metadata: { name: `${name}-k5j2z`, namespace, labels, ...given },
    ...{ addressType: 'IPv4', endpoints: selected.map(endpointOf), ports },
  };
}

function endpointOf({ metadata, spec, status }: Pod): object {
  const { name, namespace, uid, deletionTimestamp } = metadata;
  const conditions = status.conditions as readonly { type: string; status: string }[];
  const serving = conditions.some(each => each.type === 'Ready' && each.status === 'True');
  const terminating = deletionTimestamp !== undefined;
  return {
    addresses: [status.podIP],
    conditions: { ready: serving && !terminating, serving, terminating },
    nodeName: spec.nodeName,
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}
