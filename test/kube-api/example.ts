/** The cluster that the tests of this folder ask, and pods as stalesum and others would create them. */
import { cluster } from './cluster.js';

export const EXAMPLE = cluster({
  nodes: [
    { name: 'node-a', ip: '192.168.50.1', podCIDR: '10.244.0.0/24', labels: { zone: 'here' } },
    { name: 'node-b', ip: '192.168.50.2', podCIDR: '10.244.1.0/24' },
  ],
  services: [
    {
      ...{ name: 'echo', clusterIP: '10.96.0.20', type: 'NodePort', selector: { app: 'echo' } },
      ports: [{ name: 'http', port: 80, targetPort: 8080, nodePort: 30088 }],
    },
    {
      ...{ name: 'kube-dns', namespace: 'kube-system', clusterIP: '10.96.0.10' },
      ports: [{ name: 'dns', port: 53, protocol: 'UDP' }],
    },
  ],
  endpointSlices: [
    {
      ...{ service: 'echo', endpoints: [{ ip: '10.244.1.2', node: 'node-b', pod: 'web-b' }] },
      ports: [{ name: 'http', port: 8080 }],
    },
  ],
  pods: [{ name: 'web-b', node: 'node-b', ip: '10.244.1.2', labels: { app: 'echo' } }],
});

/** The pod that shared the recorded cluster's node: see `privileged-pod-running` there. */
export function nodePod(name: string, more: object = {}, container: object = {}) {
  return JSON.stringify({
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: { name, labels: { app: 'node-shell' } },
    spec: {
      ...{ hostNetwork: true, hostPID: true, nodeName: 'node-a', restartPolicy: 'Never' },
      ...{ terminationGracePeriodSeconds: 0, tolerations: [{ operator: 'Exists' }] },
      containers: [
        {
          ...{ name: 'shell', image: 'local/nettools:1', command: ['sleep', '3600'] },
          ...{ securityContext: { privileged: true }, ...container },
        },
      ],
      ...more,
    },
  });
}

/** Commands run on this machine as they are, and end with this process. */
export const run = (_pod: unknown, _container: unknown, argv: readonly string[]) => [
  ...['setpriv', '--pdeathsig', 'KILL', '--', ...argv],
];
