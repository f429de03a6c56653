/** What all underlay captures of a connection together show of each outer source port. */
import { compareInstants, type Instant } from '../time.js';
import type { Attempt } from './connections.js';
import type { Side } from './input.js';
import type { DatagramCounts, OuterHeader, OuterPortUse, PacketRecord } from './observation.js';
import type { SidedSighting } from './sides.js';

/** What all captures together show of one outer source port of one connection. */
export interface PortUse {
  readonly source: string;
  readonly sourcePort: number;
  /** When the first of them left, by the sender's clock as far as it was captured. */
  readonly leftAt: Instant;
  readonly first: PacketRecord;
  readonly counts: Readonly<DatagramCounts>;
  readonly mismatch: PacketRecord | undefined;
  readonly valid: PacketRecord | undefined;
  readonly zero: PacketRecord | undefined;
  /** Mismatches whose difference is another than the first one's. */
  readonly otherDifferences: number;
  /** Mismatches whose stored value is another than the first one's. */
  readonly otherStored: number;
  /** A SYN of this port was right while another was wrong: one rewrite cannot do that. */
  readonly synsDisagree: boolean;
  /** What shows that whatever rewrote or broke them is not on the sender. Otherwise empty. */
  readonly changedOnTheWay: string;
}

/** A datagram as a tap in mangle POSTROUTING saw it: behind the VXLAN device, in front of nat. */
export interface TappedOrigin {
  readonly capture: string;
  readonly record: PacketRecord;
  readonly outer: OuterHeader;
}

/**
 * Outer ports over all underlay captures. What the receiver's shows counts before the sender's,
 * where a NIC may still have had a checksum to finish.
 */
export function portUses(
  sightings: readonly SidedSighting[],
  attempts: readonly Attempt[],
): PortUse[] {
  const byPort = new Map<string, { sighting: SidedSighting; use: OuterPortUse }[]>();
  for (const sighting of sightings) {
    if (sighting.layer !== 'underlay') continue;
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
      changedOnTheWay: changedOnTheWay(use, list, sightings, attempts),
    };
  });
}

/** What the sender's own capture, behind its nat, tells against a rewrite on the sender; else empty. */
function changedOnTheWay(
  use: OuterPortUse,
  list: readonly { readonly sighting: SidedSighting; readonly use: OuterPortUse }[],
  sightings: readonly SidedSighting[],
  attempts: readonly Attempt[],
): string {
  if (leftFromElsewhere(use, sightings, attempts)) {
    return "it left the sender's NIC from another port or address: rewritten on the way";
  }
  return rightAtSender(use, list)
    ? "it left the sender's NIC with a right one: broken on the way"
    : '';
}

/** Whether a datagram that arrived wrong from this port is seen at the sender with another one. */
function leftFromElsewhere(
  { source, sourcePort }: OuterPortUse,
  sightings: readonly SidedSighting[],
  attempts: readonly Attempt[],
): boolean {
  return attempts.some(({ seen }) => {
    const records = (side: Side) =>
      seen.filter(({ sighting }) =>
        sightings.some(
          sided =>
            sided.flow === sighting.flow && sided.side === side && sided.layer === 'underlay',
        ),
      );
    const isOurs = ({ outer }: PacketRecord) =>
      outer?.source === source && outer.sourcePort === sourcePort;
    const arrived = records('receiver').some(
      ({ record }) => isOurs(record) && record.outerChecksum.state === 'mismatch',
    );
    return arrived && records('sender').some(({ record }) => !isOurs(record));
  });
}

/**
 * Whether the sender's own capture, behind its nat, shows the port with right checksums only, from
 * before the first wrong one at the receiver on.
 */
function rightAtSender(
  { firstMismatch }: OuterPortUse,
  list: readonly { readonly sighting: SidedSighting; readonly use: OuterPortUse }[],
): boolean {
  return list.some(({ sighting, use }) => {
    const { valid, zero, mismatch } = use.datagrams;
    return (
      sighting.side === 'sender' &&
      valid + zero > 0 &&
      mismatch === 0 &&
      firstMismatch !== undefined &&
      compareInstants(use.first.at, firstMismatch.at) <= 0
    );
  });
}

/** SYNs are never cut up by segmentation offload, so all of one rewritten outer flow fare alike. */
function synsDisagree(attempts: readonly Attempt[], use: OuterPortUse): boolean {
  const states = new Set<string>();
  for (const { seen } of attempts) {
    for (const { sighting, record } of seen) {
      if (sighting.layer !== 'underlay') continue;
      if (record.outer?.sourcePort === use.sourcePort && record.outer.source === use.source) {
        states.add(record.outerChecksum.state);
      }
    }
  }
  return states.has('mismatch') && (states.has('valid') || states.has('zero'));
}

/** Where the datagrams of a port set out, by a tap in front of nat that saw one of their SYNs. */
export function tappedOf(use: PortUse, attempts: readonly Attempt[]): TappedOrigin | undefined {
  for (const { seen } of attempts) {
    const onWire = seen.some(
      ({ sighting, record }) =>
        sighting.layer === 'underlay' &&
        record.outer?.sourcePort === use.sourcePort &&
        record.outer.source === use.source,
    );
    const tap = seen.find(({ sighting }) => sighting.layer === 'tap');
    if (onWire && tap?.record.outer) {
      return { capture: tap.sighting.capture.name, record: tap.record, outer: tap.record.outer };
    }
  }
  return undefined;
}
