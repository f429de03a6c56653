/**
 * IPv4 (RFC 791).
 *
 *     0     version, header length in 4-byte words
 *     2     total length                6     flags, fragment offset in 8-byte units
 *     8     time to live                9     protocol
 *     10    header checksum             12    source        16    destination        20    options
 */
import { type IpLayer, isCutLength } from './ip.js';

export const MIN_HEADER_LENGTH = 20;
const TOTAL_LENGTH_AT = 2;
const FLAGS_AT = 6;
const TTL_AT = 8;
const PROTOCOL_AT = 9;
export const HEADER_CHECKSUM_AT = 10;
const SOURCE_AT = 12;
const DESTINATION_AT = 16;

/**
 * Fills `layer` from the header at `start`; false where the captured bytes end before the header
 * does, or where its own lengths contradict each other.
 *
 * @param end of the captured bytes
 * @param limit end of what is around the packet (frame, tunnel datagram), captured or not: where a
 *   packet ends whose length cannot be true
 */
export function readIpv4(
  view: DataView,
  start: number,
  end: number,
  layer: IpLayer,
  limit = end,
): boolean {
  if (start + MIN_HEADER_LENGTH > end) return false;
  const headerLength = (view.getUint8(start) & 0x0f) * 4;
  const totalLength = view.getUint16(start + TOTAL_LENGTH_AT);
  if (headerLength < MIN_HEADER_LENGTH || start + headerLength > end) return false;
  // A segmentation-offload packet captured before it was cut up: the frame says how long it is.
  const isCut = isCutLength(totalLength, limit - start);
  if (!isCut && totalLength < headerLength) return false;
  const flags = view.getUint16(start + FLAGS_AT);
  layer.version = 4;
  layer.start = start;
  layer.sourceAt = start + SOURCE_AT;
  layer.destinationAt = start + DESTINATION_AT;
  layer.addressLength = 4;
  layer.protocol = view.getUint8(start + PROTOCOL_AT);
  layer.payload = start + headerLength;
  layer.end = isCut ? limit : start + totalLength;
  layer.assumedEnd = isCut;
  layer.fragmentOffset = (flags & 0x1fff) * 8;
  layer.moreFragments = (flags & 0x2000) !== 0;
  layer.fragmentable = layer.payload;
  return true;
}

/** Time to live. */
export function timeToLive(view: DataView, start: number): number {
  return view.getUint8(start + TTL_AT);
}
