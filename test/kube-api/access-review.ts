/**
 * `kubectl auth can-i`: a SelfSubjectAccessReview in JSON, or from 1.32 on in Kubernetes' protobuf
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding).
 */
import type { Attributes, Authorizer } from './authorization.js';
import { fieldsOf } from './protobuf.js';

interface Review {
  readonly spec: { readonly resourceAttributes?: Partial<Attributes> & { subresource?: string } };
}

const MAGIC = Buffer.from('k8s\0');

export function reviewed(body: Buffer, authorize: Authorizer): object {
  const sent = body.subarray(0, 4).equals(MAGIC) ? decoded(body) : JSON.parse(body.toString());
  const { resourceAttributes = {} } = (sent as Review).spec;
  const { verb = '', group = '', resource = '', subresource, namespace, name } = resourceAttributes;
  const plural = subresource ? `${resource}/${subresource}` : resource;
  const allowed = authorize({ verb, group, resource: plural, namespace, name });
  const kind = { kind: 'SelfSubjectAccessReview', apiVersion: 'authorization.k8s.io/v1' };
  return { ...kind, metadata: {}, spec: { resourceAttributes }, status: { allowed } };
}

/** k8s.io/api/authorization/v1/generated.proto, inside runtime.Unknown. */
function decoded(body: Buffer): Review {
  const review = fieldsOf(fieldsOf(body.subarray(4)).get(2));
  const fields = fieldsOf(fieldsOf(review.get(2)).get(1));
  const names = ['namespace', 'verb', 'group', 'version', 'resource', 'subresource', 'name'];
  const entries = names.map((name, index) => [
    name,
    fields.get(index + 1)?.toString() || undefined,
  ]);
  return { spec: { resourceAttributes: Object.fromEntries(entries) } };
}
