/** create and delete (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-deletion). */
import { admitted, violation } from './admission.js';
import { whole } from './answers.js';
import { notFound } from './fault.js';
import type { Kubelet } from './kubelet.js';
import { type KubeObject, NAMESPACES, PODS, type Pod } from './objects.js';
import type { Asked } from './requests.js';
import { now, type Store } from './store.js';

export interface World {
  readonly store: Store;
  readonly kubelet: Kubelet;
  readonly faults: { readonly podSecurity: boolean };
}

/** What the client gets for an answer: the object as it is before anything happens to it. */
export function create(
  { store, kubelet, faults }: World,
  { resource, namespace }: Asked,
  sent: KubeObject,
): object {
  if (namespace !== undefined && !store.has({ resource: NAMESPACES, name: namespace })) {
    throw notFound('namespaces', namespace);
  }
  const object = admitted(resource, namespace, sent);
  const refusal = faults.podSecurity && resource === PODS ? violation(object as Pod) : undefined;
  if (refusal !== undefined) throw refusal;
  store.add(resource, object);
  const created = structuredClone(whole(resource, object));
  if (resource === PODS) void kubelet.start(object as Pod);
  return created;
}

/** A pod is there until its node has ended it; with a grace of 0 it is gone at once. */
export function remove({ store, kubelet }: World, asked: Asked, body: string): object {
  const { resource, namespace, name = '', query } = asked;
  const object = store.get<KubeObject>({ resource, namespace, name });
  if (resource !== PODS) {
    store.remove(resource, object);
    const details = { name, kind: resource.plural, uid: object.metadata.uid };
    return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
  }
  const pod = object as Pod;
  const { metadata, spec } = pod;
  const options: { readonly gracePeriodSeconds?: number } = body === '' ? {} : JSON.parse(body);
  const asks = options.gracePeriodSeconds ?? query.get('gracePeriodSeconds');
  const isPlaced = spec.nodeName !== undefined;
  const grace = isPlaced ? Number(asks ?? spec.terminationGracePeriodSeconds ?? 30) : 0;
  if (metadata.deletionTimestamp === undefined || grace === 0) {
    metadata.deletionTimestamp ??= now();
    metadata.deletionGracePeriodSeconds = grace;
    store.update(resource, pod);
    void kubelet.end(pod, grace);
  }
  return whole(resource, pod);
}
