/** Which captures' clocks can be compared, and by which packets. */
import { estimateClock, type SeenTwice } from './clocks.js';
import type { Sighting } from './connections.js';
import type { ExaminedConnection } from './examined-connection.js';
import type { CaptureInput } from './input.js';
import type { ClockReport } from './verdict.js';

/** Packets that are looked at; more would not make the estimate better. */
const MOST_PACKETS = 10_000;

/** One estimate for each pair of a sender's and a receiver's underlay capture. */
export function compareClocks(examined: readonly ExaminedConnection[]): ClockReport[] {
  const pairs = new Map<string, { a: CaptureInput; b: CaptureInput; packets: SeenTwice[] }>();
  for (const { sightings, attempts, connection } of examined) {
    const at = (side: string) =>
      sightings.find(sighting => sighting.layer === 'underlay' && sighting.side === side);
    const [sender, receiver] = [at('sender'), at('receiver')];
    if (!sender || !receiver) continue;
    const key = `${sender.capture.name}\n${receiver.capture.name}`;
    const pair = pairs.get(key) ?? { a: sender.capture, b: receiver.capture, packets: [] };
    pairs.set(key, pair);
    if (pair.packets.length > MOST_PACKETS) continue;
    for (const { seen } of attempts) {
      const reference = seen.find(({ sighting }) => sighting.flow === sender.flow)?.record.at;
      const other = seen.find(({ sighting }) => sighting.flow === receiver.flow)?.record.at;
      if (reference && other) pair.packets.push({ reference, other, outward: true });
    }
    pair.packets.push(...answersSeenTwice(connection.reverse, sender.capture, receiver.capture));
  }
  return [...pairs.values()].flatMap(({ a, b, packets }) => {
    const estimate = estimateClock(packets);
    return estimate ? [{ reference: a.name, other: b.name, ...estimate }] : [];
  });
}

/** SYN-ACKs, which pass the receiver's capture first. */
function answersSeenTwice(
  reverse: readonly Sighting[],
  sender: CaptureInput,
  receiver: CaptureInput,
): SeenTwice[] {
  const answers = (capture: CaptureInput) =>
    reverse.find(sighting => sighting.capture === capture)?.flow.synAcks ?? [];
  const sent = answers(receiver);
  return answers(sender).flatMap(({ at, fingerprint }) => {
    const same = sent.filter(answer => answer.fingerprint === fingerprint);
    return same.length === 1 ? [{ reference: at, other: same[0]!.at, outward: false }] : [];
  });
}
