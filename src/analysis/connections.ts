/**
 * From flows in single captures to connections: both directions, at every point where a capture was
 * taken, with each transmission of the SYN paired across them.
 */
import { compareInstants, type Instant, secondsBetween } from '../time.js';
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
    });
  }
  return connections;
}

/** Whether `candidate` opened the connection: it sent a SYN, the other a SYN-ACK, or it spoke first. */
function isInitiator(candidate: readonly Sighting[], other: readonly Sighting[]): boolean {
  if (candidate.length === 0) return false;
  const opened = (list: readonly Sighting[]) => list.some(({ flow }) => flow.syns.length > 0);
  const answered = (list: readonly Sighting[]) => list.some(({ flow }) => flow.synAcks.length > 0);
  if (opened(candidate) !== opened(other)) return opened(candidate);
  if (answered(candidate) !== answered(other)) return answered(other);
  return false;
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
 * bytes repeat. In the order of the sender's clock as far as it was captured.
 *
 * @param ordered the forward sightings, the one to trust first for order and time in front
 */
export function attemptsOf(protocol: string, ordered: readonly Sighting[]): Attempt[] {
  const attempts: { at: Instant; seen: { sighting: Sighting; record: PacketRecord }[] }[] = [];
  for (const sighting of ordered) {
    const { flow } = sighting;
    for (const record of protocol === 'udp' ? flow.queries : flow.syns) {
      const candidates = attempts.filter(
        attempt =>
          attempt.seen[0]!.record.fingerprint === record.fingerprint &&
          !attempt.seen.some(other => other.sighting === sighting),
      );
      const nearest = candidates.sort(
        (a, b) => distance(a.at, record.at) - distance(b.at, record.at),
      )[0];
      if (nearest) nearest.seen.push({ sighting, record });
      else attempts.push({ at: record.at, seen: [{ sighting, record }] });
    }
  }
  return attempts.sort((a, b) => compareInstants(a.at, b.at));
}

function distance(a: Instant, b: Instant): number {
  return Math.abs(secondsBetween(a, b));
}
