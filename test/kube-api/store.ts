/**
 * The objects, their versions, and what happened to them, so that a watch can begin where a list ended
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).
 */
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { ApiFault, notFound } from './fault.js';
import type { KubeObject, Resource } from './objects.js';

export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly resource: Resource;
  /** As it was then. */
  readonly object: KubeObject;
  readonly version: number;
}

export interface Place {
  readonly resource: Resource;
  readonly namespace?: string | undefined;
  readonly name: string;
}

export type Store = ReturnType<typeof createStore>;

export const now = () => new Date().toISOString().replace(/\.\d+/, '');

export function createStore() {
  const objects = new Map<string, { resource: Resource; object: KubeObject }>();
  const changes: Change[] = [];
  const events = new EventEmitter<{ change: [Change] }>().setMaxListeners(0);
  let version = 100;

  const keyOf = ({ resource, namespace, name }: Place) =>
    [resource.plural, resource.namespaced ? namespace : '', name].join('/');
  const placeOf = (resource: Resource, { metadata }: KubeObject) => ({ resource, ...metadata });

  function record(type: Change['type'], resource: Resource, object: KubeObject): void {
    version++;
    object.metadata.resourceVersion = String(version);
    const change = { type, resource, object: structuredClone(object), version };
    changes.push(change);
    events.emit('change', change);
  }

  return {
    events,
    version: () => version,
    since: (from: number) => changes.filter(change => change.version > from),

    /** Takes the object as it is; gives it what only the server gives. */
    add<T extends KubeObject>(resource: Resource, object: T): T {
      const { metadata } = object;
      const key = keyOf(placeOf(resource, object));
      if (objects.has(key)) {
        const [kind, name] = [resource.plural, metadata.name];
        const message = `${kind} "${name}" already exists`;
        throw new ApiFault(409, 'AlreadyExists', message, { name, kind });
      }
      metadata.uid = randomUUID();
      metadata.creationTimestamp = now();
      objects.set(key, { resource, object });
      record('ADDED', resource, object);
      return object;
    },

    /** The object itself, which may be changed where `update` is called after it. */
    get<T extends KubeObject>(place: Place): T {
      const found = objects.get(keyOf(place));
      if (found === undefined) throw notFound(place.resource.plural, place.name);
      return found.object as T;
    },

    has: (place: Place) => objects.has(keyOf(place)),

    list<T extends KubeObject>(wanted: Resource, namespace?: string): T[] {
      return [...objects.values()]
        .filter(({ resource }) => resource === wanted)
        .map(({ object }) => object as T)
        .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace);
    },

    /** Does nothing for an object that has gone meanwhile. */
    update(resource: Resource, object: KubeObject): void {
      if (objects.get(keyOf(placeOf(resource, object)))?.object !== object) return;
      record('MODIFIED', resource, object);
    },

    remove(resource: Resource, object: KubeObject): void {
      const key = keyOf(placeOf(resource, object));
      if (objects.get(key)?.object !== object) return;
      objects.delete(key);
      record('DELETED', resource, object);
    },
  };
}
