/** What a request asks for (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris). */
import { RESOURCES, type Resource } from './objects.js';

export interface Asked {
  /** RBAC's word: get, list, watch, create, delete. */
  readonly verb: string;
  readonly resource: Resource;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
  readonly query: URLSearchParams;
}

/** Undefined for a path that leads to no resource of ours. */
export function asked(method: string, { pathname, searchParams: query }: URL): Asked | undefined {
  const parts = pathname.split('/').slice(1).map(decodeURIComponent);
  const [group, rest] =
    parts[0] === 'api' ? ['', parts.slice(2)] : [parts[1] ?? '', parts.slice(3)];
  const isScoped = rest[0] === 'namespaces' && rest.length > 2;
  const [namespace, [plural, name, subresource]] = isScoped
    ? [rest[1], rest.slice(2)]
    : [undefined, rest];
  const resource = RESOURCES.find(each => each.group === group && each.plural === plural);
  if (resource === undefined) return undefined;
  const verb = verbOf(method, name, query);
  return { verb, resource, namespace, name, subresource, query };
}

function verbOf(method: string, name: string | undefined, query: URLSearchParams): string {
  switch (method) {
    case 'GET':
      if (['true', '1'].includes(query.get('watch') ?? '')) return 'watch';
      return name === undefined ? 'list' : 'get';
    case 'POST':
      return 'create';
    case 'DELETE':
      return name === undefined ? 'deletecollection' : 'delete';
    default:
      return method.toLowerCase();
  }
}
