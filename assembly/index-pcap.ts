/**
 * Indexes the plain records of a pcap file: little-endian, whole, of a lawful length and time. It stops
 * at the first that is anything else; src/capture-file/pcap.ts goes on from there.
 */
import { Record } from './layout';

const RECORD_HEADER_BYTES: u32 = 16;

/** Where the last `indexPcap` stopped. */
let stopped: u32 = 0;

/**
 * Writes up to `room` records of the bytes `[start, end)` to `index`; returns how many.
 *
 * @param fraction nanoseconds that the second number of a record's time counts: 1 or 1000
 * @param before frames of the file in front of them
 * @param longest captured bytes that a record may claim
 */
export function indexPcap(
  start: u32,
  end: u32,
  index: u32,
  room: u32,
  linkType: u32,
  fraction: u32,
  before: f64,
  longest: u32,
): u32 {
  let at = start;
  let count: u32 = 0;
  const perSecond: u32 = 1_000_000_000 / fraction;
  while (count < room && end - at >= RECORD_HEADER_BYTES) {
    const captured = load<u32>(at, 8);
    if (captured > longest || captured > end - at - RECORD_HEADER_BYTES) break;
    const part = load<u32>(at, 4);
    if (part >= perSecond) break;
    const record = index + count * Record.BYTES;
    const frame = at + RECORD_HEADER_BYTES;
    store<u32>(record, frame, Record.START);
    store<u32>(record, frame + captured, Record.END);
    store<u32>(record, load<u32>(at, 12), Record.ORIGINAL_LENGTH);
    store<u32>(record, linkType, Record.LINK_TYPE);
    store<u32>(record, 0, Record.INTERFACE);
    store<u32>(record, part * fraction, Record.NANOSECONDS);
    store<f64>(record, <f64>load<u32>(at), Record.SECONDS);
    count++;
    store<f64>(record, before + <f64>count, Record.NUMBER);
    at = frame + captured;
  }
  stopped = at;
  return count;
}

export function indexStopped(): u32 {
  return stopped;
}
