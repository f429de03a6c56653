/** Who may do what, in the words of RBAC (https://kubernetes.io/docs/reference/access-authn-authz/rbac/). */
import { ApiFault } from './fault.js';

export interface Attributes {
  readonly verb: string;
  readonly group: string;
  /** With its subresource: `pods/exec`. */
  readonly resource: string;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

export type Authorizer = (attributes: Attributes) => boolean;

export const everything: Authorizer = () => true;
export const nothing: Authorizer = () => false;

/** A rule of a Role (then with the role's namespace) or of a ClusterRole. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly namespace?: string;
}

export const byRules =
  (rules: readonly Rule[]): Authorizer =>
  ({ verb, group, resource, namespace, name }) =>
    rules.some(
      rule =>
        has(rule.verbs, verb) &&
        has(rule.apiGroups, group) &&
        has(rule.resources, resource) &&
        (rule.resourceNames?.includes(name ?? '') ?? true) &&
        (rule.namespace === undefined || rule.namespace === namespace),
    );

const has = (list: readonly string[], wanted: string) =>
  list.includes('*') || list.includes(wanted);

export const USER = 'system:serviceaccount:default:tester';

export function forbidden({ verb, group, resource, namespace, name }: Attributes): ApiFault {
  const [kind = ''] = resource.split('/');
  const what = `${kind}${group === '' ? '' : `.${group}`}${name ? ` "${name}"` : ''}`;
  const where =
    namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const act = `cannot ${verb} resource "${resource}" in API group "${group}" ${where}`;
  const details = { ...(name && { name }), ...(group && { group }), kind };
  return new ApiFault(403, 'Forbidden', `${what} is forbidden: User "${USER}" ${act}`, details);
}
