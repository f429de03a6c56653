import { describe, expect, it } from 'vitest';
import { podManifest } from '../../src/node/kubectl-pod.js';
import { podState } from '../../src/node/kubectl-pod-state.js';
import { recorded } from '../kubernetes/recorded.js';

const REQUEST = {
  node: 'node-a',
  image: 'some/image:1',
  namespace: undefined,
  deadlineSeconds: 740,
};

describe('the pod that a node is reached through', () => {
  it('is what reached a node of a real cluster, and ends by itself', () => {
    const { spec } = recorded('privileged-pod-running') as unknown as {
      spec: Record<string, unknown>;
    };
    const worked = [
      'hostNetwork',
      'hostPID',
      'nodeName',
      'tolerations',
      'terminationGracePeriodSeconds',
    ];
    const manifest = podManifest('stalesum-1', REQUEST) as { spec: Record<string, unknown> };
    for (const key of worked) expect(manifest.spec[key]).toEqual(spec[key]);
    expect(manifest).toMatchObject({
      metadata: { name: 'stalesum-1', labels: { 'app.kubernetes.io/managed-by': 'stalesum' } },
      spec: {
        restartPolicy: 'Never',
        activeDeadlineSeconds: 740,
        automountServiceAccountToken: false,
        containers: [{ image: 'some/image:1', securityContext: { privileged: true } }],
      },
    });
    expect(manifest).not.toHaveProperty('metadata.namespace');
    expect(podManifest('x', { ...REQUEST, namespace: 'debug' })).toHaveProperty(
      'metadata.namespace',
      'debug',
    );
  });
});

describe('the state of a pod', () => {
  const waiting = (reason: string, message = '') => ({
    spec: { containers: [{ image: 'some/image:1' }] },
    status: { phase: 'Pending', containerStatuses: [{ state: { waiting: { reason, message } } }] },
  });

  it('runs, as a real one did', () => {
    expect(podState(recorded('privileged-pod-running'), 'node-a')).toEqual({ kind: 'running' });
  });

  it.each([
    [
      waiting('ImagePullBackOff', 'Back-off pulling'),
      /image some\/image:1 cannot be had.*Back-off/,
    ],
    [waiting('ErrImageNeverPull'), /cannot be had there: ErrImageNeverPull/],
    [
      waiting('CreateContainerError', 'no such file'),
      /does not start: CreateContainerError: no such/,
    ],
    [
      { status: { phase: 'Failed', reason: 'DeadlineExceeded', message: 'too long' } },
      /DeadlineExceeded: too long/,
    ],
    [
      {
        status: {
          phase: 'Failed',
          containerStatuses: [
            {
              state: { terminated: { reason: 'StartError', message: 'exec: "sleep": not found' } },
            },
          ],
        },
      },
      /StartError: exec: "sleep"/,
    ],
    [{ status: { phase: 'Succeeded' } }, /its phase is Succeeded/],
    [undefined, /removed by somebody else/],
  ])('fails: %j', (pod, words) => {
    const state = podState(pod, 'node-a');
    expect(state).toMatchObject({ kind: 'failed', fault: { kind: 'unavailable' } });
    expect(state.kind === 'failed' && state.fault.message).toMatch(words);
  });

  it.each([
    [{}, 'the node has not taken it up'],
    [waiting('ContainerCreating'), 'ContainerCreating'],
    [
      {
        status: {
          phase: 'Pending',
          conditions: [{ type: 'PodScheduled', status: 'False', message: '0/2 nodes' }],
        },
      },
      '0/2 nodes',
    ],
    // Running, but its container is not.
    [
      { status: { phase: 'Running', containerStatuses: [{ state: {} }] } },
      'the node has not taken it up',
    ],
  ])('waits: %j', (pod, why) => {
    expect(podState(pod, 'node-a')).toEqual({ kind: 'waiting', why });
  });
});
