/**
 * IPv6 (RFC 8200) with its extension headers.
 *
 *     0     version, traffic class, flow label
 *     4     payload length              6     next header        7     hop limit
 *     8     source                      24    destination        40    payload
 */
import { type IpLayer, isCutLength } from './ip.js';

export const HEADER_LENGTH = 40;
const PAYLOAD_LENGTH_AT = 4;
const NEXT_HEADER_AT = 6;
const SOURCE_AT = 8;
const DESTINATION_AT = 24;

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;
const MOBILITY = 135;
const NO_NEXT_HEADER = 59;

const OPTION_PAD1 = 0;
const OPTION_JUMBO = 0xc2;

const ROUTING_TYPE_AT = 2;
const SEGMENTS_LEFT_AT = 3;
/** Types 0 (RFC 2460) and 2 (RFC 6275): the last address is the final one. */
const SOURCE_ROUTE = 0;
const MOBILE_ROUTE = 2;
/** Type 4 (RFC 8754): segments stand in reverse order, and options may follow them. */
const SEGMENT_ROUTE = 4;

/**
 * Fills `layer` from the header at `start`, extension headers walked through; false where the
 * captured bytes end before the headers do, or where its final destination cannot be known. A
 * payload length of 0 is that of a jumbogram, whose option says the true one (RFC 2675), or of a BIG
 * TCP packet without that option.
 *
 * @param end of the captured bytes
 * @param limit end of what is around the packet, captured or not: where a packet ends whose length
 *   cannot be true
 */
export function readIpv6(
  view: DataView,
  start: number,
  end: number,
  layer: IpLayer,
  limit = end,
): boolean {
  if (start + HEADER_LENGTH > end) return false;
  const payloadLength = view.getUint16(start + PAYLOAD_LENGTH_AT);
  layer.version = 6;
  layer.start = start;
  layer.sourceAt = start + SOURCE_AT;
  layer.destinationAt = start + DESTINATION_AT;
  layer.addressLength = 16;
  const isCut = isCutLength(payloadLength, limit - start - HEADER_LENGTH);
  layer.end = isCut ? limit : start + HEADER_LENGTH + payloadLength;
  layer.assumedEnd = isCut;
  layer.fragmentOffset = 0;
  layer.moreFragments = false;
  layer.fragmentable = start + HEADER_LENGTH;
  if (payloadLength === 0 && view.getUint8(start + NEXT_HEADER_AT) === HOP_BY_HOP) {
    readJumboLength(view, start, end, layer);
  }
  return walkExtensionHeaders(view, start, end, layer);
}

/**
 * The jumbo payload option of a hop-by-hop header (RFC 2675 section 2): type 0xc2, length 4, then the
 * payload length in 32 bits, which counts from the end of the IPv6 header.
 */
function readJumboLength(view: DataView, start: number, end: number, layer: IpLayer): void {
  const header = start + HEADER_LENGTH;
  if (header + 8 > end) return;
  const stop = Math.min(header + (view.getUint8(header + 1) + 1) * 8, end);
  let option = header + 2;
  while (option + 6 <= stop) {
    const type = view.getUint8(option);
    if (type === OPTION_PAD1) {
      option += 1;
      continue;
    }
    const length = view.getUint8(option + 1);
    if (type === OPTION_JUMBO && length === 4) {
      layer.end = header + view.getUint32(option + 2);
      layer.assumedEnd = false;
      return;
    }
    option += 2 + length;
  }
}

function walkExtensionHeaders(view: DataView, start: number, end: number, layer: IpLayer): boolean {
  let next = view.getUint8(start + NEXT_HEADER_AT);
  let at = start + HEADER_LENGTH;
  for (;;) {
    switch (next) {
      case HOP_BY_HOP:
      case DESTINATION_OPTIONS:
      case MOBILITY:
      case ROUTING: {
        if (at + 8 > end) return false;
        const length = (view.getUint8(at + 1) + 1) * 8;
        if (next === ROUTING && view.getUint8(at + SEGMENTS_LEFT_AT) > 0) {
          if (at + length > end) return false;
          layer.destinationAt = finalDestination(view, at, length);
          if (layer.destinationAt < 0) return false;
        }
        next = view.getUint8(at);
        at += length;
        break;
      }
      case AUTHENTICATION: {
        if (at + 8 > end) return false;
        const length = (view.getUint8(at + 1) + 2) * 4;
        next = view.getUint8(at);
        at += length;
        break;
      }
      case FRAGMENT: {
        if (at + 8 > end) return false;
        const field = view.getUint16(at + 2);
        layer.fragmentOffset = field & 0xfff8;
        layer.moreFragments = (field & 1) !== 0;
        next = view.getUint8(at);
        at += 8;
        layer.fragmentable = at;
        // Behind a later fragment's header stands a piece of the payload, not a header.
        if (layer.fragmentOffset !== 0) {
          layer.protocol = next;
          layer.payload = at;
          return at <= end;
        }
        break;
      }
      default:
        layer.protocol = next === NO_NEXT_HEADER ? -1 : next;
        layer.payload = at;
        return at <= end && at <= layer.end;
    }
  }
}

/**
 * Where the address stands that a packet under way by a routing header is going to in the end: the
 * one that its checksums cover (RFC 8200 section 8.1). -1 for a type whose layout is not known.
 */
function finalDestination(view: DataView, at: number, length: number): number {
  if (length < 8 + 16) return -1;
  switch (view.getUint8(at + ROUTING_TYPE_AT)) {
    case SOURCE_ROUTE:
    case MOBILE_ROUTE:
      return at + length - 16;
    case SEGMENT_ROUTE:
      return at + 8;
    default:
      return -1;
  }
}
