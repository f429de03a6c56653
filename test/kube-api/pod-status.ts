/** The status of a pod in the stages of its life, in the shape that the recorded cluster gave it. */
import type { Container, Node, Pod, PodStatus } from './objects.js';
import { now } from './store.js';

export const UNSEEN: PodStatus = { phase: 'Pending', qosClass: 'BestEffort' };

const condition = (type: string, isSo: boolean, more: object = {}) => ({
  ...{ type, status: isSo ? 'True' : 'False', lastProbeTime: null, lastTransitionTime: now() },
  ...more,
});

export function unschedulable(): PodStatus {
  const message = "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.";
  const conditions = [condition('PodScheduled', false, { reason: 'Unschedulable', message })];
  return { ...UNSEEN, conditions };
}

export const scheduled = (): PodStatus => ({
  ...UNSEEN,
  conditions: [condition('PodScheduled', true)],
});

export interface Addresses {
  readonly hostIP: string;
  readonly podIP: string;
}

/** What the kubelet says: the state of every container, and whether they are ready. */
export function reported(
  pod: Pod,
  phase: PodStatus['phase'],
  { hostIP, podIP }: Addresses,
  state: object,
  more: object = {},
): PodStatus {
  const ready = 'running' in state;
  const why = ready
    ? {}
    : {
        reason: 'ContainersNotReady',
        message: `containers with unready status: [${pod.spec.containers.map(c => c.name).join(' ')}]`,
      };
  const seen =
    'waiting' in state && !pod.spec.hostNetwork ? {} : { podIP, podIPs: [{ ip: podIP }] };
  return {
    phase,
    conditions: [
      condition('Initialized', true),
      condition('Ready', ready, why),
      condition('ContainersReady', ready, why),
      condition('PodScheduled', true),
    ],
    ...{ hostIP, ...seen, startTime: now() },
    containerStatuses: pod.spec.containers.map(container => of(container, state, ready)),
    qosClass: 'BestEffort',
    ...more,
  };
}

const of = ({ name, image }: Container, state: object, ready: boolean) => ({
  ...{ name, state, lastState: {}, ready, restartCount: 0, image, imageID: '', started: ready },
});

export const waiting = (reason: string, message?: string) => ({
  waiting: { reason, ...(message && { message }) },
});

export const running = () => ({ running: { startedAt: now() } });

export const terminated = (exitCode: number, reason: string, message?: string) => ({
  terminated: { exitCode, reason, ...(message && { message }), finishedAt: now() },
});

export const addressOf = ({ status }: Node) =>
  status.addresses.find(({ type }) => type === 'InternalIP')?.address ?? '';
