/**
 * One connection with everything that bears on it: its captures by side, its SYNs paired, its outer
 * ports judged against the sender's conntrack and VXLAN device.
 */
import type { VxlanDevice } from '../snapshot/links.js';
import type { NodeSnapshot } from '../snapshot/node-snapshot.js';
import { secondsBetween } from '../time.js';
import { difference } from '../wire/port-recovery.js';
import { type Attempt, attemptsOf, type Connection } from './connections.js';
import { bindingOf } from './conntrack-lookup.js';
import type { DatagramCounts, OuterPortUse, PacketRecord } from './observation.js';
import { judgePort, type PortContext, type PortFinding, type PortUse } from './outer-port.js';
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
  /**
   * Seconds, from the first attempt, in which other connections' datagrams had the outer port of this
   * one's first attempt: they find the same conntrack entry, and keep it alive.
   */
  readonly companions: readonly { readonly from: number; readonly to: number }[];
}

/** The kernel's default `net.ipv4.ip_local_port_range`, from which a VXLAN device takes its ports. */
const DEFAULT_RANGE = { low: 32768, high: 61000 };
/** Where healthy datagrams show that another range is in use. */
const WIDEST_RANGE = { low: 1024, high: 65536 };

/** Examines all connections; facts of one sender (does it make checksums?) are shared between them. */
export function examineConnections(
  connections: readonly Connection[],
  snapshots: readonly NodeSnapshot[],
): ExaminedConnection[] {
  const habits = sendersHabits(connections);
  const examined = connections.map(connection => examine(connection, snapshots, habits));
  return withoutSharedDifferences(withCompanions(examined));
}

/** What all tunnel datagrams of one outer source address show. */
interface Habit {
  valid: number;
  zero: number;
  lowestPort: number;
  highestPort: number;
}

function sendersHabits(connections: readonly Connection[]): Map<string, Habit> {
  const habits = new Map<string, Habit>();
  for (const { forward, reverse } of connections) {
    for (const { flow } of [...forward, ...reverse]) {
      for (const { source, sourcePort, datagrams } of flow.outerPorts) {
        const habit = habits.get(source) ?? {
          valid: 0,
          zero: 0,
          lowestPort: 65535,
          highestPort: 0,
        };
        habits.set(source, habit);
        habit.valid += datagrams.valid;
        habit.zero += datagrams.zero;
        if (datagrams.mismatch > 0) continue;
        habit.lowestPort = Math.min(habit.lowestPort, sourcePort);
        habit.highestPort = Math.max(habit.highestPort, sourcePort);
      }
    }
  }
  return habits;
}

function examine(
  connection: Connection,
  snapshots: readonly NodeSnapshot[],
  habits: ReadonlyMap<string, Habit>,
): ExaminedConnection {
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
      others: uses.filter(other => other !== use),
      device,
      range: rangeOf(device, sender, habit),
      makesChecksums: makesChecksums(use.source.includes(':'), device, habit),
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
    companions: [],
  };
}

/** Looks only at connections that were rewritten: nobody else's entry matters. */
function withCompanions(examined: readonly ExaminedConnection[]): ExaminedConnection[] {
  return examined.map(connection => {
    const [first] = connection.attempts;
    const finding = first && findingOf(connection, first);
    if (!first || !finding?.rewritten) return connection;
    const { source, sourcePort } = finding.use;
    const companions = examined
      .filter(other => other !== connection)
      .flatMap(({ sightings }) => sightings.flatMap(({ flow }) => flow.outerPorts))
      .filter(use => use.source === source && use.sourcePort === sourcePort)
      .map(use => ({
        from: secondsBetween(first.at, use.first.at),
        to: secondsBetween(first.at, use.last),
      }));
    return { ...connection, companions };
  });
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

/**
 * Outer ports over all underlay captures. What the receiver's shows counts before the sender's,
 * where a NIC may still have had a checksum to finish.
 */
function portUses(sightings: readonly SidedSighting[], attempts: readonly Attempt[]): PortUse[] {
  const byPort = new Map<string, { sighting: SidedSighting; use: OuterPortUse }[]>();
  for (const sighting of sightings) {
    for (const use of sighting.flow.outerPorts) {
      const key = `${use.source} ${use.sourcePort}`;
      byPort.set(key, [...(byPort.get(key) ?? []), { sighting, use }]);
    }
  }
  return [...byPort.values()].map(list => {
    const atReceiver = list.find(({ sighting, use }) => {
      const { valid, zero, mismatch } = use.datagrams;
      return sighting.side === 'receiver' && valid + zero + mismatch > 0;
    });
    const { use } = atReceiver ?? list[0]!;
    // The sender's own clock is the one that its conntrack events were stamped with.
    const { use: atSender } = list[0]!;
    return {
      source: use.source,
      sourcePort: use.sourcePort,
      leftAt: (atSender.firstMismatch ?? atSender.first).at,
      first: use.first,
      counts: use.datagrams,
      mismatch: use.firstMismatch,
      valid: use.firstValid,
      zero: use.firstZero,
      otherDifferences: use.otherDifferences,
      otherStored: use.otherStored,
      synsDisagree: synsDisagree(attempts, use),
    };
  });
}

/** SYNs are never cut up by segmentation offload, so all of one rewritten outer flow fare alike. */
function synsDisagree(attempts: readonly Attempt[], use: OuterPortUse): boolean {
  const states = new Set<string>();
  for (const { seen } of attempts) {
    for (const { record } of seen) {
      if (record.outer?.sourcePort === use.sourcePort && record.outer.source === use.source) {
        states.add(record.outerChecksum.state);
      }
    }
  }
  return states.has('mismatch') && (states.has('valid') || states.has('zero'));
}

function rangeOf(
  device: VxlanDevice | undefined,
  sender: NodeSnapshot | undefined,
  habit: Habit | undefined,
): PortContext['range'] {
  if (device?.sourcePorts) return { ...device.sourcePorts, exact: true };
  const setting = sender?.sysctls?.get('net.ipv4.ip_local_port_range')?.split(/\s+/).map(Number);
  const [low, last] = setting ?? [];
  // Exact only together with the device: it says that it has no range of its own.
  if (device && low !== undefined && last !== undefined)
    return { low, high: last + 1, exact: true };
  const usual =
    !habit ||
    habit.highestPort === 0 ||
    (habit.lowestPort >= DEFAULT_RANGE.low && habit.highestPort < DEFAULT_RANGE.high);
  return { ...(usual ? DEFAULT_RANGE : WIDEST_RANGE), exact: false };
}

/** The device says it; else zero checksums, and no others, from the same address do. */
function makesChecksums(
  overIpv6: boolean,
  device: VxlanDevice | undefined,
  habit: Habit | undefined,
): boolean | undefined {
  if (overIpv6 && device?.udp6ZeroChecksumTx !== undefined) return !device.udp6ZeroChecksumTx;
  if (!overIpv6 && device?.udpChecksum !== undefined) return device.udpChecksum;
  if (!habit) return undefined;
  if (habit.valid > 0) return true;
  return habit.zero > 0 ? false : undefined;
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

/**
 * If flows with different ports show the *same* difference, the port is not what changed: some other
 * header field is. Findings that conntrack or a sibling confirms stand for themselves.
 */
function withoutSharedDifferences(examined: readonly ExaminedConnection[]): ExaminedConnection[] {
  const ports = new Map<number, Set<number>>();
  const differenceOf = ({ use, state, namedBy }: PortFinding): number | undefined =>
    state === 'stale' && namedBy.length === 0 && use.mismatch
      ? difference({ sourcePort: use.sourcePort, ...use.mismatch.outerChecksum })
      : undefined;
  for (const finding of examined.flatMap(({ ports: findings }) => findings)) {
    const value = differenceOf(finding);
    if (value === undefined) continue;
    ports.set(value, (ports.get(value) ?? new Set()).add(finding.use.sourcePort));
  }
  return examined.map(connection => ({
    ...connection,
    ports: connection.ports.map(finding => {
      const shared = ports.get(differenceOf(finding) ?? -1)?.size ?? 0;
      if (shared < 2) return finding;
      return {
        ...finding,
        state: 'invalid' as const,
        before: undefined,
        rewritten: undefined,
        reason: `${shared} flows from different ports show the same difference, so the port is not what changed`,
      };
    }),
  }));
}

/** The record of an attempt as it was on the wire: at the receiver, else at the sender. */
export function onTheWire(
  attempt: Attempt,
  sightings: readonly SidedSighting[],
): PacketRecord | undefined {
  const sideOf = (sighting: unknown) => sightings.find(({ flow }) => flow === sighting)?.side;
  const encapsulated = attempt.seen.filter(({ record }) => record.outer);
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
