/**
 * The scheduler and the nodes: pods are placed, started, executed in and ended
 * (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/). A container that ends is not restarted.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { shellExitCode } from '../../src/node/exit-code.js';
import { ApiFault, badRequest, KubeletFault } from './fault.js';
import { type Container, NODES, type Node, PODS, type Pod, type PodStatus } from './objects.js';
import * as status from './pod-status.js';
import { endAll, kill, type Run, type Stdio, startIn } from './processes.js';
import type { Store } from './store.js';

export interface KubeletSettings {
  readonly run: Run;
  /** The address of a pod that is not in the host's network. */
  readonly podIP?: ((pod: Pod) => string) | undefined;
  /** No image can be had. */
  readonly lacksImages: () => boolean;
  /** Containers are created for ever. */
  readonly neverStarts: () => boolean;
}

export type Kubelet = ReturnType<typeof createKubelet>;

export function createKubelet(store: Store, settings: KubeletSettings) {
  const { run, podIP, lacksImages, neverStarts } = settings;
  const gone = new Set<string>();
  /** The containers' first processes, by the pod's uid; of pods that were started here. */
  const started = new Map<string, ChildProcess[]>();
  const children = new Set<ChildProcess>();
  /** Pods that ever had a process. */
  const uids = new Set<string>();

  function report(pod: Pod, said: PodStatus): void {
    pod.status = said;
    store.update(PODS, pod);
  }

  function addresses(pod: Pod): status.Addresses {
    const hostIP = status.addressOf(nodeOf(pod));
    return { hostIP, podIP: pod.spec.hostNetwork ? hostIP : (podIP?.(pod) ?? '10.244.0.100') };
  }

  const nodeOf = ({ spec }: Pod) => store.get<Node>({ resource: NODES, name: spec.nodeName ?? '' });
  const isReachable = ({ spec: { nodeName = '' } }: Pod) =>
    !gone.has(nodeName) && store.has({ resource: NODES, name: nodeName });

  function spawn(pod: Pod, container: Container, argv: readonly string[], stdio: Stdio) {
    uids.add(pod.metadata.uid);
    return startIn(pod, container, argv, run, stdio);
  }

  async function start(pod: Pod): Promise<void> {
    await sleep(10);
    const node = pod.spec.nodeName ?? place(pod);
    if (node === undefined) return report(pod, status.unschedulable());
    pod.spec.nodeName = node;
    report(pod, status.scheduled());
    if (!isReachable(pod)) return;
    const at = addresses(pod);
    const waits = (reason: string, message?: string) =>
      report(pod, status.reported(pod, 'Pending', at, status.waiting(reason, message)));
    waits('ContainerCreating');
    await sleep(10);
    if (neverStarts()) return;
    const image = pod.spec.containers[0]?.image;
    if (lacksImages()) {
      waits('ErrImagePull', `failed to pull and unpack image "${image}": not found`);
      await sleep(10);
      return waits('ImagePullBackOff', `Back-off pulling image "${image}"`);
    }
    if (pod.metadata.deletionTimestamp !== undefined) return;
    const first = pod.spec.containers.map(container => {
      const argv = [...(container.command ?? ['sleep', 'infinity']), ...(container.args ?? [])];
      return spawn(pod, container, argv, ['ignore', 'ignore', 'ignore']);
    });
    const missing = first.indexOf(undefined);
    if (missing >= 0) {
      const program = pod.spec.containers[missing]?.command?.[0];
      const message = `failed to create containerd task: ${notThere('create', program)}`;
      const state = status.terminated(128, 'StartError', message);
      return report(pod, status.reported(pod, 'Failed', at, state));
    }
    const processes = first as ChildProcess[];
    started.set(pod.metadata.uid, processes);
    report(pod, status.reported(pod, 'Running', at, status.running()));
    for (const child of processes) {
      child.once('exit', (code, signal) => void exited(pod, shellExitCode(code, signal)));
    }
    const { activeDeadlineSeconds: seconds } = pod.spec;
    if (seconds !== undefined) setTimeout(() => void expire(pod), seconds * 1000).unref();
  }

  /** The first node whose labels fit; undefined if none does. */
  function place({ spec }: Pod): string | undefined {
    const wanted = Object.entries(spec.nodeSelector ?? {});
    const fits = ({ metadata }: Node) =>
      wanted.every(([key, value]) => metadata.labels?.[key] === value);
    return store.list<Node>(NODES).find(fits)?.metadata.name;
  }

  async function exited(pod: Pod, code: number): Promise<void> {
    await endAll(pod.metadata.uid);
    if (pod.metadata.deletionTimestamp !== undefined || pod.status.phase !== 'Running') return;
    const at = addresses(pod);
    if (pod.spec.restartPolicy === 'Never') {
      const state = status.terminated(code, code === 0 ? 'Completed' : 'Error');
      report(pod, status.reported(pod, code === 0 ? 'Succeeded' : 'Failed', at, state));
    } else {
      report(pod, status.reported(pod, 'Running', at, status.waiting('CrashLoopBackOff')));
    }
  }

  async function expire(pod: Pod): Promise<void> {
    if (pod.status.phase !== 'Running') return;
    const message = 'Pod was active on the node longer than the specified deadline';
    const state = status.terminated(137, 'Error');
    const more = { reason: 'DeadlineExceeded', message };
    report(pod, status.reported(pod, 'Failed', addresses(pod), state, more));
    await endAll(pod.metadata.uid);
  }

  /** SIGTERM for the first processes, after the grace SIGKILL for all; then there is no such pod any more. */
  async function end(pod: Pod, graceSeconds: number): Promise<void> {
    const processes = started.get(pod.metadata.uid) ?? [];
    started.delete(pod.metadata.uid);
    if (graceSeconds === 0 || !isReachable(pod)) {
      if (graceSeconds === 0) store.remove(PODS, pod);
      return isReachable(pod) ? endAll(pod.metadata.uid) : undefined;
    }
    const living = processes.filter(child => child.exitCode === null && child.signalCode === null);
    const ends = Promise.all(living.map(child => once(child, 'exit')));
    for (const child of living) kill(child.pid!, 'SIGTERM');
    await Promise.race([ends, sleep(graceSeconds * 1000, undefined, { ref: false })]);
    await endAll(pod.metadata.uid);
    store.remove(PODS, pod);
  }

  /** What the API server and the kubelet ask before a command runs. */
  function containerFor(pod: Pod, name: string | null): Container {
    const { containers, nodeName } = pod.spec;
    const container = name === null ? containers[0] : containers.find(c => c.name === name);
    if (container === undefined) {
      throw badRequest(`container ${name} is not valid for pod ${pod.metadata.name}`);
    }
    if (nodeName === undefined) {
      throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
    }
    if (!isReachable(pod)) {
      const address = `${store.has({ resource: NODES, name: nodeName }) ? addresses(pod).hostIP : nodeName}:10250`;
      const message = `error dialing backend: dial tcp ${address}: connect: no route to host`;
      throw new ApiFault(500, '', message);
    }
    if (pod.status.phase !== 'Running') {
      throw new KubeletFault(`container not found ("${container.name}")`);
    }
    return container;
  }

  function execute(pod: Pod, container: Container, argv: readonly string[], hasInput: boolean) {
    const child = spawn(pod, container, argv, [hasInput ? 'pipe' : 'ignore', 'pipe', 'pipe']);
    if (child === undefined) {
      const wrapped = `failed to exec in container: failed to start exec: ${notThere('exec', argv[0])}`;
      return `Internal error occurred: error executing command in container: ${wrapped}`;
    }
    children.add(child.once('close', () => children.delete(child)));
    return child;
  }

  return {
    ...{ start, end, containerFor, execute },

    /** The node does not answer any more; its pods run on. */
    lose(name: string): void {
      const node = store.get<Node>({ resource: NODES, name });
      gone.add(name);
      node.status.conditions = node.status.conditions.map(condition => ({
        ...{ ...condition, status: 'Unknown', reason: 'NodeStatusUnknown' },
        message: 'Kubelet stopped posting node status.',
      }));
      store.update(NODES, node);
    },

    async close(): Promise<void> {
      await Promise.all([...uids].map(endAll));
      for (const child of children) for (const stream of child.stdio) stream?.destroy();
    },
  };
}

/** containerd's and runc's words. */
function notThere(action: 'exec' | 'create', program = ''): string {
  const text = `unable to start container process: exec: "${program}": executable file not found in $PATH`;
  return `OCI runtime ${action} failed: ${action === 'exec' ? 'exec' : 'runc create'} failed: ${text}: unknown`;
}
