/** How long the connection was held up, and why just that long. */
import { sysctlNumber } from '../snapshot/sysctl.js';
import { secondsBetween } from '../time.js';
import { byOpening } from './connections.js';
import { type DelayPrediction, delayFacts, predictDelay } from './delay-model.js';
import { connectSeconds, deliveries } from './delivery.js';
import { type ExaminedConnection, findingOf } from './examined-connection.js';
import type { DelayReport } from './verdict.js';

/**
 * The delay of a TCP connection, or of a UDP exchange; `undefined` where nothing of its beginning was
 * captured.
 *
 * @param measured connect time that the client told, in seconds, where no capture shows it
 */
export function delayOf(
  examined: ExaminedConnection,
  measured: number | undefined,
): DelayReport | undefined {
  const { attempts, connection } = examined;
  const [first] = attempts;
  if (connection.protocol === 'other' || !first) return undefined;
  const success = indexOfSuccess(examined, deliveries(examined));
  const winner = success === undefined ? undefined : attempts[success];
  const lostSeconds = winner ? secondsBetween(first.at, winner.at) : undefined;
  const prediction = connection.protocol === 'tcp' ? predictionFor(examined) : undefined;
  const disagrees = prediction && !agrees(prediction.seconds, lostSeconds);
  return {
    connectSeconds: connectSeconds(examined) ?? measured ?? null,
    retransmits: attempts.length - byOpening(attempts).length,
    lostSeconds: lostSeconds ?? null,
    predictedSeconds: prediction?.seconds ?? null,
    explanation: explain(examined, success) + (disagrees ? `; but ${prediction.because}` : ''),
  };
}

/** Within 5 %, or 50 ms of one another. */
function agrees(predicted: number | undefined, measured: number | undefined): boolean {
  if (predicted === undefined || measured === undefined) return predicted === measured;
  return Math.abs(predicted - measured) <= Math.max(0.05, 0.05 * predicted);
}

/** What the sender's settings make one expect: no delay where the first SYN's checksum is right. */
function predictionFor(examined: ExaminedConnection): DelayPrediction | undefined {
  const first = examined.attempts[0] && findingOf(examined, examined.attempts[0]);
  if (!first?.binding) return undefined;
  if (!isConvicted(first)) return { seconds: 0, because: 'nothing is wrong with the first SYN' };
  const facts = delayFacts(examined.sender, examined.device, examined.companions());
  return facts && predictDelay(facts);
}

/** The attempt that got through: known to, or the last one of a connection that was answered. */
function indexOfSuccess(
  { connection, attempts }: ExaminedConnection,
  delivered: readonly (boolean | undefined)[],
): number | undefined {
  const known = delivered.indexOf(true);
  if (known >= 0) return known;
  const answered = connection.reverse.some(({ flow }) => flow.synAcks.length > 0);
  return answered ? attempts.length - 1 : undefined;
}

function explain(examined: ExaminedConnection, success: number | undefined): string {
  const { attempts, connection } = examined;
  const unit = connection.protocol === 'udp' ? 'datagram' : 'SYN';
  const [first] = attempts;
  if (success === undefined || !first) {
    return attempts.length === 1
      ? `the only ${unit} was not answered`
      : `none of ${plural(attempts.length, unit)} was answered`;
  }
  if (success === 0) return `the first ${unit} got through`;
  const culprit = findingOf(examined, first);
  const winner = findingOf(examined, attempts[success]!);
  if (!culprit || !isConvicted(culprit) || !winner) {
    return `${plural(success, unit)} lost before one got through, with nothing wrong in the outer checksum`;
  }
  const number = success + 1;
  const { sourcePort } = winner.use;
  if (sourcePort === culprit.before?.sourcePort) {
    const gap = secondsBetween(attempts[success - 1]!.at, attempts[success]!.at);
    return (
      `${unit} ${number} left from port ${sourcePort} itself: in the ${gap.toFixed(1)} s before it the conntrack ` +
      `entry that rewrote the others had ended${entryLife(examined)}, and only the first packet of a ` +
      'connection is marked'
    );
  }
  return (
    `${unit} ${number} took another outer port (${sourcePort}): its flow hash had changed${rehash(examined)}, ` +
    'so it made a conntrack entry of its own, without the mark and without SNAT'
  );
}

function entryLife({ sender }: ExaminedConnection): string {
  const seconds =
    sender?.sysctls && sysctlNumber(sender.sysctls, 'net.netfilter.nf_conntrack_udp_timeout');
  return seconds === undefined
    ? ''
    : ` (nf_conntrack_udp_timeout=${seconds}, refreshed by each of them)`;
}

function rehash({ sender }: ExaminedConnection): string {
  const setting = sender?.sysctls?.get('net.core.txrehash');
  return setting === undefined ? '' : ` (net.core.txrehash=${setting})`;
}

function isConvicted({ state }: { readonly state: string }): boolean {
  return state === 'stale' || state === 'mangled';
}

function plural(count: number, unit: string): string {
  return count === 1 ? `1 ${unit}` : `${count} ${unit}s`;
}
