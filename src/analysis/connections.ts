/**
 * From flows in single captures to connections: both directions, at every point where a capture was
 * taken, with each transmission of the SYN paired across them.
 */
import { addSeconds, compareInstants, type Instant, secondsBetween } from '../time.js';
import type { CaptureInput, Layer } from './input.js';
import type { FlowObservation, PacketRecord } from './observation.js';

/** One direction of a connection in one capture. */
export interface Sighting {
  readonly capture: CaptureInput;
  readonly layer: Layer;
  readonly flow: FlowObservation;
}

/** Both directions of an inner connection, the initiator's first. */
export interface Connection {
  readonly protocol: FlowObservation['protocol'];
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly forward: readonly Sighting[];
  readonly reverse: readonly Sighting[];
  /** Whether this is the answering direction, looked at for its own checksums. */
  readonly isReply: boolean;
}

/** What a capture shows: the user's word, or what is in it. Only a tap is logged by netfilter. */
export function layerOf(capture: CaptureInput): Layer {
  if (capture.layer) return capture.layer;
  if (capture.linkType === 'NFLOG') return 'tap';
  return capture.observation.tunnelDatagrams > 0 ? 'underlay' : 'overlay';
}

/**
 * All connections of which a capture shows tunnel datagrams, or an overlay capture a first packet.
 * In order of appearance.
 */
export function connectionsOf(captures: readonly CaptureInput[]): Connection[] {
  const directions = new Map<string, Sighting[]>();
  for (const capture of captures) {
    const layer = layerOf(capture);
    for (const flow of capture.observation.flows) {
      // On an underlay, packets outside the tunnel are somebody else's.
      if (flow.encapsulated !== (layer !== 'overlay')) continue;
      const key = keyOf(flow.protocol, endpoint(flow, 'source'), endpoint(flow, 'destination'));
      const sightings = directions.get(key);
      if (sightings) sightings.push({ capture, layer, flow });
      else directions.set(key, [{ capture, layer, flow }]);
    }
  }
  return pairDirections(directions);
}

function pairDirections(directions: ReadonlyMap<string, readonly Sighting[]>): Connection[] {
  const connections: Connection[] = [];
  const taken = new Set<string>();
  for (const [key, sightings] of directions) {
    if (taken.has(key)) continue;
    const { flow } = sightings[0]!;
    const backKey = keyOf(flow.protocol, endpoint(flow, 'destination'), endpoint(flow, 'source'));
    const back = backKey === key ? [] : (directions.get(backKey) ?? []);
    taken.add(key);
    taken.add(backKey);
    const turned = isInitiator(back, sightings);
    const [forward, reverse] = turned ? [back, sightings] : [sightings, back];
    const first = forward[0]!.flow;
    connections.push({
      protocol: first.protocol,
      source: first.source,
      destination: first.destination,
      sourcePort: first.sourcePort,
      destinationPort: first.destinationPort,
      forward,
      reverse,
      isReply: false,
    });
  }
  return connections;
}

/** The answering directions in which an underlay capture shows a wrong checksum. */
export function suspectReplies(connections: readonly Connection[]): Connection[] {
  return connections
    .filter(({ reverse }) =>
      reverse.some(
        ({ layer, flow }) =>
          layer === 'underlay' && (flow.datagrams.mismatch > 0 || flow.innerMismatch > 0),
      ),
    )
    .map(connection => ({
      ...connection,
      source: connection.destination,
      destination: connection.source,
      sourcePort: connection.destinationPort,
      destinationPort: connection.sourcePort,
      forward: connection.reverse,
      reverse: connection.forward,
      isReply: true,
    }));
}

/** Whether `candidate` opened the connection: it sent a SYN, the other a SYN-ACK, or it spoke first. */
function isInitiator(candidate: readonly Sighting[], other: readonly Sighting[]): boolean {
  if (candidate.length === 0) return false;
  const opened = (list: readonly Sighting[]) => list.some(({ flow }) => flow.syns.length > 0);
  const answered = (list: readonly Sighting[]) => list.some(({ flow }) => flow.synAcks.length > 0);
  if (opened(candidate) !== opened(other)) return opened(candidate);
  if (answered(candidate) !== answered(other)) return answered(other);
  return spokeFirst(candidate, other);
}

/** Told by a capture that shows both: clocks of different captures need not agree. */
function spokeFirst(candidate: readonly Sighting[], other: readonly Sighting[]): boolean {
  return candidate.some(({ capture, flow }) => {
    const answer = other.find(sighting => sighting.capture === capture);
    return answer !== undefined && compareInstants(flow.firstSeen, answer.flow.firstSeen) < 0;
  });
}

function endpoint(flow: FlowObservation, end: 'source' | 'destination'): string {
  return end === 'source'
    ? `${flow.source} ${flow.sourcePort}`
    : `${flow.destination} ${flow.destinationPort}`;
}

function keyOf(protocol: string, from: string, to: string): string {
  return `${protocol} ${from} > ${to}`;
}

/** One transmission of a SYN (or of a UDP query), at each point where it was captured. */
export interface Attempt {
  readonly at: Instant;
  readonly seen: readonly { readonly sighting: Sighting; readonly record: PacketRecord }[];
}

/**
 * Pairs the first packets of a connection across its captures, by their bytes, and by time where
 * bytes repeat; captures whose clocks are apart are first brought together. In the order of the
 * first capture's clock.
 *
 * @param ordered the forward sightings, the one to trust first for order and time in front
 */
export function attemptsOf(protocol: string, ordered: readonly Sighting[]): Attempt[] {
  if (protocol === 'udp' && ordered.some(isStream)) return [];
  const attempts: { at: Instant; seen: { sighting: Sighting; record: PacketRecord }[] }[] = [];
  for (const sighting of ordered) {
    const records = firstPackets(protocol, sighting);
    const shift = clockShift(attempts, records);
    for (const record of records) {
      const at = addSeconds(record.at, -shift);
      const candidates = attempts.filter(
        attempt =>
          attempt.seen[0]!.record.fingerprint === record.fingerprint &&
          !attempt.seen.some(other => other.sighting === sighting),
      );
      const nearest = candidates.sort((a, b) => distance(a.at, at) - distance(b.at, at))[0];
      if (nearest) nearest.seen.push({ sighting, record });
      else attempts.push({ at, seen: [{ sighting, record }] });
    }
  }
  // A copy: an array that was pushed to has room for many more, and there may be very many of them.
  return attempts.sort((a, b) => compareInstants(a.at, b.at)).slice();
}

/** More datagrams than are kept: media or the like, whose packets are no queries that are sent again. */
function isStream({ flow }: Sighting): boolean {
  return flow.packets > flow.queries.length + flow.copies;
}

function firstPackets(protocol: string, { flow }: Sighting): readonly PacketRecord[] {
  return protocol === 'udp' ? flow.queries : flow.syns;
}

/**
 * Seconds by which a capture's clock is ahead of the attempts', by the packets whose bytes are found
 * once in both; where bytes repeat, by the first of them.
 */
function clockShift(
  attempts: readonly { readonly at: Instant; readonly seen: Attempt['seen'] }[],
  records: readonly PacketRecord[],
): number {
  const shifts = records.flatMap(record => {
    const same = attempts.filter(({ seen }) => seen[0]!.record.fingerprint === record.fingerprint);
    const repeated = records.some(
      other => other !== record && other.fingerprint === record.fingerprint,
    );
    return same.length === 1 && !repeated ? [secondsBetween(same[0]!.at, record.at)] : [];
  });
  if (shifts.length > 0) return shifts.sort((a, b) => a - b)[Math.floor(shifts.length / 2)]!;
  const [first] = records;
  const counterpart = attempts.find(
    ({ seen }) => seen[0]!.record.fingerprint === first?.fingerprint,
  );
  return first && counterpart ? secondsBetween(counterpart.at, first.at) : 0;
}

/**
 * The attempts by the connection that they open: a retransmitted SYN has the sequence number of the
 * first, and one with another opens a new connection from the same port.
 */
export function byOpening(attempts: readonly Attempt[]): Attempt[][] {
  const openings = new Map<number, Attempt[]>();
  for (const attempt of attempts) {
    const { sequence } = attempt.seen[0]!.record;
    openings.set(sequence, [...(openings.get(sequence) ?? []), attempt]);
  }
  return [...openings.values()];
}

function distance(a: Instant, b: Instant): number {
  return Math.abs(secondsBetween(a, b));
}
