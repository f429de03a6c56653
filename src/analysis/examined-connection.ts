/**
 * One connection with everything that bears on it: its captures by side, its SYNs paired, its outer
 * ports judged against the sender's conntrack and VXLAN device.
 */
import type { VxlanDevice } from '../snapshot/links.js';
import type { NodeSnapshot } from '../snapshot/node-snapshot.js';
import { secondsBetween } from '../time.js';
import { type Attempt, attemptsOf, type Connection, layerOf } from './connections.js';
import { bindingOf, isUntracked } from './conntrack-lookup.js';
import type { AnalysisInput, CaptureInput, Layer, Side } from './input.js';
import type { DatagramCounts, OuterPortUse, PacketRecord } from './observation.js';
import { judgePort, type PortContext, type PortFinding } from './outer-port.js';
import { type PortUse, portUses, tappedOf } from './port-uses.js';
import { makesChecksums, rangeOf, type SenderHabit, sendersHabits } from './sender-habit.js';
import { findSenderNode, type SidedSighting, withSides } from './sides.js';

export interface ExaminedConnection {
  readonly connection: Connection;
  /** Forward sightings, the sender's first. */
  readonly sightings: readonly SidedSighting[];
  readonly attempts: readonly Attempt[];
  readonly ports: readonly PortFinding[];
  readonly sender: NodeSnapshot | undefined;
  readonly receiver: NodeSnapshot | undefined;
  readonly device: VxlanDevice | undefined;
  /** Tunnel datagrams of the forward direction, from the capture that saw most of them. */
  readonly datagrams: Readonly<DatagramCounts>;
  readonly watched: readonly WatchedPoint[];
  /** Looked up when asked for, since there may be very many connections. */
  readonly companions: () => readonly Companion[];
}

/**
 * Seconds, from a connection's first attempt, in which another one's datagrams had the outer port of that
 * attempt: they find the same conntrack entry, and keep it alive.
 */
export interface Companion {
  readonly from: number;
  readonly to: number;
}

/** A capture that would show the connection's datagrams if they passed there, whether it does or not. */
export interface WatchedPoint {
  readonly layer: Layer;
  readonly side: Side;
  readonly capture: CaptureInput;
}

/** The connection by itself. */
type Examined = Omit<ExaminedConnection, 'watched' | 'companions'>;

/** Examines all connections; facts of one sender (does it make checksums?) are shared between them. */
export function examineConnections(
  connections: readonly Connection[],
  { captures, snapshots }: AnalysisInput,
): ExaminedConnection[] {
  const habits = sendersHabits(connections);
  let users: ReadonlyMap<string, readonly PortUser[]> | undefined;
  const companions = (connection: ExaminedConnection): Companion[] => {
    users ??= portUsers(examined);
    return companionsOf(connection, users);
  };
  const examined = connections.map(connection => {
    const found = examine(connection, snapshots, habits);
    const whole: ExaminedConnection = {
      ...found,
      watched: watchedPoints(found, captures),
      companions: () => companions(whole),
    };
    return whole;
  });
  return examined;
}

function examine(
  connection: Connection,
  snapshots: readonly NodeSnapshot[],
  habits: ReadonlyMap<string, SenderHabit>,
): Examined {
  const sightings = withSides(connection, snapshots);
  const senderNode = findSenderNode(connection, snapshots);
  const sender = snapshots.find(({ node }) => node === senderNode);
  const attempts = attemptsOf(connection.protocol, sightings);
  const uses = portUses(sightings, attempts);
  const outer = uses[0]?.first.outer;
  const device = sender?.links?.vxlan.find(
    ({ vni, port }) => vni === outer?.vni && port === outer.destinationPort,
  );
  const ports = uses.map(use => {
    const habit = habits.get(use.source);
    const context: PortContext = {
      binding: bindingOf(use.first.outer!, use.leftAt, sender),
      tapped: tappedOf(use, attempts),
      untracked: isUntracked(use.first.outer!, connection, sender),
      others: uses.filter(other => other !== use),
      device,
      range: rangeOf(device, sender, habit),
      makesChecksums: makesChecksums(use.source.includes(':'), device, habit, uses),
      otherAddresses: otherAddresses(use, uses, device, sender),
    };
    return judgePort(use, context);
  });
  return {
    connection,
    sightings,
    attempts,
    ports,
    sender,
    receiver: findReceiver(connection, snapshots, senderNode, uses),
    device,
    datagrams: mostTelling(sightings)?.flow.datagrams ?? noDatagrams(),
  };
}

function watchedPoints(
  { sightings, sender, receiver }: Examined,
  captures: readonly CaptureInput[],
): WatchedPoint[] {
  const nodeOf = (side: Side, known: string | undefined) =>
    known ?? sightings.find(sighting => sighting.side === side)?.capture.node;
  const senderNode = nodeOf('sender', sender?.node);
  const receiverNode = nodeOf('receiver', receiver?.node);
  return captures.flatMap(capture => {
    const shown = sightings.find(sighting => sighting.capture === capture)?.side;
    const { node } = capture;
    const byNode =
      node === undefined
        ? undefined
        : node === senderNode
          ? 'sender'
          : node === receiverNode
            ? 'receiver'
            : undefined;
    const side = shown ?? capture.side ?? byNode;
    return side ? [{ layer: layerOf(capture), side, capture }] : [];
  });
}

/** A connection that left from an outer port, and when. */
interface PortUser {
  readonly connection: Connection;
  readonly use: OuterPortUse;
}

/** Whoever is seen on the underlay, by the outer address and port it left from. */
function portUsers(examined: readonly ExaminedConnection[]): Map<string, PortUser[]> {
  const users = new Map<string, PortUser[]>();
  for (const { connection, sightings } of examined) {
    for (const { layer, flow } of sightings) {
      if (layer !== 'underlay') continue;
      for (const use of flow.outerPorts) {
        const key = portKey(use);
        const list = users.get(key);
        if (list) list.push({ connection, use });
        else users.set(key, [{ connection, use }]);
      }
    }
  }
  return users;
}

const portKey = ({ source, sourcePort }: { source: string; sourcePort: number }): string =>
  `${source} ${sourcePort}`;

/** Only of connections that were rewritten: nobody else's entry matters. */
function companionsOf(
  examined: ExaminedConnection,
  users: ReadonlyMap<string, readonly PortUser[]>,
): Companion[] {
  const [first] = examined.attempts;
  const finding = first && findingOf(examined, first);
  if (!first || !finding?.rewritten) return [];
  return (users.get(portKey(finding.use)) ?? [])
    .filter(({ connection }) => connection !== examined.connection)
    .map(({ use }) => ({
      from: secondsBetween(first.at, use.first.at),
      to: secondsBetween(first.at, use.last),
    }));
}

/** The receiver has the outer destination address, or is the only other node there is. */
function findReceiver(
  connection: Connection,
  snapshots: readonly NodeSnapshot[],
  senderNode: string | undefined,
  uses: readonly PortUse[],
): NodeSnapshot | undefined {
  const destination = uses[0]?.first.outer?.destination;
  const owner = snapshots.find(({ links }) => destination && links?.addresses.has(destination));
  if (owner) return owner;
  const others = snapshots.filter(({ node }) => node !== senderNode);
  const seen = connection.forward.some(({ capture }) => capture.node === others[0]?.node);
  return senderNode !== undefined && others.length === 1 && seen ? others[0] : undefined;
}

/** The underlay capture with most datagrams; at the sender's where both saw as many. */
function mostTelling(sightings: readonly SidedSighting[]): SidedSighting | undefined {
  return sightings
    .filter(({ layer }) => layer === 'underlay')
    .reduce<SidedSighting | undefined>(
      (best, sighting) =>
        best && best.flow.datagrams.total >= sighting.flow.datagrams.total ? best : sighting,
      undefined,
    );
}

function otherAddresses(
  use: PortUse,
  uses: readonly PortUse[],
  device: VxlanDevice | undefined,
  sender: NodeSnapshot | undefined,
): string[] {
  const candidates = [
    ...uses.map(({ source }) => source),
    ...(device?.local ? [device.local] : []),
    ...(sender?.links?.addresses ?? []),
  ];
  const isSameFamily = (address: string) => address.includes(':') === use.source.includes(':');
  return [...new Set(candidates)].filter(
    address => address !== use.source && isSameFamily(address),
  );
}

/** The record of an attempt as it was on the wire: at the receiver, else at the sender. */
export function onTheWire(
  attempt: Attempt,
  sightings: readonly SidedSighting[],
): PacketRecord | undefined {
  const sideOf = (sighting: unknown) => sightings.find(({ flow }) => flow === sighting)?.side;
  const encapsulated = attempt.seen.filter(({ sighting }) => sighting.layer === 'underlay');
  const settled = encapsulated.filter(
    ({ record }) => !['partial', 'unverifiable'].includes(record.outerChecksum.state),
  );
  const candidates = settled.length > 0 ? settled : encapsulated;
  const atReceiver = candidates.find(({ sighting }) => sideOf(sighting.flow) === 'receiver');
  return (atReceiver ?? candidates[0])?.record;
}

/** The finding for the outer port that an attempt left from. */
export function findingOf(
  { ports, sightings }: ExaminedConnection,
  attempt: Attempt,
): PortFinding | undefined {
  const outer = onTheWire(attempt, sightings)?.outer;
  return ports.find(
    ({ use }) => use.sourcePort === outer?.sourcePort && use.source === outer.source,
  );
}

function noDatagrams(): DatagramCounts {
  return { total: 0, valid: 0, zero: 0, partial: 0, mismatch: 0, unverifiable: 0 };
}
