/** Which two nodes a run is between, and what is connected to, where the user has left it to the cluster. */
import { StalesumError } from '../errors.js';
import { clusterNodes, type Kubectl } from '../kubernetes/client.js';
import type { ClusterNode } from '../kubernetes/objects.js';
import { type NodeDescription, nameOf } from '../node/description.js';
import type { Target } from '../probe/connect.js';
import { formatEndpoint } from '../wire/address.js';
import { type Found, lookUp, type Protocol, type ServingEndpoint } from './look-up.js';
import type { ObjectTarget } from './target.js';

export interface Pair {
  readonly from: NodeDescription;
  readonly to: NodeDescription;
  readonly target: Target;
  readonly protocol: Protocol;
  /** All that the cluster has for the target, wherever they are. */
  readonly endpoints: readonly Target[];
  /** What was found and chosen; one line each. */
  readonly notes: readonly string[];
}

export interface PairWish {
  readonly from: NodeDescription | undefined;
  readonly to: NodeDescription | undefined;
  readonly target: ObjectTarget;
  readonly protocol: Protocol | undefined;
}

/**
 * Asks the cluster for the target, and for nodes where the user names none.
 *
 * @throws StalesumError `usage` where no pair serves; `unavailable`, `not-permitted`, `missing-tool`
 */
export async function choosePair(client: Kubectl, wish: PairWish): Promise<Pair> {
  const found = await lookUp(client, wish.target, wish.protocol);
  const isGiven = wish.from?.kind === 'kubectl' && wish.to?.kind === 'kubectl';
  // A list of all nodes is long in large clusters, and more than some may read.
  const nodes = isGiven || (wish.from && wish.to) ? [] : await clusterNodes(client);
  return pairFor(found, wish, nodes);
}

/**
 * @param nodes of the cluster; needed only where `from` or `to` is to be chosen
 * @throws StalesumError `usage` where no pair serves
 */
export function pairFor(found: Found, wish: PairWish, nodes: readonly ClusterNode[]): Pair {
  const serving = [...new Set(found.endpoints.map(({ node }) => node))];
  const where = `${found.text} has endpoints on ${serving.join(', ')}`;
  const { from, to, notes } = chooseNodes(found, wish, nodes, serving, where);
  const there = found.endpoints.find(({ node }) => node === clusterName(to, nodes));
  const [front] = [found.front, there, found.endpoints[0]].filter(each => each !== undefined);
  const { address, port } = front ?? found.endpoints[0];
  const what = `${found.text} is ${formatEndpoint(address, port)}/${found.protocol}; endpoints: ${endpointsText(found.endpoints)}`;
  return {
    ...{ from, to, protocol: found.protocol },
    target: { address, port },
    endpoints: found.endpoints.map(each => ({ address: each.address, port: each.port })),
    notes: [what, ...found.notes, ...notes],
  };
}

interface Chosen {
  readonly from: NodeDescription;
  readonly to: NodeDescription;
  readonly notes: readonly string[];
}

function chooseNodes(
  found: Found,
  wish: PairWish,
  nodes: readonly ClusterNode[],
  serving: readonly string[],
  where: string,
): Chosen {
  const usable = nodes.filter(node => node.isReady && (node.system ?? 'linux') === 'linux');
  const isUsable = (name: string) => usable.some(node => node.name === name);
  const fromName = wish.from && clusterName(wish.from, nodes);
  if (wish.to) {
    const toName = clusterName(wish.to, nodes);
    if (toName !== undefined && !serving.includes(toName)) {
      throw new StalesumError(
        'usage',
        `${where}, and none on ${toName}`,
        `--to must be one of them`,
      );
    }
    if (toName !== undefined && toName === fromName) throw oneNode(toName);
    if (wish.from) return { from: wish.from, to: wish.to, notes: [] };
    const other = chooseFrom(usable, serving, toName, found);
    return { from: other, to: wish.to, notes: [`from ${pairText(other)}, chosen`] };
  }
  const elsewhere = serving.filter(name => name !== fromName && isUsable(name));
  const [toName] = elsewhere;
  if (wish.from && toName !== undefined) {
    const to: NodeDescription = { kind: 'kubectl', node: toName };
    return { from: wish.from, to, notes: [`to ${pairText(to)}, chosen`] };
  }
  const [only] = serving.filter(isUsable);
  if (only === undefined) {
    throw new StalesumError('usage', `${where}: none of them is a Linux node that is ready`);
  }
  if (wish.from && wish.from.kind !== 'kubectl') {
    throw new StalesumError(
      'usage',
      `${where}, which is --from itself: no connection to it goes through a tunnel`,
      '--from must be another node',
    );
  }
  const to: NodeDescription = { kind: 'kubectl', node: toName ?? only };
  const from = chooseFrom(usable, serving, to.node, found);
  const instead = wish.from ? [`${where}, which is --from itself: another node connects`] : [];
  return { from, to, notes: [...instead, `from ${pairText(from)} to ${pairText(to)}, chosen`] };
}

/** Best one without an endpoint, so that no connection stays where it is. */
function chooseFrom(
  usable: readonly ClusterNode[],
  serving: readonly string[],
  to: string | undefined,
  found: Found,
): NodeDescription {
  const others = usable.filter(({ name }) => name !== to);
  const best = others.find(({ name }) => !serving.includes(name)) ?? others[0];
  if (best) return { kind: 'kubectl', node: best.name };
  throw new StalesumError(
    'usage',
    `${found.text}: there is no other Linux node that is ready, to connect from`,
    'the fault needs two nodes; --from may name one that is no node of the cluster',
  );
}

function oneNode(name: string): StalesumError {
  return new StalesumError('usage', `--from and --to are both ${name}; two nodes are needed`);
}

/** What the cluster calls a node, if that is known. kind's containers bear the names of its nodes. */
export function clusterName(
  description: NodeDescription,
  nodes: readonly ClusterNode[],
): string | undefined {
  const name = nameOf(description);
  if (description.kind === 'kubectl') return name;
  return nodes.find(node => node.name === name || node.addresses.includes(name))?.name;
}

function pairText(description: NodeDescription): string {
  return `${description.kind}:${nameOf(description)}`;
}

/** How many lines fit into a sentence. */
const MOST_NAMED = 6;

function endpointsText(endpoints: readonly ServingEndpoint[]): string {
  const texts = endpoints.map(
    ({ address, port, node }) => `${formatEndpoint(address, port)} on ${node}`,
  );
  const more = texts.length - MOST_NAMED;
  return [...texts.slice(0, MOST_NAMED), ...(more > 0 ? [`and ${more} more`] : [])].join(', ');
}
