import { expect, it } from 'vitest';
import { targetManifest } from '../../src/harness/deploy-target.js';

it('a target has no rights, ends by itself, and its service leads to it alone', () => {
  const request = {
    node: 'node-b',
    image: 'some/image:1',
    namespace: 'stalesum',
    deadlineSeconds: 740,
  };
  const { items } = targetManifest('stalesum-target-1', request) as {
    items: [{ metadata: { labels: Record<string, string> } }, { spec: { selector: object } }];
  };
  const [pod, service] = items;
  expect(pod).toMatchObject({
    kind: 'Pod',
    metadata: { namespace: 'stalesum', labels: { 'app.kubernetes.io/managed-by': 'stalesum' } },
    spec: {
      nodeName: 'node-b',
      activeDeadlineSeconds: 740,
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      containers: [
        {
          image: 'some/image:1',
          // What PodSecurity's level "restricted" wants of a pod.
          securityContext: {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'] },
            runAsNonRoot: true,
            seccompProfile: { type: 'RuntimeDefault' },
          },
        },
      ],
    },
  });
  expect(pod).not.toHaveProperty('spec.hostNetwork');
  expect(pod.metadata.labels).toMatchObject(service.spec.selector);
  expect(service).toMatchObject({
    kind: 'Service',
    spec: { ports: [{ port: 80, targetPort: 8089 }] },
  });
});
