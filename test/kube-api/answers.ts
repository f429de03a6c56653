/** get, list and watch (https://kubernetes.io/docs/reference/using-api/api-concepts/). */
import type { ServerResponse } from 'node:http';
import { apiVersionOf, type KubeObject, type Resource } from './objects.js';
import type { Asked } from './requests.js';
import { selecting } from './selectors.js';
import type { Change, Store } from './store.js';

export function answer(response: ServerResponse, code: number, body: object | string): void {
  const isText = typeof body === 'string';
  const bytes = Buffer.from(isText ? body : JSON.stringify(body));
  const type = isText ? 'text/plain' : 'application/json';
  response.writeHead(code, { 'Content-Type': type, 'Content-Length': bytes.length });
  response.end(bytes);
}

export const whole = (resource: Resource, object: KubeObject) => ({
  kind: resource.kind,
  apiVersion: apiVersionOf(resource),
  ...object,
});

export function listed(store: Store, { resource, namespace, query }: Asked): object {
  return {
    kind: `${resource.kind}List`,
    apiVersion: apiVersionOf(resource),
    metadata: { resourceVersion: String(store.version()) },
    items: store.list(resource, namespace).filter(selecting(query)),
  };
}

/** One event a line, from the version that was asked for, or else from what there is, until the client goes. */
export function watch(store: Store, wanted: Asked, response: ServerResponse): void {
  const { resource, namespace, name, query } = wanted;
  const selects = selecting(query);
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.flushHeaders();
  const tell = (change: Pick<Change, 'type' | 'resource' | 'object'>) => {
    const { metadata } = change.object;
    if (change.resource !== resource || !selects(change.object)) return;
    if (namespace !== undefined && metadata.namespace !== namespace) return;
    if (name !== undefined && metadata.name !== name) return;
    const object = whole(resource, change.object);
    response.write(`${JSON.stringify({ type: change.type, object })}\n`);
  };
  const from = Number(query.get('resourceVersion') ?? 0);
  const known = store.list(resource).map(object => ({ type: 'ADDED' as const, resource, object }));
  for (const change of from === 0 ? known : store.since(from)) tell(change);
  store.events.on('change', tell);
  const seconds = Number(query.get('timeoutSeconds') ?? 0);
  const timer = seconds > 0 ? setTimeout(() => response.end(), seconds * 1000) : undefined;
  response.once('close', () => {
    clearTimeout(timer);
    store.events.off('change', tell);
  });
}
