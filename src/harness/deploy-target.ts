/** A target of our own in a cluster: a small listener on one node and a service before it, for one run. */
import { setTimeout as sleep } from 'node:timers/promises';
import { StalesumError } from '../errors.js';
import { clusterNodes, getJson, type Kubectl } from '../kubernetes/client.js';
import { type HeldObjects, holdObjects, LABELS, uniqueName } from '../kubernetes/held-objects.js';
import { checkedImage, checkedNamespace } from '../kubernetes/names.js';
import { type ClusterNode, readEndpoints, readPod, readService } from '../kubernetes/objects.js';
import type { NodeDescription } from '../node/description.js';
import { type ClusterSettings, DEFAULT_IMAGE } from '../node/kubectl.js';
import { startOf } from '../node/kubectl-pod-state.js';
import { clusterName, type Pair, type PairWish, pairFor } from './choose-pair.js';
import type { AtEnd } from './cleanup.js';
import type { Found } from './look-up.js';

/** Where the listener listens, and its service. */
const LISTENS = 8089;
const SERVICE_PORT = 80;
const DEFAULT_LIFETIME_SECONDS = 900;
/** What the cluster gets to name the endpoint once its pod runs. */
const ENDPOINT_SECONDS = 30;
const POLL_MILLISECONDS = 400;
/** Nobody, by the number that most systems give it. */
const NOBODY = 65534;

/** With whatever the image has: agnhost's own server, Python, Node.js, or a netcat. Nothing is answered but a connect. */
const LISTEN = `port=$1
if [ -x /agnhost ]; then exec /agnhost netexec --http-port="$port"; fi
if command -v python3 >/dev/null; then
  exec python3 -m http.server "$port"
elif command -v node >/dev/null; then
  exec node -e 'require("node:net").createServer(s => s.on("error", () => {}).end()).listen(+process.argv[1])' "$port"
elif command -v nc >/dev/null; then
  while :; do nc -l -p "$port" </dev/null >/dev/null 2>&1 || nc -l "$port" </dev/null >/dev/null || exit 1; done
fi
echo 'the image has neither agnhost, python3, node nor nc' >&2
exit 1`;

export interface TargetRequest {
  readonly node: string;
  readonly image: string;
  readonly namespace: string | undefined;
  readonly deadlineSeconds: number;
}

/** What the API server is asked to make. The pod has no rights at all. */
export function targetManifest(
  name: string,
  { node, image, namespace, deadlineSeconds }: TargetRequest,
): unknown {
  const selector = { 'stalesum/target': name };
  const metadata = {
    ...{ name, labels: { ...LABELS, ...selector } },
    ...(namespace !== undefined && { namespace }),
  };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: {
      nodeName: node,
      tolerations: [{ operator: 'Exists' }],
      restartPolicy: 'Never',
      activeDeadlineSeconds: deadlineSeconds,
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      containers: [
        {
          name: 'target',
          image,
          imagePullPolicy: 'IfNotPresent',
          command: ['sh', '-c', LISTEN, 'sh', String(LISTENS)],
          ports: [{ name: 'http', containerPort: LISTENS }],
          readinessProbe: { tcpSocket: { port: LISTENS }, periodSeconds: 1 },
          securityContext: {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'] },
            runAsNonRoot: true,
            runAsUser: NOBODY,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          resources: { requests: { cpu: '10m', memory: '32Mi' } },
        },
      ],
    },
  };
  const ports = [{ name: 'http', port: SERVICE_PORT, targetPort: LISTENS, protocol: 'TCP' }];
  const service = { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector, ports } };
  return { apiVersion: 'v1', kind: 'List', items: [pod, service] };
}

/**
 * Makes a target, and says which two nodes a run to it is between.
 *
 * @throws StalesumError `usage` where there are no two nodes; `unavailable`, `not-permitted`
 */
export async function deployTarget(
  client: Kubectl,
  wish: Pick<PairWish, 'from' | 'to'>,
  settings: ClusterSettings,
  atEnd: AtEnd,
  signal: AbortSignal,
): Promise<Pair> {
  const nodes = await clusterNodes(client);
  const node = nodeFor(wish, nodes);
  signal.throwIfAborted();
  const name = uniqueName('stalesum-target');
  const image = checkedImage(settings.image ?? DEFAULT_IMAGE);
  const namespace =
    settings.namespace === undefined ? undefined : checkedNamespace(settings.namespace);
  const deadlineSeconds = Math.ceil(settings.lifetimeSeconds ?? DEFAULT_LIFETIME_SECONDS);
  const holding = holdObjects(client, {
    ...{ name, kinds: 'pod,service', namespace, deadlineSeconds },
    manifest: targetManifest(name, { node, image, namespace, deadlineSeconds }),
    purpose: `the target on ${node}`,
  });
  atEnd(async () => (await holding.catch(() => undefined))?.remove());
  const held = await holding;
  const pod = readPod(await startOf(client, held, node, settings.startSeconds, signal));
  const found = await foundAs(client, held, signal);
  const target = { kind: 'service', namespace: held.namespace, name, port: SERVICE_PORT } as const;
  const to: NodeDescription = wish.to ?? { kind: 'kubectl', node: pod.node ?? node };
  return pairFor(found, { from: wish.from, to, target, protocol: 'tcp' }, nodes);
}

/** Where the listener is to be: `--to`, or a node that is ready and not `--from`. */
function nodeFor({ from, to }: Pick<PairWish, 'from' | 'to'>, nodes: readonly ClusterNode[]) {
  if (to) {
    const name = clusterName(to, nodes);
    if (name !== undefined) return name;
    throw new StalesumError('usage', '--deploy-target: --to is not known as a node of the cluster');
  }
  const taken = from && clusterName(from, nodes);
  const free = nodes.filter(
    ({ name, isReady, system = 'linux' }) => isReady && system === 'linux' && name !== taken,
  );
  // The last one, since control planes mostly are the first.
  const node = free.at(-1);
  if (node) return node.name;
  throw new StalesumError('usage', 'the cluster has no Linux node that is ready for the target');
}

/** Waits until the cluster leads the service to the listener. */
async function foundAs(
  client: Kubectl,
  { namespace, name }: HeldObjects,
  signal: AbortSignal,
): Promise<Found> {
  const there = `--namespace=${namespace}`;
  const [address] = readService(await getJson(client, ['services', name, there])).clusterAddresses;
  const deadline = performance.now() + ENDPOINT_SECONDS * 1000;
  for (;;) {
    const selector = `--selector=kubernetes.io/service-name=${name}`;
    const slices = await getJson(client, ['endpointslices.discovery.k8s.io', there, selector]);
    const [endpoint] = readEndpoints(slices);
    if (endpoint?.node !== undefined && address !== undefined) {
      return {
        text: `svc/${namespace}/${name}:${SERVICE_PORT}`,
        front: { address, port: SERVICE_PORT },
        protocol: 'tcp',
        endpoints: [{ address: endpoint.address, port: endpoint.port, node: endpoint.node }],
        notes: [],
      };
    }
    if (performance.now() > deadline) {
      const text = `the service ${name} has no endpoint after ${ENDPOINT_SECONDS} s, though its pod runs`;
      throw new StalesumError('unavailable', text);
    }
    await sleep(POLL_MILLISECONDS, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
}
