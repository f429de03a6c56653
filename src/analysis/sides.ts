/**
 * Which captures of a connection were taken at its sender, and which at its receiver: by what the
 * user or a folder said, by a node's own addresses, or by what is in them.
 */
import type { NodeSnapshot } from '../snapshot/node-snapshot.js';
import { compareInstants, secondsBetween } from '../time.js';
import type { Connection, Sighting } from './connections.js';
import type { Layer, Side } from './input.js';

/** A sighting with its side; `undefined` where nothing tells. */
export interface SidedSighting extends Sighting {
  readonly side: Side | undefined;
}

/** Gives each forward sighting its side, sender's first, overlay before underlay. */
export function withSides(
  connection: Connection,
  snapshots: readonly NodeSnapshot[],
): SidedSighting[] {
  const senderNode = findSenderNode(connection, snapshots);
  const byContent = sendersByContent(connection);
  const sided = connection.forward.map(sighting => {
    const { capture, layer, flow } = sighting;
    return { capture, layer, flow, side: sideOf(sighting, senderNode, byContent) };
  });
  return sided.sort((a, b) => rank(a) - rank(b));
}

/**
 * The node that sends the connection's datagrams: the one that has their outer source address, or
 * whose overlay shows the most SYNs.
 */
export function findSenderNode(
  connection: Connection,
  snapshots: readonly NodeSnapshot[],
): string | undefined {
  const sources = new Set(
    connection.forward.flatMap(({ flow }) => flow.outerPorts.map(use => use.source)),
  );
  const owners = snapshots.filter(({ links }) =>
    [...sources].some(source => links?.addresses.has(source)),
  );
  if (owners.length === 1) return owners[0]!.node;
  const nodes = new Map<string, Sighting[]>();
  for (const sighting of connection.forward) {
    const { node } = sighting.capture;
    if (node !== undefined) nodes.set(node, [...(nodes.get(node) ?? []), sighting]);
  }
  if (nodes.size < 2) return undefined;
  const ofEach = [...nodes.values()].map(list => mostLikelySenderFirst(list, connection)[0]!);
  return mostLikelySenderFirst(ofEach, connection)[0]!.capture.node;
}

function sendersByContent(connection: Connection): Set<Sighting> {
  const senders = new Set<Sighting>();
  for (const layer of ['overlay', 'underlay'] as const) {
    const list = connection.forward.filter(sighting => sighting.layer === layer);
    const [first] = mostLikelySenderFirst(list, connection);
    if (first && (list.length > 1 || first.flow.innerPartial > 0)) senders.add(first);
  }
  return senders;
}

/**
 * Sender first: it sees every SYN, with checksums that offload has not finished, and it waits longer
 * for the answer than the receiver does. That asks nothing of the clocks, unlike who saw it first.
 */
function mostLikelySenderFirst(list: readonly Sighting[], connection: Connection): Sighting[] {
  const waits = new Map(list.map(sighting => [sighting, answerSeconds(sighting, connection)]));
  const wait = (sighting: Sighting) => waits.get(sighting) ?? 0;
  return [...list].sort(
    (a, b) =>
      firstPackets(b) - firstPackets(a) ||
      Math.sign(b.flow.innerPartial) - Math.sign(a.flow.innerPartial) ||
      wait(b) - wait(a) ||
      compareInstants(a.flow.firstSeen, b.flow.firstSeen),
  );
}

/** From a SYN to the SYN-ACK that echoes its timestamp, in one capture; 0 where it shows none. */
function answerSeconds({ capture, flow }: Sighting, { reverse }: Connection): number {
  const answers = reverse.find(sighting => sighting.capture === capture)?.flow.synAcks ?? [];
  for (const answer of answers) {
    const syn = flow.syns.find(
      ({ timestampValue }) => timestampValue >= 0 && timestampValue === answer.timestampEcho,
    );
    if (syn) return secondsBetween(syn.at, answer.at);
  }
  return 0;
}

function firstPackets({ flow }: Sighting): number {
  return flow.protocol === 'udp' ? flow.queries.length : flow.syns.length;
}

function sideOf(
  sighting: Sighting,
  senderNode: string | undefined,
  byContent: ReadonlySet<Sighting>,
): Side | undefined {
  const { side, node } = sighting.capture;
  if (side) return side;
  if (sighting.layer === 'tap') return 'sender';
  if (senderNode !== undefined && node !== undefined) {
    return node === senderNode ? 'sender' : 'receiver';
  }
  if (byContent.has(sighting)) return 'sender';
  // The other one of two captures of the same layer is the receiver's.
  return [...byContent].some(other => other.layer === sighting.layer) ? 'receiver' : undefined;
}

function rank({ side, layer }: SidedSighting): number {
  const sides = { sender: 0, unknown: 2, receiver: 4 };
  const way: readonly Layer[] =
    side === 'receiver' ? ['underlay', 'overlay'] : ['overlay', 'tap', 'underlay'];
  return sides[side ?? 'unknown'] + way.indexOf(layer);
}
