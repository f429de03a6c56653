/** What has become of a pod of ours, as the API server has it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, StalesumError } from '../errors.js';
import { getJson, type Kubectl } from '../kubernetes/client.js';
import type { HeldObjects } from '../kubernetes/held-objects.js';
import { at, listAt, textAt } from '../kubernetes/json.js';

export type PodState =
  | { readonly kind: 'running' }
  | { readonly kind: 'waiting'; readonly why: string }
  | { readonly kind: 'failed'; readonly fault: StalesumError };

/** Reasons of a container that waits for an image that does not come (kubelet, pkg/kubelet/images). */
const NO_IMAGE = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'RegistryUnavailable',
  'ImageInspectError',
  'SignatureValidationFailed',
]);

/** Of a container that will not start (kubelet, pkg/kubelet/kuberuntime). */
const NO_START = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
  'PreCreateHookError',
  'CrashLoopBackOff',
]);

/**
 * @param pod the API's answer; `undefined` where there is no such pod any more
 * @param node its node, for messages
 */
export function podState(pod: unknown, node: string): PodState {
  const failed = (text: string, remedy?: string): PodState => ({
    kind: 'failed',
    fault: new StalesumError('unavailable', `${node}: ${messageOf(text)}`, remedy),
  });
  if (pod === undefined) return failed('our pod there was removed by somebody else');
  const [container] = listAt(pod, 'status', 'containerStatuses');
  const phase = textAt(pod, 'status', 'phase') ?? 'Pending';
  const reason = textAt(container, 'state', 'waiting', 'reason') ?? '';
  const words = textAt(container, 'state', 'waiting', 'message') ?? '';
  if (NO_IMAGE.has(reason)) {
    const image = textAt(listAt(pod, 'spec', 'containers')[0], 'image') ?? '';
    return failed(
      `the image ${image} cannot be had there: ${reason}: ${words}`,
      '--image names another one, which the node has or may pull',
    );
  }
  if (NO_START.has(reason)) return failed(`our pod does not start: ${reason}: ${words}`);
  const terminated = at(container, 'state', 'terminated');
  if (terminated !== undefined || phase === 'Failed' || phase === 'Succeeded') {
    const why = [
      textAt(terminated, 'reason') ?? textAt(pod, 'status', 'reason'),
      textAt(terminated, 'message') ?? textAt(pod, 'status', 'message'),
    ];
    const text = why.filter(part => part !== undefined).join(': ') || `its phase is ${phase}`;
    return failed(`our pod does not run: ${text}`);
  }
  if (phase === 'Running' && at(container, 'state', 'running') !== undefined) {
    return { kind: 'running' };
  }
  return { kind: 'waiting', why: waitsFor(pod, reason, words) };
}

function waitsFor(pod: unknown, reason: string, words: string): string {
  const ownWords = [reason, words].filter(part => part !== '').join(': ');
  const condition = listAt(pod, 'status', 'conditions').find(
    each => textAt(each, 'status') === 'False' && textAt(each, 'message') !== undefined,
  );
  const text = ownWords || (textAt(condition, 'message') ?? 'the node has not taken it up');
  return messageOf(text);
}

const POLL_MILLISECONDS = 400;
const DEFAULT_START_SECONDS = 60;

/**
 * Waits until a pod of ours runs; what the API server has of it then.
 *
 * @param node its node, for messages
 * @throws StalesumError `unavailable` with the reason, or if it takes too long; the signal's reason
 */
export async function startOf(
  client: Kubectl,
  pod: HeldObjects,
  node: string,
  seconds = DEFAULT_START_SECONDS,
  signal?: AbortSignal,
): Promise<unknown> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    signal?.throwIfAborted();
    const found = await podJson(client, pod);
    const state = podState(found, node);
    if (state.kind === 'running') return found;
    if (state.kind === 'failed') throw state.fault;
    if (performance.now() > deadline) {
      throw new StalesumError(
        'unavailable',
        `${node}: our pod does not run after ${seconds} s: ${state.why}`,
        '--pod-timeout sets how long it gets to start',
      );
    }
    await sleep(POLL_MILLISECONDS, undefined, { signal }).catch(() => undefined);
  }
}

export function podJson(client: Kubectl, { namespace, name }: HeldObjects): Promise<unknown> {
  return getJson(client, ['pods', name, `--namespace=${namespace}`]);
}
