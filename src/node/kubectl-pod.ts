/**
 * The pod through which a node of a cluster is reached: privileged, in the node's network and process
 * namespaces, made by us and removed by us. A shell of this machine makes it, holds it, and removes it when
 * we are gone, `kill -9` included; and the kubelet ends it after its deadline in any case.
 */
import { randomBytes } from 'node:crypto';
import { messageOf, StalesumError } from '../errors.js';
import type { Kubectl } from '../kubernetes/client.js';
import { isServersAnswer, kubectlFault } from '../kubernetes/faults.js';
import { firstLine, settlesWithin, startChild } from './child.js';
import { findCommand } from './find-command.js';

export interface PodRequest {
  /** Name of the cluster's node. */
  readonly node: string;
  readonly image: string;
  /** `undefined`: that of the context. */
  readonly namespace: string | undefined;
  /** After which the kubelet ends it, whatever has become of us. */
  readonly deadlineSeconds: number;
}

/** A pod that was made; whether it runs is another matter. */
export interface HeldPod {
  readonly namespace: string;
  readonly name: string;
  /** May be called twice. @throws StalesumError `unavailable`, with the command that removes it */
  remove(): Promise<void>;
}

export const CONTAINER = 'node';

/** Two tries of five seconds, and the start of kubectl. */
const REMOVE_SECONDS = 15;

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

export const LABELS = {
  'app.kubernetes.io/name': 'stalesum',
  'app.kubernetes.io/managed-by': 'stalesum',
} as const;

/**
 * $0: the name; $1: the manifest; behind it kubectl. It says `made NAMESPACE`, or `not made`; then its input
 * says `delete`, or `leave` where nothing came to be. When it ends without a word we are gone, and what
 * runs in the pod gets a moment to put things in order.
 */
const HOLD = `trap '' PIPE HUP INT TERM
manifest=$1
shift
if namespace=$(printf '%s' "$manifest" | "$@" create --validate=false -o 'jsonpath={.metadata.namespace}' -f -)
then echo "made $namespace"
else echo 'not made'
fi
read -r word || { word=delete; sleep 3; }
[ "$word" = delete ] || exit 0
[ -z "$namespace" ] || set -- "$@" --namespace="$namespace"
for try in 1 2
do
  "$@" delete pod "$0" --ignore-not-found --wait=false --request-timeout=5s </dev/null >/dev/null && exit 0
done
exit 1`;

/**
 * Makes the pod, and holds it.
 *
 * @throws StalesumError `not-permitted`, `unavailable`
 */
export async function holdPod(client: Kubectl, request: PodRequest): Promise<HeldPod> {
  const name = `stalesum-${randomBytes(5).toString('hex')}`;
  const { namespace: asked } = request;
  const line = [...client.line, ...(asked === undefined ? [] : [`--namespace=${asked}`])];
  const manifest = JSON.stringify(podManifest(name, request));
  const held = startChild([findCommand('sh'), '-c', HOLD, name, manifest, ...line], {
    openInput: true,
    outlivesUs: true,
  });
  let words = '';
  held.stderr.on('data', chunk => {
    words += String(chunk);
  });
  const said = await firstLine(held);
  const namespace = /^made (\S+)$/.exec(said ?? '')?.[1];
  const end = async (word: 'delete' | 'leave') => {
    held.write(`${word}\n`);
    held.closeInput();
    if ((await settlesWithin(held.ended, REMOVE_SECONDS)) && (await held.ended).exitCode === 0)
      return;
    throw leftOver(client, namespace ?? asked, name, request.deadlineSeconds, words);
  };
  if (namespace === undefined) {
    const fault = kubectlFault(`the pod for ${request.node}`, words);
    // A connection that broke may have made it all the same.
    await end(isServersAnswer(words) ? 'leave' : 'delete').catch(more => {
      throw new StalesumError(fault.kind, `${fault.message}; ${messageOf(more)}`, fault.remedy);
    });
    throw fault;
  }
  words = '';
  let removal: Promise<void> | undefined;
  return {
    namespace,
    name,
    remove: () => {
      removal ??= end('delete');
      return removal;
    },
  };
}

function leftOver(
  { typed }: Kubectl,
  namespace: string | undefined,
  name: string,
  deadlineSeconds: number,
  words: string,
): StalesumError {
  const command = `${typed} delete pod${namespace === undefined ? '' : ` -n ${namespace}`} ${name}`;
  const why = messageOf(words.trim().split('\n').at(-1) || 'no answer');
  return new StalesumError(
    'unavailable',
    `the pod ${name} may be left (${why}); remove it: ${command} (it ends by itself ${deadlineSeconds} s after its start)`,
  );
}
