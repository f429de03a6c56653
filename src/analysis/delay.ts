/** How long the connection was held up, and why just that long. */
import { secondsBetween } from '../time.js';
import { connectSeconds, deliveries } from './delivery.js';
import { type ExaminedConnection, findingOf } from './examined-connection.js';
import type { DelayReport } from './verdict.js';

/**
 * The delay of a TCP connection; `undefined` where no SYN was captured.
 *
 * @param measured connect time that the client's kernel told, in seconds; else the captures' own
 */
export function delayOf(
  examined: ExaminedConnection,
  measured: number | undefined,
): DelayReport | undefined {
  const { attempts, connection } = examined;
  const [first] = attempts;
  if (connection.protocol !== 'tcp' || !first) return undefined;
  const delivered = deliveries(examined);
  const success = indexOfSuccess(examined, delivered);
  const winner = success === undefined ? undefined : attempts[success];
  return {
    connectSeconds: measured ?? connectSeconds(examined) ?? null,
    retransmits: attempts.length - 1,
    lostSeconds: winner ? secondsBetween(first.at, winner.at) : null,
    predictedSeconds: null,
    explanation: explain(examined, success),
  };
}

/** The SYN that got through: known to, or the last one of a connection that was answered. */
function indexOfSuccess(
  examined: ExaminedConnection,
  delivered: readonly (boolean | undefined)[],
): number | undefined {
  const known = delivered.indexOf(true);
  if (known >= 0) return known;
  const answered = examined.connection.reverse.some(({ flow }) => flow.synAcks.length > 0);
  return answered ? examined.attempts.length - 1 : undefined;
}

function explain(examined: ExaminedConnection, success: number | undefined): string {
  const { attempts } = examined;
  const [first] = attempts;
  if (success === undefined || !first) return `none of ${plural(attempts.length)} was answered`;
  if (success === 0) return 'the first SYN got through';
  const culprit = findingOf(examined, first);
  const winner = findingOf(examined, attempts[success]!);
  if (!culprit || !['stale', 'mangled'].includes(culprit.state) || !winner) {
    return `${plural(success)} lost before one got through, with nothing wrong in the outer checksum`;
  }
  const number = success + 1;
  const { sourcePort } = winner.use;
  if (sourcePort === culprit.before?.sourcePort) {
    const gap = secondsBetween(attempts[success - 1]!.at, attempts[success]!.at);
    return (
      `SYN ${number} left from port ${sourcePort} itself: in the ${gap.toFixed(1)} s before it the conntrack ` +
      'entry that rewrote the others had ended, and only the first packet of a connection is marked'
    );
  }
  return (
    `SYN ${number} took another outer port (${sourcePort}): its flow hash had changed (txrehash), so it ` +
    'made a conntrack entry of its own, without the mark and without SNAT'
  );
}

function plural(syns: number): string {
  return syns === 1 ? '1 SYN' : `${syns} SYNs`;
}
