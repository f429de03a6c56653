/** The objects of the API as far as the tests look into them; the recorded ones in recorded/ have more fields. */
export interface Metadata {
  name: string;
  readonly namespace?: string;
  readonly generateName?: string;
  uid: string;
  resourceVersion: string;
  creationTimestamp: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
}

/** Without kind and apiVersion, as the items of a list are. */
export interface KubeObject {
  metadata: Metadata;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext?: { readonly privileged?: boolean };
}

export interface Pod extends KubeObject {
  readonly spec: {
    nodeName?: string;
    readonly nodeSelector?: Readonly<Record<string, string>>;
    readonly containers: readonly Container[];
    readonly hostNetwork?: boolean;
    readonly hostPID?: boolean;
    readonly restartPolicy?: 'Always' | 'OnFailure' | 'Never';
    readonly terminationGracePeriodSeconds?: number;
    readonly activeDeadlineSeconds?: number;
  };
  status: PodStatus;
}

export interface PodStatus {
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
  readonly [field: string]: unknown;
}

export interface Node extends KubeObject {
  readonly status: {
    readonly addresses: readonly { readonly type: string; address: string }[];
    conditions: readonly object[];
  };
}

/** One kind of object, and where it is found: `/api/v1/...` or `/apis/GROUP/v1/...`. */
export interface Resource {
  readonly group: '' | 'discovery.k8s.io';
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly shortNames?: readonly string[];
}

const core = (plural: string, kind: string, namespaced: boolean, ...shortNames: string[]) =>
  ({ group: '', plural, kind, namespaced, shortNames }) satisfies Resource;

export const PODS: Resource = core('pods', 'Pod', true, 'po');
export const SERVICES: Resource = core('services', 'Service', true, 'svc');
export const NODES: Resource = core('nodes', 'Node', false, 'no');
export const NAMESPACES: Resource = core('namespaces', 'Namespace', false, 'ns');
export const ENDPOINT_SLICES: Resource = {
  ...{ group: 'discovery.k8s.io', plural: 'endpointslices', kind: 'EndpointSlice' },
  namespaced: true,
};
export const RESOURCES = [PODS, SERVICES, NODES, NAMESPACES, ENDPOINT_SLICES] as const;

export const apiVersionOf = ({ group }: Resource) => (group === '' ? 'v1' : `${group}/v1`);
