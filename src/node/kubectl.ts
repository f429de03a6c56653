/** Nodes of a cluster, reached by the user's kubectl through a pod of our own on them. */
import { messageOf, StalesumError } from '../errors.js';
import { clusterNode, type Kubectl, kubectl } from '../kubernetes/client.js';
import { kubectlFault } from '../kubernetes/faults.js';
import type { HeldObjects } from '../kubernetes/held-objects.js';
import { checkedImage, checkedNamespace } from '../kubernetes/names.js';
import { batched } from './batched.js';
import { CONTAINER, holdPod } from './kubectl-pod.js';
import { podJson, podState, startOf } from './kubectl-pod-state.js';
import { IMAGE_REMEDY, setUpTools, toolFolder, withTools } from './kubectl-tools.js';
import { limited } from './limited.js';
import type { OpenNode } from './node.js';
import { type Carrier, remoteNode } from './remote.js';

/** How a user's cluster is reached, and what our pods there are. */
export interface ClusterSettings {
  /** Of the kubectl configuration; else the current one. */
  readonly context?: string | undefined;
  /** For pods of ours; else that of the context. */
  readonly namespace?: string | undefined;
  readonly image?: string | undefined;
  /** What a pod gets to start. Default 60. */
  readonly startSeconds?: number | undefined;
  /** How long the pods are needed at most; then the kubelet ends them. Default 600. */
  readonly lifetimeSeconds?: number | undefined;
}

/**
 * The Kubernetes project's own image for tests of networks: a shell, nsenter, bash, curl, nc, dig, and
 * iproute2. It has no tcpdump, conntrack and iptables; those are the node's.
 */
export const DEFAULT_IMAGE = 'registry.k8s.io/e2e-test-images/agnhost:2.53';
const DEFAULT_LIFETIME_SECONDS = 600;

/** Each takes a process of kubectl, and a connection of the API server to the kubelet. */
const RUNS_AT_ONCE = 4;

/**
 * Reaches a node of the cluster.
 *
 * @param name Checked before (description.ts).
 * @param signal ends the wait for the pod; it is removed then
 * @throws StalesumError `unavailable` if there is no such node, or no pod can run there; `not-permitted`;
 *   `missing-tool` without kubectl; `usage`
 */
export async function openKubectl(
  name: string,
  settings: ClusterSettings = {},
  signal?: AbortSignal,
): Promise<OpenNode> {
  const image = checkedImage(settings.image ?? DEFAULT_IMAGE);
  const namespace =
    settings.namespace === undefined ? undefined : checkedNamespace(settings.namespace);
  const client = kubectl(settings.context);
  await checkNode(client, name);
  signal?.throwIfAborted();
  const deadlineSeconds = Math.ceil(settings.lifetimeSeconds ?? DEFAULT_LIFETIME_SECONDS);
  const pod = await holdPod(client, { node: name, image, namespace, deadlineSeconds });
  try {
    await startOf(client, pod, name, settings.startSeconds, signal);
    const inImage = remoteNode(carrier(client, pod, name, []));
    const { found, words } = await setUpTools(inImage, pod.name);
    const plain = remoteNode(carrier(client, pod, name, withTools(pod.name)));
    const node = batched(limited(plain, RUNS_AT_ONCE), toolFolder(pod.name));
    const made = `${name}: reached through the pod ${pod.name} in the namespace ${pod.namespace}`;
    const notes =
      found.length > 0
        ? []
        : [
            `${name}: its own tools cannot be used (${messageOf(words) || 'none found'}): those of ${image} are, and what is said of the distribution is the image's`,
          ];
    return { node, notes, made, close: () => pod.remove() };
  } catch (fault) {
    await pod.remove().catch(more => {
      throw withMore(fault, more);
    });
    throw fault;
  }
}

/** Both, in one: what is left over must be said whatever else is. */
function withMore(fault: unknown, more: unknown): StalesumError {
  const known = fault instanceof StalesumError ? fault : undefined;
  const text = `${messageOf(fault)}; ${messageOf(more)}`;
  return new StalesumError(known?.kind ?? 'internal', text, known?.remedy);
}

/** That the node is there and answers; where we may not ask, the pod will tell. */
async function checkNode(client: Kubectl, name: string): Promise<void> {
  const asked = await clusterNode(client, name).then(
    node => ({ node }),
    thrown => {
      if (thrown instanceof StalesumError && /forbidden/i.test(thrown.message)) return undefined;
      throw thrown;
    },
  );
  if (asked === undefined) return;
  const { node } = asked;
  if (node === undefined) {
    const remedy = `"${client.typed} get nodes" lists them`;
    throw new StalesumError('unavailable', `kubectl: the cluster has no node ${name}`, remedy);
  }
  if (node.system !== undefined && node.system !== 'linux') {
    throw new StalesumError('unavailable', `${name}: its system is ${node.system}, and not Linux`);
  }
  if (!node.isReady) {
    throw new StalesumError(
      'unavailable',
      `${name}: the node is not ready: ${messageOf(node.message)}`,
    );
  }
}

/** What kubectl adds when a command fails. */
const KUBECTLS_OWN = /^command terminated with exit code \d+\n/gm;

/** Commands by `exec`. @param prefix what stands in front of each in the pod */
function carrier(
  client: Kubectl,
  pod: HeldObjects,
  node: string,
  prefix: readonly string[],
): Carrier {
  const options = ['-i', `--namespace=${pod.namespace}`, `--container=${CONTAINER}`, pod.name];
  return {
    name: node,
    commandLine: remote => [...client.line, 'exec', ...options, '--', ...prefix, ...remote],
    // With a connection that breaks it ends with 0 (kubernetes/kubectl#1208), and it may cut outputs off
    // (kubernetes/kubernetes#124571).
    losesEnds: true,
    withoutOwnWords: stderr => stderr.replace(KUBECTLS_OWN, ''),
    fault: async (_exitCode, stderr) => {
      const words = stderr.replace(KUBECTLS_OWN, '');
      const state = await podJson(client, pod).then(
        found => podState(found, node),
        thrown => ({ kind: 'failed', fault: lostConnection(node, thrown) }) as const,
      );
      if (state.kind === 'failed') return state.fault;
      if (words.trim() === '') return undefined;
      const missing = /exec: "([^"]+)": executable file not found/.exec(words)?.[1];
      if (missing !== undefined) {
        const text = `${node}: the image of our pod has no ${missing}`;
        return new StalesumError('unavailable', text, IMAGE_REMEDY);
      }
      const fault = kubectlFault(node, words);
      if (fault.kind !== 'unavailable') return fault;
      return lostConnection(node, lastLine(words));
    },
  };
}

function lostConnection(node: string, why: unknown): StalesumError {
  const known = why instanceof StalesumError ? why : undefined;
  const text = `${node}: the connection is lost: ${messageOf(why)}`;
  return new StalesumError(known?.kind ?? 'unavailable', text, known?.remedy);
}

function lastLine(words: string): string {
  return words.trim().split('\n').at(-1) ?? '';
}
