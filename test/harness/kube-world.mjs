// For scripts on node A of a lab: an API server with the lab's two nodes, whose pods' commands run in their
// namespaces, and the real kubectl's way to it.
import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { loadKubeApi } from '../kube-api/load.mjs';
import { stalesum, start, until } from './facts.mjs';

const { startApi, cluster, byRules, nothing } = await loadKubeApi();

export { byRules, nothing };

const home = mkdtempSync('/run/kube-');
const ports = [
  { name: 'http', port: 80, targetPort: 8080 },
  { name: 'dns', port: 53, protocol: 'UDP' },
];

const objects = () =>
  cluster({
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
    pods: [
      { name: 'web', node: 'node-b', ip: '10.244.1.2' },
      { name: 'another', namespace: 'stalesum', node: 'node-b', ip: '10.244.1.3' },
    ],
  });

/** The lab's pod, whose namespace pods with addresses of their own share. */
const POD = { namespace: 'web', address: '10.244.1.2' };

/** What the images have beside the node's tools is this machine's: they share its files. */
export async function startCluster(options = {}) {
  const api = await startApi({
    objects: objects(),
    run: ({ spec: { hostNetwork, nodeName } }, _container, argv) => [
      ...['nsenter', `--net=/run/netns/${hostNetwork ? nodeName : POD.namespace}`, '--'],
      ...argv,
    ],
    podIP: () => POD.address,
    ...options,
  });
  const kubeconfig = join(mkdtempSync(join(home, 'api-')), 'config');
  writeFileSync(kubeconfig, api.kubeconfig, { mode: 0o600 });
  const env = { KUBECONFIG: kubeconfig, HOME: home };
  return {
    api,
    env,
    stalesum: (args, more = {}) => stalesum(args, { ...more, env: { ...env, ...more.env } }),
    start: (args, more = {}) => start(args, { ...more, env: { ...env, ...more.env } }),
  };
}

/** Pods and services of ours that the cluster still has, after so many seconds at most, in which they may go. */
export async function podsLeft({ env }, seconds = 0) {
  const args = [
    'get',
    'pods,services',
    '-A',
    '-l',
    'app.kubernetes.io/managed-by=stalesum',
    '-o',
    'name',
  ];
  const run = promisify(execFile);
  for (let tries = 0; ; tries++) {
    const { stdout } = await run('kubectl', args, { env: { ...process.env, ...env } });
    if (stdout === '' || tries >= seconds * 4)
      return stdout.split('\n').filter(line => line !== '');
    await sleep(250);
  }
}

/** What the API server gives the first service that is made, and the target listens on. */
const MADE = { address: '10.96.200.1', port: '80', endpoint: `${POD.address}:8089` };

/** What a kube-proxy of before PR 92035 does on this node for the service that is made next. */
export async function leadNextService({ api }) {
  await until(() => api.requests.some(text => /^POST \S+\/services/.test(text)));
  const rule = async (...words) => {
    const tcp = ['-d', `${MADE.address}/32`, '-p', 'tcp', '--dport', MADE.port];
    await promisify(execFile)('iptables', ['-t', 'nat', '-A', 'KUBE-SERVICES', ...tcp, ...words]);
  };
  await rule('-j', 'KUBE-MARK-MASQ');
  await rule('-j', 'DNAT', '--to-destination', MADE.endpoint);
  return MADE.address;
}
