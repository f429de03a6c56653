/**
 * The pod through which a node of a cluster is reached: privileged, in the node's network and process
 * namespaces, made by us and removed by us.
 */
import type { Kubectl } from '../kubernetes/client.js';
import { type HeldObjects, holdObjects, LABELS, uniqueName } from '../kubernetes/held-objects.js';

export interface PodRequest {
  /** Name of the cluster's node. */
  readonly node: string;
  readonly image: string;
  /** `undefined`: that of the context. */
  readonly namespace: string | undefined;
  /** After which the kubelet ends it, whatever has become of us. */
  readonly deadlineSeconds: number;
}

export const CONTAINER = 'node';

/** What the API server is asked to make. Nothing of it needs the image to have more than `sleep`. */
export function podManifest(name: string, request: PodRequest): unknown {
  const { node, image, namespace, deadlineSeconds } = request;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...(namespace !== undefined && { namespace }), labels: LABELS },
    spec: {
      // Past the scheduler, and whatever keeps others away.
      nodeName: node,
      tolerations: [{ operator: 'Exists' }],
      hostNetwork: true,
      hostPID: true,
      restartPolicy: 'Never',
      activeDeadlineSeconds: deadlineSeconds,
      // It has nothing to save: with 0 it is gone at once, also where the node does not answer any more.
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      containers: [
        {
          name: CONTAINER,
          image,
          imagePullPolicy: 'IfNotPresent',
          command: ['sleep', String(deadlineSeconds)],
          securityContext: { privileged: true },
          resources: { requests: { cpu: '10m', memory: '32Mi' } },
        },
      ],
    },
  };
}

/**
 * Makes the pod, and holds it.
 *
 * @throws StalesumError `not-permitted`, `unavailable`
 */
export function holdPod(client: Kubectl, request: PodRequest): Promise<HeldObjects> {
  const name = uniqueName('stalesum');
  return holdObjects(client, {
    ...{ name, kinds: 'pod', namespace: request.namespace },
    manifest: podManifest(name, request),
    purpose: `the pod for ${request.node}`,
    deadlineSeconds: request.deadlineSeconds,
  });
}
