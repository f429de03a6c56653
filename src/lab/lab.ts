/** A lab: two nodes, a pod, the wire between the nodes, and a scenario that they are set up for. */
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { messageOf, StalesumError } from '../errors.js';
import { localNode } from '../node/local.js';
import type { NetnsNode } from '../node/netns.js';
import type { RunningCommand } from '../node/node.js';
import { kubeProxyRules } from './kube-proxy.js';
import { CLUSTER_CIDR, type Endpoint, WEB, WEB_SERVICE } from './layout.js';
import type { Scenario } from './scenarios.js';
import { settleIn } from './settle.js';
import { buildTopology, type LabNodes, makeNamespaces, removeNamespaces } from './topology.js';

export interface Lab {
  readonly scenario: Scenario;
  readonly nodeA: NetnsNode;
  readonly nodeB: NetnsNode;
  readonly web: NetnsNode;
  readonly wire: NetnsNode;
  /** The service, and the pod behind it. */
  readonly target: Endpoint;
  readonly podTarget: Endpoint;
  /** Ends what runs in the lab and removes it; another one can then be built. */
  close(): Promise<void>;
}

/**
 * Builds the lab of a scenario and waits until its pod answers. There can be one at a time.
 *
 * @throws StalesumError `internal` if called outside of the lab's namespaces (see enter.ts) or if a
 *   step fails; `missing-tool` for a program or a kernel feature that is not there; `not-permitted`.
 */
export async function startLab(scenario: Scenario): Promise<Lab> {
  const host = localNode('lab');
  await settleIn(host);
  const nodes = await makeNamespaces(host);
  // Node takes a while to start, so the pod's program starts before its address is there.
  const listener = startListener(nodes.web);
  const close = async () => {
    await listener.stop();
    await removeNamespaces(host);
  };
  try {
    await Promise.all([
      buildTopology(host, nodes, scenario),
      loadRules(nodes, scenario),
      listener.ready,
    ]);
    await applyChanges(nodes, scenario);
  } catch (fault) {
    await close().catch(() => undefined);
    throw fault;
  }
  return {
    scenario,
    nodeA: nodes['node-a'],
    nodeB: nodes['node-b'],
    web: nodes.web,
    wire: nodes.wire,
    target: WEB_SERVICE,
    podTarget: WEB,
    close,
  };
}

/** Every node of a cluster has the rules, not only the one that uses them. */
async function loadRules(nodes: LabNodes, scenario: Scenario): Promise<void> {
  const service = {
    name: 'default/web',
    protocol: 'tcp',
    clusterIp: WEB_SERVICE,
    endpoint: WEB,
  } as const;
  const input = kubeProxyRules(scenario.kubeProxy, [service], CLUSTER_CIDR);
  await Promise.all(
    [nodes['node-a'], nodes['node-b']].map(node => node.run('iptables-restore', [], { input })),
  );
}

async function applyChanges(nodes: LabNodes, scenario: Scenario): Promise<void> {
  for (const { node, command, args, input } of scenario.changes ?? []) {
    await nodes[node].run(command, args, input === undefined ? {} : { input });
  }
}

interface Listener {
  readonly ready: Promise<void>;
  stop(): Promise<void>;
}

function startListener(web: NetnsNode): Listener {
  const program = fileURLToPath(new URL('./listener.js', import.meta.url));
  const args = [program, WEB.address, String(WEB.port)];
  const running = web.start(process.execPath, args, { openInput: true });
  const words = text(running.stderr).catch(messageOf);
  const ready = Promise.race([once(running.stdout, 'data'), diedEarly(running, words)]).then(
    () => undefined,
  );
  // If the build fails first, nobody waits for it.
  ready.catch(() => undefined);
  return {
    ready,
    stop: () => {
      running.closeInput();
      return running.stop('SIGTERM');
    },
  };
}

async function diedEarly(running: RunningCommand, words: Promise<string>): Promise<never> {
  await running.ended;
  throw new StalesumError('internal', messageOf(`the listener in pod web ended: ${await words}`));
}
