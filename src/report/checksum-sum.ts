/**
 * The checksum of a tunnel's datagram carried out on paper: the 16-bit words of the pseudo-header, of
 * the UDP header with its checksum counted as 0, and of all that follows, each line with its own sum
 * and the total so far (RFC 768, RFC 1071).
 */
import { hex16 } from '../analysis/verdict.js';
import { complement, fold } from '../wire/checksum.js';
import { PROTOCOL_TCP } from '../wire/ip.js';
import * as tcp from '../wire/tcp.js';
import * as udp from '../wire/udp.js';
import { type Dissection, type LayerName, transportHeaderEnd } from './dissection.js';

export interface SumLine {
  readonly layer: LayerName | 'pseudo-header';
  readonly what: string;
  /** 16-bit words as four hexadecimal digits; empty where a line stands for many. */
  readonly words: readonly string[];
  readonly sum: number;
  /** With all lines above. */
  readonly total: number;
}

export interface WrittenSum {
  readonly lines: readonly SumLine[];
  /** The total, then each fold of its carries into 16 bits. */
  readonly folds: readonly number[];
  /** The complement of the last fold: what the checksum field should hold. */
  readonly correct: number;
  readonly stored: number;
  /** Where offload had not finished the inner checksum: what was captured, and what is counted. */
  readonly completed: { readonly captured: number; readonly counted: number } | null;
}

const WORDS_IN_LINE = 8;
/** Lines of payload that are written out; what is more is one line. */
const PAYLOAD_LINES = 24;

/** Writes the sum out; `undefined` where the checksum is not wrong, or inner lengths lie. */
export function writtenSum(dissection: Dissection): WrittenSum | undefined {
  const { packet, outer } = dissection;
  if (outer.state !== 'mismatch') return undefined;
  const { bytes, completed } = countedBytes(dissection);
  const view = new DataView(bytes.buffer);
  const parts = [
    ...pseudoHeader(dissection),
    ...datagramParts(dissection, view).flatMap(part => split(part)),
  ];
  let total = 0;
  const lines = parts.map(({ layer, what, words, sum }) => {
    total += sum;
    return { layer, what, words: words.map(word => hex(word)), sum, total };
  });
  const folds = [total];
  while (folds.at(-1)! > 0xffff) {
    const value = folds.at(-1)!;
    folds.push(Math.floor(value / 0x10000) + (value & 0xffff));
  }
  const checksum = complement(fold(total));
  // A computed 0 is sent as 0xffff, since 0 means "not in use" (RFC 768).
  const correct = checksum === 0 ? 0xffff : checksum;
  if (correct !== outer.correct) return undefined;
  return {
    lines,
    folds,
    correct,
    stored: udp.checksum(dissection.view, packet.udp),
    completed,
  };
}

/** The frame's bytes with the outer checksum as 0 and the inner one complete. */
function countedBytes({ bytes, packet, inner }: Dissection): {
  bytes: Uint8Array<ArrayBuffer>;
  completed: WrittenSum['completed'];
} {
  const counted = Uint8Array.from(bytes);
  const view = new DataView(counted.buffer);
  view.setUint16(packet.udp + udp.CHECKSUM_AT, 0);
  if (inner.state !== 'partial') return { bytes: counted, completed: null };
  const isTcp = packet.ip.protocol === PROTOCOL_TCP;
  const at = packet.ip.payload + (isTcp ? tcp.CHECKSUM_AT : udp.CHECKSUM_AT);
  view.setUint16(at, inner.correct);
  return { bytes: counted, completed: { captured: inner.stored, counted: inner.correct } };
}

interface Part {
  readonly layer: SumLine['layer'];
  readonly what: string;
  readonly words: readonly number[];
}

function pseudoHeader({ view, packet }: Dissection): (Part & { sum: number })[] {
  const { outer, udp: at, udpEnd } = packet;
  const part = (what: string, words: readonly number[]) => ({
    layer: 'pseudo-header' as const,
    what,
    words,
    sum: sumOf(words),
  });
  const address = (from: number) => wordsOf(view, from, from + outer.addressLength);
  return [
    part('source address', address(outer.sourceAt)),
    part('destination address', address(outer.destinationAt)),
    part('protocol and UDP length', [outer.protocol, ...lengthWords(udpEnd - at)]),
  ];
}

/** Lengths over 65535 (BIG TCP) count with both their words. */
function lengthWords(length: number): number[] {
  return length > 0xffff ? [length >>> 16, length & 0xffff] : [length];
}

function datagramParts({ packet }: Dissection, view: DataView): Part[] {
  const { udp: at, udpEnd, ip } = packet;
  const tunnel = at + udp.HEADER_LENGTH;
  const words = (start: number, end: number) => wordsOf(view, start, Math.min(end, udpEnd));
  const header: Part = {
    layer: 'outer-udp',
    what: 'UDP header, checksum as 0',
    words: words(at, tunnel),
  };
  if (ip.version === 0) {
    return [header, { layer: 'payload', what: 'payload', words: words(tunnel, udpEnd) }];
  }
  const innerFrame = frameStart(packet.encapsulation, view, tunnel);
  const transportEnd = Math.min(udpEnd, transportHeaderEnd(view, packet));
  const parts: Part[] = [
    header,
    { layer: 'tunnel', what: tunnelName(packet.encapsulation), words: words(tunnel, innerFrame) },
    { layer: 'inner-link', what: 'inner Ethernet header', words: words(innerFrame, ip.start) },
    { layer: 'inner-ip', what: 'inner IP header', words: words(ip.start, ip.payload) },
    {
      layer: 'inner-transport',
      what: ip.protocol === PROTOCOL_TCP ? 'inner TCP header' : 'inner transport header',
      words: words(ip.payload, transportEnd),
    },
    { layer: 'payload', what: 'inner payload', words: words(transportEnd, udpEnd) },
  ];
  return parts.filter(part => part.words.length > 0);
}

function frameStart(encapsulation: string, view: DataView, tunnel: number): number {
  if (encapsulation !== 'geneve') return tunnel + 8;
  return tunnel + 8 + (view.getUint8(tunnel) & 0x3f) * 4;
}

function tunnelName(encapsulation: string): string {
  return encapsulation === 'geneve' ? 'Geneve header' : 'VXLAN header';
}

/** Lines of at most eight words; a long payload is cut short, with the sum of what is not shown. */
function split({ layer, what, words }: Part): (Part & { sum: number })[] {
  const lines: (Part & { sum: number })[] = [];
  for (let at = 0; at < words.length; at += WORDS_IN_LINE) {
    if (lines.length === PAYLOAD_LINES) {
      const rest = words.slice(at);
      const sum = sumOf(rest);
      lines.push({ layer, what: `${rest.length} more words`, words: [], sum });
      break;
    }
    const own = words.slice(at, at + WORDS_IN_LINE);
    lines.push({ layer, what: at === 0 ? what : '', words: own, sum: sumOf(own) });
  }
  return lines;
}

/** Big-endian words; an odd last byte is followed by a zero (RFC 1071). */
function wordsOf(view: DataView, start: number, end: number): number[] {
  const words: number[] = [];
  for (let at = start; at < end; at += 2) {
    words.push(at + 2 <= end ? view.getUint16(at) : view.getUint8(at) << 8);
  }
  return words;
}

function sumOf(words: readonly number[]): number {
  return words.reduce((total, word) => total + word, 0);
}

function hex(word: number): string {
  return hex16(word).slice(2);
}
