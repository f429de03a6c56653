/** What the API server of a real two-node cluster (Kubernetes 1.28.4) answered, in `api/`. */
import { readFileSync } from 'node:fs';

export function recorded(name: string): { items: unknown[] } {
  return JSON.parse(readFileSync(new URL(`api/${name}.json`, import.meta.url), 'utf8'));
}

export function item(list: string, name: string): unknown {
  return recorded(list).items.find(
    each => (each as { metadata: { name: string } }).metadata.name === name,
  );
}
