// For scripts on node A of a lab: an API server with the lab's two nodes, whose pods' commands run in their
// namespaces, and the real kubectl's way to it.
import { mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findCommand } from '../../dist/node/find-command.js';
import { loadKubeApi } from '../kube-api/load.mjs';
import { stalesum, start } from './facts.mjs';

const { startApi, cluster, byRules, nothing } = await loadKubeApi();
export { byRules, nothing };

const home = mkdtempSync('/run/kube-');
const ports = [
  { name: 'http', port: 80, targetPort: 8080 },
  { name: 'dns', port: 53, protocol: 'UDP' },
];

const OBJECTS = cluster({
  nodes: [
    { name: 'node-a', ip: '192.168.50.1' },
    { name: 'node-b', ip: '192.168.50.2' },
  ],
  services: [{ name: 'web', clusterIP: '10.96.0.10', ports }],
  endpointSlices: [
    {
      service: 'web',
      endpoints: [{ ip: '10.244.1.2', node: 'node-b', pod: 'web' }],
      ports: [
        { name: 'http', port: 8080 },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ],
    },
  ],
  pods: [{ name: 'web', node: 'node-b', ip: '10.244.1.2' }],
});

/** What the images have beside the node's tools is this machine's: they share its files. */
export async function startCluster(options = {}) {
  const api = await startApi({
    objects: OBJECTS,
    run: (pod, _container, argv) => [
      ...['nsenter', `--net=/run/netns/${pod.spec.nodeName}`, '--'],
      ...argv,
    ],
    ...options,
  });
  const kubeconfig = join(mkdtempSync(join(home, 'api-')), 'config');
  writeFileSync(kubeconfig, api.kubeconfig, { mode: 0o600 });
  const env = { KUBECONFIG: kubeconfig, HOME: home };
  return {
    api,
    env,
    stalesum: (args, more = {}) => stalesum(args, { ...more, env: { ...env, ...more.env } }),
    start: args => start(args, { env }),
  };
}

const TOOLS = '/run';
/** Pods of ours that the API server still has, and their scripts, once nothing changes any more. */
export async function podsLeft(api, seconds = 0) {
  const own = () => api.list('pods').filter(({ metadata }) => metadata.name.startsWith('stalesum-'));
  for (let tries = 0; tries < seconds * 10 && own().length > 0; tries++) await sleep(100);
  return own().map(({ metadata }) => metadata.name);
}
