/**
 * The main job between two real nodes: finds the tunnel between them and what hides losses, records a run
 * as in the lab, and examines the recording.
 */
import type { ExitPolicy } from '../analysis/exit-code.js';
import { noteText, type RunNote } from '../analysis/run-notes.js';
import type { VerdictDocument } from '../analysis/verdict.js';
import { chooseEngine } from '../capture/choose.js';
import type { EngineChoice } from '../capture/engine.js';
import { StalesumError } from '../errors.js';
import { examinePaths } from '../evidence/examine.js';
import { recordRun } from '../evidence/record.js';
import type { RunNode, RunPlan } from '../evidence/run-plan.js';
import { abilitiesOf, abilitiesText } from '../node/abilities.js';
import type { NodeDescription } from '../node/description.js';
import type { ClusterSettings } from '../node/kubectl.js';
import type { Node } from '../node/node.js';
import { openNode } from '../node/open.js';
import { chooseClient } from '../probe/clients.js';
import type { Target } from '../probe/connect.js';
import { synWatchOn } from '../probe/syn-watch.js';
import type { Voice } from '../terminal/voice.js';
import { formatEndpoint } from '../wire/address.js';
import { type AtEnd, closeOpened, unlessAborted } from './cleanup.js';
import { endpointsOf } from './endpoints.js';
import { lackedTools } from './lacked-tools.js';
import { findTunnel, type KnownNode, knowNetwork, type Tunnel } from './tunnel.js';
import { exposeLoss, hiddenLoss } from './veth.js';

export interface PairOptions {
  readonly from: NodeDescription;
  readonly to: NodeDescription;
  readonly target: Target;
  /** What the cluster's API says of them, where it was asked. */
  readonly endpoints: readonly Target[];
  readonly cluster: ClusterSettings;
  readonly protocol: 'tcp' | 'udp';
  /** Connections at once; else as many as are needed to meet the node `to`. */
  readonly attempts: number | undefined;
  readonly timeoutSeconds: number | undefined;
  readonly engine: EngineChoice;
  readonly exposeVethLoss: boolean;
  readonly keepPayload: boolean;
  /** An empty folder for the recording. */
  readonly folder: string;
  readonly policy: ExitPolicy;
}

/** Long enough for the 127 s after which a connect() with six retransmits gives up. Seconds. */
const DEFAULT_TIMEOUT_SECONDS = 140;

/** What a run takes at most beside its connections: opening, reading, the control. */
const OTHER_SECONDS = 600;

/** How long what is made for a run is needed at most. Seconds. */
export function lifetimeOf(timeoutSeconds: number | undefined): number {
  return (timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS) + OTHER_SECONDS;
}

/** In which a node that is there does nothing at all. */
const LOST_SECONDS = 10;

/** How likely it may be that none of several connections meets the node that is watched. */
const MISSED = 0.01;
const MOST_ATTEMPTS = 50;

/**
 * Runs between two nodes.
 *
 * @param signal ends the run when it is aborted; what was captured is kept
 * @throws StalesumError `unavailable`, `not-permitted`, `missing-tool` for what a node lacks; `usage` if
 *   the target is not on the node `to`, behind a VXLAN
 */
export async function runBetween(
  options: PairOptions,
  voice: Voice,
  atEnd: AtEnd,
  signal: AbortSignal,
): Promise<VerdictDocument> {
  voice.show('nodes    connecting');
  const nodes = await unlessAborted(signal, openBoth(options, voice, atEnd, signal));
  try {
    return await examineBetween(options, nodes, voice, atEnd, signal);
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    // Where a node is gone, whatever else failed did so for that.
    throw (await lost(nodes)) ?? thrown;
  }
}

/** Why a node cannot be reached any more. */
async function lost(nodes: readonly Node[]): Promise<StalesumError | undefined> {
  for (const node of nodes) {
    const fault = await node
      .run('true', [], { timeoutSeconds: LOST_SECONDS })
      .catch(thrown => thrown);
    if (fault instanceof StalesumError && fault.kind === 'unavailable') return fault;
  }
  return undefined;
}

async function examineBetween(
  options: PairOptions,
  [from, to]: readonly [Node, Node],
  voice: Voice,
  atEnd: AtEnd,
  signal: AbortSignal,
): Promise<VerdictDocument> {
  voice.show('nodes    reading links, addresses and rules');
  const found = await unlessAborted(signal, findWay(options, from, to));
  for (const text of found.tunnel.assumptions) voice.warn(text);
  const plan = await unlessAborted(signal, planRun(options, from, to, found, voice, atEnd));
  const watch = await synWatchOn(from, text => voice.show(`connect  ${text}`));
  const progress = {
    step: (text: string) => voice.show(`run      ${text}`),
    overlayFrame: plan.attempts === 1 && plan.protocol === 'tcp' ? watch.visit : () => undefined,
  };
  await recordRun(plan, options.folder, progress, signal);
  voice.show('analyse  reading the captures');
  return examinePaths([options.folder], {
    tunnelPorts: [found.tunnel.port],
    policy: options.policy,
  });
}

/** Both nodes, with names that are folders of a recording: `node-10.0.0.7`. */
async function openBoth(
  { from, to, cluster, timeoutSeconds }: PairOptions,
  voice: Voice,
  atEnd: AtEnd,
  signal: AbortSignal,
): Promise<[Node, Node]> {
  const lifetimeSeconds = lifetimeOf(timeoutSeconds);
  const settings = { cluster: { ...cluster, lifetimeSeconds }, signal };
  const opened = await Promise.allSettled(
    [from, to].map(async description => {
      const opening = openNode(description, settings);
      // Also what comes to be after an interrupt is put in order before we end.
      atEnd(() => closeOpened(opening, signal));
      const open = await opening;
      if (open.made !== undefined) voice.warn(open.made);
      for (const note of open.notes) voice.warn(note);
      return open.node;
    }),
  );
  const nodes = opened.map(result => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
  const [client, peer] = nodes as [Node, Node];
  const name = folderName(client.name);
  const other = folderName(peer.name);
  return [
    { ...client, name },
    { ...peer, name: other === name ? `${other}-peer` : other },
  ];
}

function folderName(name: string): string {
  const plain = name.replaceAll(/[^\w.-]/g, '-');
  return plain.startsWith('node-') ? plain : `node-${plain}`;
}

interface Way {
  readonly tunnel: Tunnel;
  /** On the node `to`. */
  readonly endpoints: readonly [Target, ...Target[]];
  /** Wherever they are. */
  readonly allEndpoints: number;
}

async function findWay(options: PairOptions, client: Node, peer: Node): Promise<Way> {
  const [from, to] = await Promise.all([knowNetwork(client), knowNetwork(peer)]);
  const { endpoints } = await endpointsOf(
    from,
    options.target,
    options.protocol,
    options.endpoints,
  );
  const tunnels = await Promise.allSettled(
    endpoints.map(({ address }) => findTunnel(from, to, address)),
  );
  const there = endpoints.filter((_, index) => tunnels[index]?.status === 'fulfilled');
  const tunnel = tunnels.find(result => result.status === 'fulfilled');
  const [first, ...others] = there;
  if (!tunnel || !first) throw noneThere(from, to, endpoints, tunnels);
  return {
    tunnel: tunnel.value,
    endpoints: [first, ...others],
    allEndpoints: endpoints.length,
  };
}

function noneThere(
  from: KnownNode,
  to: KnownNode,
  endpoints: readonly Target[],
  results: readonly PromiseSettledResult<Tunnel>[],
): unknown {
  const [first] = results;
  if (endpoints.length === 1 && first?.status === 'rejected') return first.reason;
  const names = endpoints.map(({ address, port }) => formatEndpoint(address, port)).join(', ');
  return new StalesumError(
    'usage',
    `none of the endpoints ${names} is reached from ${from.node.name} through a VXLAN to ${to.node.name}`,
    '--to must be a node that has one of them',
  );
}

async function planRun(
  options: PairOptions,
  client: Node,
  peer: Node,
  { tunnel, endpoints, allEndpoints }: Way,
  voice: Voice,
  atEnd: AtEnd,
): Promise<RunPlan> {
  const { protocol, target } = options;
  const notes: RunNote[] = [];
  const [from, to, program] = await Promise.all([
    runNode(options.engine, client, 'client', tunnel.from, notes, voice),
    runNode(options.engine, peer, 'peer', tunnel.to, notes, voice),
    chooseClient(client, protocol),
  ]);
  if (client.elsewhere) voice.warn(`${client.name}: connections are opened with ${program.name}`);
  await dealWithHiddenLoss(options, to, notes, voice, atEnd);
  const attempts = options.attempts ?? attemptsFor(endpoints.length, allEndpoints);
  if (endpoints.length < allEndpoints) {
    const there = endpoints.length;
    notes.push({ kind: 'other-endpoints', node: peer.name, there, all: allEndpoints, attempts });
  }
  for (const note of notes) voice.warn(noteText(note));
  const [control] = endpoints;
  const ports = new Set(endpoints.map(({ port }) => port));
  return {
    scenario: undefined,
    title: undefined,
    emulated: false,
    nodes: [from, to],
    tunnelPort: tunnel.port,
    // A node may carry a lot; only what goes to the endpoints is of interest.
    overlayFilter: { kind: 'hosts', addresses: endpoints.map(({ address }) => address) },
    innerFilter:
      endpoints.length === 1
        ? { address: control.address }
        : ports.size === 1
          ? { port: control.port }
          : undefined,
    protocol,
    control,
    target,
    attempts,
    bytes: 0,
    keepPayload: options.keepPayload,
    client: program,
    source: tunnel.source,
    notes,
    timeoutSeconds: options.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS,
    afterControl: async () => undefined,
  };
}

async function runNode(
  engine: EngineChoice,
  node: Node,
  role: 'client' | 'peer',
  { overlay, underlay }: Tunnel['from'],
  notes: RunNote[],
  voice: Voice,
): Promise<RunNode> {
  const [abilities, chosen] = await Promise.all([abilitiesOf(node), chooseEngine(engine, node)]);
  if (chosen.note !== undefined && !node.elsewhere) voice.warn(chosen.note);
  const { name: taker } = chosen.engine;
  voice.warn(`${node.name}: captures with ${taker}; has ${abilitiesText(abilities)}`);
  if (chosen.engine.name === 'tcpdump' && !abilities.tools.has('tcpdump')) {
    throw new StalesumError(
      'missing-tool',
      `${node.name}: no tcpdump, so nothing can be captured there: no verdict is possible`,
      `install tcpdump on ${node.name}`,
    );
  }
  for (const tool of lackedTools(abilities, role))
    notes.push({ kind: 'lacks', node: node.name, tool });
  const hasConntrack = abilities.tools.has('conntrack');
  return { node, engine: chosen.engine, hasConntrack, overlay, underlay };
}

/** Says what hides losses on the way to the receiver, or takes it out of the way for the run. */
async function dealWithHiddenLoss(
  { exposeVethLoss }: PairOptions,
  { node, underlay }: RunNode,
  notes: RunNote[],
  voice: Voice,
  atEnd: AtEnd,
): Promise<void> {
  const hidden = await hiddenLoss(node, underlay);
  if (!hidden) {
    if (exposeVethLoss) voice.warn(`${node.name}/${underlay} hides no loss: nothing is changed`);
    return;
  }
  if (!exposeVethLoss) {
    const kind = hidden.isFarEnd ? 'loss-hidden' : 'loss-maybe-hidden';
    notes.push({ kind, node: node.name, device: underlay });
    return;
  }
  atEnd(await exposeLoss(hidden.port));
  notes.push({ kind: 'offload-off', device: hidden.port.device, far: hidden.isFarEnd });
}

/** So many connections that with a service's random choice hardly all miss the endpoints that count. */
function attemptsFor(there: number, all: number): number {
  if (there === all) return 1;
  return Math.min(MOST_ATTEMPTS, Math.ceil(Math.log(MISSED) / Math.log(1 - there / all)));
}
