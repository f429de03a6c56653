/** Whether a SYN got through, and how it is known. */
import { compareInstants, type Instant, secondsBetween } from '../time.js';
import type { Attempt } from './connections.js';
import type { ExaminedConnection } from './examined-connection.js';
import type { Layer, Side } from './input.js';
import type { PacketRecord } from './observation.js';
import type { SidedSighting } from './sides.js';

/** What each SYN came to, in order; `undefined` where no capture can tell. */
export function deliveries(examined: ExaminedConnection): (boolean | undefined)[] {
  const { attempts, sightings } = examined;
  const peerOverlay = sightings.find(
    ({ side, layer }) => side === 'receiver' && layer === 'overlay',
  );
  const answers = synAcks(examined);
  return attempts.map(attempt => {
    if (peerOverlay && sawIt(attempt, peerOverlay)) return true;
    if (peerOverlay || wasWatched(examined, 'overlay', 'receiver', attempt)) return false;
    return answeredBy(attempt, attempts, answers) !== undefined ? true : undefined;
  });
}

/**
 * Whether a capture would have shown the attempt at this point. One that shows nothing at all of the
 * connection counts only if something says that it was running then: another capture of its node
 * shows the connection, or its own frames surround the attempt.
 */
export function wasWatched(
  { sightings, watched }: ExaminedConnection,
  layer: Layer,
  side: Side,
  { at }: Attempt,
): boolean {
  return watched.some(point => {
    if (point.layer !== layer || point.side !== side) return false;
    const { node, observation } = point.capture;
    const { firstSeen, lastSeen } = observation;
    const shown = sightings.some(
      ({ capture }) => capture === point.capture || (node !== undefined && capture.node === node),
    );
    const surrounds =
      firstSeen !== undefined &&
      lastSeen !== undefined &&
      compareInstants(firstSeen, at) <= 0 &&
      compareInstants(at, lastSeen) <= 0;
    return shown || surrounds;
  });
}

function sawIt(attempt: Attempt, sighting: SidedSighting): boolean {
  return attempt.seen.some(({ sighting: seen }) => seen.flow === sighting.flow);
}

interface Answer {
  readonly record: PacketRecord;
  readonly at: Instant;
}

function synAcks({ connection }: ExaminedConnection): Answer[] {
  return connection.reverse.flatMap(({ flow }) =>
    flow.synAcks.map(record => ({ record, at: record.at })),
  );
}

/** The SYN-ACK that echoes the SYN's own timestamp; without timestamps, the only SYN there was. */
function answeredBy(
  attempt: Attempt,
  all: readonly Attempt[],
  answers: readonly Answer[],
): Answer | undefined {
  const { timestampValue } = attempt.seen[0]!.record;
  if (timestampValue >= 0) {
    return answers.find(({ record }) => record.timestampEcho === timestampValue);
  }
  return all.length === 1 ? answers[0] : undefined;
}

/**
 * Seconds from the first SYN to the first SYN-ACK, both from one capture, the client's if there is
 * one; `undefined` if no capture has both.
 */
export function connectSeconds({
  connection,
  attempts,
  sightings,
}: ExaminedConnection): number | undefined {
  for (const sighting of sightings) {
    const back = connection.reverse.find(({ capture }) => capture === sighting.capture);
    const answer = back?.flow.synAcks[0];
    const first = attempts[0]?.seen.find(({ sighting: seen }) => seen.flow === sighting.flow);
    if (answer && first) return secondsBetween(first.record.at, answer.at);
  }
  return undefined;
}
