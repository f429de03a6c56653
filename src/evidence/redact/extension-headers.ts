/**
 * IPv6 extension headers (RFC 8200 section 4): their order and lengths are kept, addresses in routing
 * headers replaced, and of options only those kept that are numbers.
 */
import type { IpLayer } from '../../wire/ip.js';
import type { Rewriting } from './rewriting.js';

const NEXT_HEADER_AT = 6;
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;
const MOBILITY = 135;

const PAD1 = 0;
/** PadN, router alert, jumbo payload. */
const KEPT_OPTIONS: ReadonlySet<number> = new Set([0x01, 0x05, 0xc2]);
/** Routing types whose segments are addresses from the eighth byte on (RFC 2460, RFC 6275, RFC 8754). */
const ADDRESS_LISTS: ReadonlySet<number> = new Set([0, 2, 4]);

/** Redacts the headers from `start` to the payload of `layer`, which was walked through them. */
export function redactExtensionHeaders(rewriting: Rewriting, start: number, layer: IpLayer): void {
  const { from } = rewriting;
  let next = from.getUint8(layer.start + NEXT_HEADER_AT);
  for (let at = start; at + 8 <= layer.payload; ) {
    const units = from.getUint8(at + 1);
    const length =
      next === FRAGMENT ? 8 : next === AUTHENTICATION ? (units + 2) * 4 : (units + 1) * 8;
    const end = Math.min(at + length, layer.payload);
    redactHeader(rewriting, next, at, end);
    next = from.getUint8(at);
    at = end;
  }
}

function redactHeader(rewriting: Rewriting, type: number, at: number, end: number): void {
  const { from } = rewriting;
  rewriting.keep(at, at + 2);
  switch (type) {
    case HOP_BY_HOP:
    case DESTINATION_OPTIONS:
      redactOptions(rewriting, at + 2, end);
      return;
    case ROUTING:
      rewriting.keep(at, at + 8);
      if (!ADDRESS_LISTS.has(from.getUint8(at + 2))) return;
      for (let segment = at + 8; segment + 16 <= end; segment += 16) rewriting.ip(segment, 16);
      return;
    case FRAGMENT:
    case AUTHENTICATION:
    case MOBILITY:
      rewriting.keep(at, at + 8);
      return;
    default:
      return;
  }
}

function redactOptions(rewriting: Rewriting, start: number, end: number): void {
  const { from } = rewriting;
  for (let option = start; option + 2 <= end; ) {
    const type = from.getUint8(option);
    if (type === PAD1) {
      option += 1;
      continue;
    }
    const length = 2 + from.getUint8(option + 1);
    rewriting.keep(option, option + (KEPT_OPTIONS.has(type) ? Math.min(length, end - option) : 2));
    option += length;
  }
}
