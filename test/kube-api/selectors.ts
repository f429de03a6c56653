/**
 * labelSelector and fieldSelector of a list or watch
 * (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#api), without `in (...)`.
 */
import { badRequest } from './fault.js';
import type { KubeObject } from './objects.js';

type Test = (object: KubeObject) => boolean;

export function selecting(query: URLSearchParams): Test {
  const labels = terms(query.get('labelSelector')).map(term =>
    test(term, (object, key) => object.metadata.labels?.[key]),
  );
  const fields = terms(query.get('fieldSelector')).map(term => test(term, field));
  return object => [...labels, ...fields].every(isSo => isSo(object));
}

const terms = (text: string | null) => (text === null || text === '' ? [] : text.split(','));

function test(term: string, read: (object: KubeObject, key: string) => unknown): Test {
  const match = /^(!?)([\w./-]+)(?:\s*(==?|!=)\s*([\w.-]*))?$/.exec(term.trim());
  if (match === null) throw badRequest(`unable to parse requirement: ${term}`);
  const [, absent, key = '', operator, value] = match;
  if (operator === undefined)
    return object => (read(object, key) === undefined) === (absent === '!');
  return object => (read(object, key) === value) === (operator !== '!=');
}

function field(object: KubeObject, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], object);
}
