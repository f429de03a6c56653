/** A lab: two nodes, a pod, the wire between the nodes, and a scenario that they are set up for. */
import { localNode } from '../node/local.js';
import type { NetnsNode } from '../node/netns.js';
import { applyChanges } from './changes.js';
import { forgetTunnelFlows } from './flows.js';
import type { Protocol } from './layout.js';
import { startListener } from './pod.js';
import { loadRules } from './rules.js';
import type { ChangeStage, Scenario } from './scenario.js';
import { type RunTargets, targetsOf } from './services.js';
import { settleIn } from './settle.js';
import { tapBeforeNat } from './tap.js';
import { buildTopology, makeNamespaces, removeNamespaces } from './topology.js';

export interface Lab {
  readonly scenario: Scenario;
  readonly nodeA: NetnsNode;
  readonly nodeB: NetnsNode;
  readonly web: NetnsNode;
  readonly wire: NetnsNode;
  /** What to connect to from node A, by the scenario's own protocol or by another one. */
  targetsFor(protocol?: Protocol): RunTargets;
  /** Makes the scenario's changes of a stage; those of `built` were made by `startLab`. */
  applyChanges(when: ChangeStage): Promise<void>;
  /** Deletes node A's conntrack entries of the tunnel, so that the next connection makes its own. */
  forgetFlows(): Promise<void>;
  /** Ends what runs in the lab and removes it; another one can then be built. */
  close(): Promise<void>;
}

export interface LabOptions {
  /** Whether node A shows its tunnel datagrams as they are before NAT: see tap.ts. */
  readonly tap?: boolean;
}

/**
 * Builds the lab of a scenario and waits until its pod answers. There can be one at a time.
 *
 * @throws StalesumError `internal` if called outside of the lab's namespaces (see enter.ts) or if a
 *   step fails; `missing-tool` for a program or a kernel feature that is not there; `not-permitted`.
 */
export async function startLab(scenario: Scenario, { tap = false }: LabOptions = {}): Promise<Lab> {
  const host = localNode('lab');
  await settleIn(host);
  const nodes = await makeNamespaces(host, scenario);
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
    await applyChanges(nodes, scenario, 'built');
    if (tap) await tapBeforeNat(nodes['node-a'], scenario);
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
    targetsFor: (protocol = scenario.protocol) => targetsOf(scenario, protocol),
    applyChanges: when => applyChanges(nodes, scenario, when),
    forgetFlows: () => forgetTunnelFlows(nodes['node-a'], scenario),
    close,
  };
}
