/**
 * What kubectl asks before it asks: groups, resources, version, and an OpenAPI that describes nothing, so
 * it checks no fields (https://kubernetes.io/docs/concepts/overview/kubernetes-api/).
 */
import { RESOURCES, type Resource } from './objects.js';
import { field } from './protobuf.js';

const VERBS = ['create', 'delete', 'get', 'list', 'watch'];
const SAR = { name: 'selfsubjectaccessreviews', kind: 'SelfSubjectAccessReview' };

const group = (name: string) => {
  const version = { groupVersion: `${name}/v1`, version: 'v1' };
  return { name, versions: [version], preferredVersion: version };
};

const resources = (groupVersion: string, list: readonly object[]) => ({
  ...{ kind: 'APIResourceList', apiVersion: 'v1', groupVersion },
  resources: list,
});

const described = ({ plural, kind, namespaced, shortNames }: Resource) => ({
  ...{ name: plural, singularName: kind.toLowerCase(), namespaced, kind, verbs: VERBS },
  ...(shortNames && { shortNames }),
});

const served = (wanted: string) => RESOURCES.filter(r => r.group === wanted).map(described);

const execs = { name: 'pods/exec', singularName: '', namespaced: true, kind: 'PodExecOptions' };
const reviews = { ...SAR, singularName: '', namespaced: false, verbs: ['create'] };

const DOCUMENTS: Readonly<Record<string, object>> = {
  '/api': { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] },
  '/apis': {
    ...{ kind: 'APIGroupList', apiVersion: 'v1' },
    groups: [group('authorization.k8s.io'), group('discovery.k8s.io')],
  },
  '/api/v1': resources('v1', [...served(''), { ...execs, verbs: ['create', 'get'] }]),
  '/apis/discovery.k8s.io/v1': resources('discovery.k8s.io/v1', served('discovery.k8s.io')),
  '/apis/authorization.k8s.io/v1': resources('authorization.k8s.io/v1', [reviews]),
  // One that has WebSocket for exec. (The recorded cluster's was 1.28.4.)
  '/version': {
    ...{ major: '1', minor: '32', gitVersion: 'v1.32.4', gitCommit: '', gitTreeState: 'archive' },
    ...{ buildDate: '1970-01-01T00:00:00Z', goVersion: 'go1.24.4', compiler: 'gc' },
    platform: 'linux/amd64',
  },
  '/openapi/v3': { paths: {} },
};

export const discovery = (path: string): object | undefined => DOCUMENTS[path];

/**
 * /openapi/v2 in protobuf, as kubectl asks for it: `swagger` (1), `info` (2: title, version), no paths (8). It
 * knows no kind, so an old kubectl checks no fields.
 */
export const OPENAPI_V2 = Buffer.concat([
  field(1, '2.0'),
  field(2, Buffer.concat([field(1, 'Kubernetes'), field(2, 'v1.32.4')])),
  field(8, ''),
]);
