/**
 * One IP datagram that arrives in fragments (RFC 791 section 3.2, RFC 8200 section 4.5), and what is
 * left of it where not all of them come.
 */
import { copyOfBytes } from '../wire/bytes.js';
import { type IpLayer, PROTOCOL_UDP } from '../wire/ip.js';
import * as udp from '../wire/udp.js';

/** A frame by number and time: where in its capture a fragment came. */
export interface FragmentFrame {
  readonly number: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly interfaceIndex: number;
  readonly file?: string | undefined;
}

/** One fragment's share: `length` bytes from `offset` on, of which `bytes` were captured. */
interface Piece {
  readonly offset: number;
  readonly length: number;
  readonly bytes: Uint8Array;
}

/** A datagram put together: an IP packet without fragmentation, to be walked like any other. */
export interface RebuiltPacket {
  /** Headers and data as far as they are known without a gap. */
  readonly bytes: Uint8Array;
  /** Length that the whole packet has, or must have. */
  readonly length: number;
  /** Bytes of it that were not captured; -1 where that is not known. */
  readonly missing: number;
  /** The frame it is attributed to: the last fragment's, or the first one's where some did not come. */
  readonly frame: FragmentFrame;
}

/** What an object, its array and its place in a map take beside the bytes. */
const PIECE_OVERHEAD = 160;
const IPV4_LENGTH_AT = 2;
const IPV4_FRAGMENT_AT = 6;
const IPV4_PROTOCOL_AT = 9;
const IPV6_HEADER_LENGTH = 40;
const IPV6_LENGTH_AT = 4;
const FRAGMENT_HEADER_LENGTH = 8;
const MORE_FRAGMENTS = 0x2000;

/**
 * - `added`, and `complete` if it was the last one lacking
 * - `duplicate`: the very same again, as on a mirror port
 * - `overlap`: claims bytes that another one brought, or contradicts it: the datagram is dropped
 *   whole, as receivers do (RFC 5722; Linux for IPv4 too since 4.19)
 */
export type AddResult = 'added' | 'complete' | 'duplicate' | 'overlap';

export class FragmentedDatagram {
  readonly key: string;
  /** When its first fragment came. */
  readonly since: number;
  /** Set once it is dropped: what still comes of it belongs to nothing. */
  dropped = false;
  /** Set once it is no longer waited for. */
  done = false;
  /** Estimate of the memory it holds, in bytes. */
  cost = PIECE_OVERHEAD;
  readonly #version: 4 | 6;
  #pieces: Piece[] = [];
  #header: Uint8Array | undefined;
  #first: FragmentFrame | undefined;
  #last: FragmentFrame;
  /** Length of the fragmentable part; -1 until the last fragment tells. */
  #total = -1;
  #claimed = 0;
  #captured = 0;

  constructor(key: string, version: 4 | 6, frame: FragmentFrame) {
    this.key = key;
    this.since = frame.seconds;
    this.#version = version;
    this.#last = frame;
  }

  /** Takes the fragment `layer` of the bytes, which are captured up to `end`. */
  add(bytes: Uint8Array, end: number, layer: IpLayer, frame: FragmentFrame): AddResult {
    const { fragmentable, fragmentOffset: offset } = layer;
    const length = layer.end - fragmentable;
    const index = this.#indexOf(offset);
    const data = bytes.subarray(fragmentable, Math.min(end, layer.end));
    const same = this.#pieces[index];
    if (same && same.offset === offset && same.length === length && isEqual(same.bytes, data)) {
      return 'duplicate';
    }
    if (!this.#fits(index, offset, length, layer)) return 'overlap';
    this.#pieces.splice(index, 0, { offset, length, bytes: copyOfBytes(data) });
    this.#claimed += length;
    this.#captured += data.length;
    this.cost += data.length + PIECE_OVERHEAD;
    this.#last = frame;
    if (!layer.moreFragments) this.#total = offset + length;
    if (offset === 0) {
      this.#header = copyOfBytes(bytes, layer.start, fragmentable);
      this.#first = frame;
      this.cost += this.#header.length;
    }
    return this.#claimed === this.#total ? 'complete' : 'added';
  }

  /** Lets go of what was kept: the datagram is dropped. */
  drop(): void {
    this.dropped = true;
    this.#pieces = [];
    this.#header = undefined;
    this.cost = PIECE_OVERHEAD;
  }

  /** The packet as far as it came; `undefined` without its first fragment, which has the ports. */
  rebuild(): RebuiltPacket | undefined {
    if (!this.#header || !this.#first) return undefined;
    const isWhole = this.#claimed === this.#total;
    const total = this.#wholeLength();
    const bytes = this.#prefix(this.#header);
    const end = total < 0 ? bytes.length - this.#header.length : total;
    this.#mendHeader(bytes, this.#header.length, end, total >= 0);
    return {
      bytes,
      length: this.#header.length + end,
      missing: total < 0 ? -1 : Math.max(total - this.#captured, 0),
      frame: isWhole ? this.#last : this.#first,
    };
  }

  /** Where in the pieces one of this offset stands, or would. */
  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#pieces.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#pieces[middle]!.offset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #fits(index: number, offset: number, length: number, layer: IpLayer): boolean {
    const before = this.#pieces[index - 1];
    const after = this.#pieces[index];
    if (before && before.offset + before.length > offset) return false;
    if (after && after.offset < offset + length) return false;
    if (layer.moreFragments) return this.#total < 0 || offset + length <= this.#total;
    const lastPiece = this.#pieces.at(-1);
    const highest = lastPiece ? lastPiece.offset + lastPiece.length : 0;
    return this.#total < 0 && offset + length >= highest;
  }

  /** Length of the fragmentable part by the last fragment, or else by the UDP header; -1 if neither came. */
  #wholeLength(): number {
    if (this.#total >= 0) return this.#total;
    const [first] = this.#pieces;
    const header = this.#header!;
    const protocol =
      this.#version === 4
        ? header[IPV4_PROTOCOL_AT]
        : header[header.length - FRAGMENT_HEADER_LENGTH];
    if (protocol !== PROTOCOL_UDP || !first || first.bytes.length < udp.HEADER_LENGTH) return -1;
    const length = first.bytes[4]! * 256 + first.bytes[5]!;
    return length > first.length ? length : -1;
  }

  /** Header and data up to the first byte that was not captured. */
  #prefix(header: Uint8Array): Uint8Array {
    let pieces = 0;
    let length = 0;
    for (const piece of this.#pieces) {
      if (piece.offset !== length) break;
      pieces++;
      length += piece.bytes.length;
      if (piece.bytes.length < piece.length) break;
    }
    const bytes = new Uint8Array(header.length + length);
    bytes.set(header);
    for (const piece of this.#pieces.slice(0, pieces)) {
      bytes.set(piece.bytes, header.length + piece.offset);
    }
    return bytes;
  }

  /** Makes the first fragment's header that of the whole: its length, and no fragmentation if `isKnown`. */
  #mendHeader(bytes: Uint8Array, headerLength: number, total: number, isKnown: boolean): void {
    const view = new DataView(bytes.buffer);
    if (this.#version === 4) {
      view.setUint16(IPV4_LENGTH_AT, headerLength + total);
      view.setUint16(IPV4_FRAGMENT_AT, isKnown ? 0 : MORE_FRAGMENTS);
      return;
    }
    view.setUint16(IPV6_LENGTH_AT, headerLength - IPV6_HEADER_LENGTH + total);
    view.setUint16(headerLength - FRAGMENT_HEADER_LENGTH + 2, isKnown ? 0 : 1);
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
