/**
 * ICMP (RFC 792), IGMP, and ICMPv6 with neighbour discovery (RFC 4443, RFC 4861): addresses in their
 * bodies are replaced, quoted packets redacted like any other, and all else is left out but the numbers
 * that tell one message from another.
 */
import type { IpLayer } from '../../wire/ip.js';
import { carryPlainChecksum, isWhole } from './checksums.js';
import type { Rewriting } from './rewriting.js';

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_IGMP = 2;
export const PROTOCOL_ICMPV6 = 58;

/** Redacts the IP packet that a message quotes, which was captured up to `end`. */
export type RedactQuoted = (at: number, end: number) => void;

const TYPE_AND_CHECKSUM = 4;
const HEADER_LENGTH = 8;

const ICMP_ERRORS: ReadonlySet<number> = new Set([3, 4, 5, 11, 12]);
const ICMP_REDIRECT = 5;

const ICMPV6_LAST_ERROR = 4;
const MLD: ReadonlySet<number> = new Set([130, 131, 132]);
const ROUTER_SOLICITATION = 133;
const ROUTER_ADVERTISEMENT = 134;
const NEIGHBOUR: ReadonlySet<number> = new Set([135, 136]);
const REDIRECT = 137;

/** Redacts the message in `ip`, whose captured bytes end at `stop`. */
export function redactControlMessage(
  rewriting: Rewriting,
  ip: IpLayer,
  stop: number,
  quoted: RedactQuoted,
): void {
  const at = ip.payload;
  if (at + TYPE_AND_CHECKSUM > stop) return;
  if (ip.protocol === PROTOCOL_ICMPV6) redactIcmpv6(rewriting, at, stop, quoted);
  else if (ip.protocol === PROTOCOL_ICMP) redactIcmp(rewriting, at, stop, quoted);
  else rewriting.keep(at, at + TYPE_AND_CHECKSUM);
  if (!isWhole(ip, stop)) return;
  carryPlainChecksum(rewriting, at, ip.end, ip.protocol === PROTOCOL_ICMPV6 ? ip : undefined);
}

function redactIcmp(rewriting: Rewriting, at: number, stop: number, quoted: RedactQuoted): void {
  const type = rewriting.from.getUint8(at);
  rewriting.keep(at, Math.min(at + HEADER_LENGTH, stop));
  if (type === ICMP_REDIRECT && at + HEADER_LENGTH <= stop) rewriting.ip(at + 4, 4);
  if (ICMP_ERRORS.has(type)) quoted(at + HEADER_LENGTH, stop);
}

function redactIcmpv6(rewriting: Rewriting, at: number, stop: number, quoted: RedactQuoted): void {
  const type = rewriting.from.getUint8(at);
  const addresses = (...offsets: number[]) => {
    for (const offset of offsets) if (at + offset + 16 <= stop) rewriting.ip(at + offset, 16);
  };
  rewriting.keep(at, Math.min(at + HEADER_LENGTH, stop));
  if (type <= ICMPV6_LAST_ERROR) quoted(at + HEADER_LENGTH, stop);
  else if (MLD.has(type)) addresses(8);
  else if (type === ROUTER_SOLICITATION) redactOptions(rewriting, at + 8, stop);
  else if (type === ROUTER_ADVERTISEMENT) {
    rewriting.keep(at + 8, Math.min(at + 16, stop));
    redactOptions(rewriting, at + 16, stop);
  } else if (NEIGHBOUR.has(type)) {
    addresses(8);
    redactOptions(rewriting, at + 24, stop);
  } else if (type === REDIRECT) {
    addresses(8, 24);
    redactOptions(rewriting, at + 40, stop);
  }
}

const SOURCE_LINK_LAYER = 1;
const TARGET_LINK_LAYER = 2;
const MTU = 5;

/** Options of neighbour discovery: link-layer addresses replaced, the MTU kept, the rest left out. */
function redactOptions(rewriting: Rewriting, start: number, stop: number): void {
  const { from } = rewriting;
  for (let at = start; at + 8 <= stop; ) {
    const length = from.getUint8(at + 1) * 8;
    if (length === 0 || at + length > stop) return;
    const type = from.getUint8(at);
    rewriting.keep(at, at + 2);
    if ((type === SOURCE_LINK_LAYER || type === TARGET_LINK_LAYER) && length === 8) {
      rewriting.mac(at + 2);
    } else if (type === MTU) rewriting.keep(at, at + 8);
    at += length;
  }
}
