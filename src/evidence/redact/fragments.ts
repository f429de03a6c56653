/**
 * Datagrams that were captured in fragments, redacted as the whole that they are: only so can the checksum
 * in the first fragment be carried over. What is not whole is redacted fragment by fragment.
 */
import type { CapturedFrame } from '../../capture-file/frame.js';
import { viewOf } from '../../capture-file/view.js';
import { copyOfBytes } from '../../wire/bytes.js';
import { checksumOffset } from '../../wire/checksum-state.js';
import { type IpLayer, isFragment } from '../../wire/ip.js';
import { LINKTYPE_RAW } from '../../wire/link-layer.js';
import { emptyPacket, innerCapturedEnd, type Packet, walkPacket } from '../../wire/packet.js';
import { datagramKey, fragmentKey } from './fragment-key.js';
import { type FrameRedaction, redactIp } from './packet.js';
import { Rewriting } from './rewriting.js';

/** Bytes of fragments held while the rest of their datagrams has not come, and of those done. */
const MOST_BYTES = 64 << 20;
const MAX_PACKET_LENGTH = 0xffff;
const IPV4_LENGTH_AT = 2;
const IPV4_FRAGMENT_AT = 6;
const IPV6_LENGTH_AT = 4;
const IPV6_HEADER_LENGTH = 40;
/** In front of what an IPv6 fragment header precedes. */
const IPV6_FRAGMENT_BEFORE = 6;

interface Piece {
  /** The frame's place in the file, from 0. */
  readonly frame: number;
  readonly offset: number;
  readonly last: boolean;
  readonly bytes: Uint8Array;
  /** The IP header, up to what fragments share out; only of the first. */
  readonly header: Uint8Array | undefined;
}

/** A datagram of which all fragments are there. */
interface Whole {
  readonly bytes: Uint8Array;
  readonly headerLength: number;
  readonly pieces: readonly Piece[];
}

/** The outermost IP layer of a frame if it is a fragment that was captured whole. */
export function fragmentOf(
  { view, start, end, linkType, originalLength }: CapturedFrame,
  tunnelPorts: ReadonlySet<number>,
): IpLayer | undefined {
  const packet = emptyPacket();
  walkPacket(view, start, end, linkType, tunnelPorts, packet, originalLength);
  return fragmentIn(outermost(packet), end);
}

/** Learns the fragments of a file in a first reading, and knows in the second what becomes of each. */
export class FragmentPlan {
  readonly #redaction: FrameRedaction;
  readonly #outer = new PendingFragments();
  /** Of packets that were in fragments already when the tunnel took them. */
  readonly #inner = new PendingFragments();
  readonly #wholes: Whole[] = [];
  readonly #payloads = new Map<number, Uint8Array>();
  readonly #checksums = new Map<string, number>();
  #frames = 0;

  constructor(redaction: FrameRedaction) {
    this.#redaction = { ...redaction, fragmentChecksum: key => this.#checksums.get(key) };
  }

  /** The redaction to be used for the frames of this file. */
  get redaction(): FrameRedaction {
    return this.#redaction;
  }

  /** Takes a frame of the first reading. */
  readonly learn = (frame: CapturedFrame): void => {
    const index = this.#frames++;
    const { bytes, view, start, end, linkType, originalLength } = frame;
    const packet = emptyPacket();
    const { tunnelPorts } = this.#redaction;
    walkPacket(view, start, end, linkType, tunnelPorts, packet, originalLength);
    const layer = fragmentIn(outermost(packet), end);
    if (!layer) {
      this.#learnInside(bytes, packet, index);
      return;
    }
    const whole = this.#outer.take(bytes, layer, index, frame.interfaceIndex);
    if (!whole) return;
    this.#wholes.push(whole);
    const inside = emptyPacket();
    const { length } = whole.bytes;
    walkPacket(viewOf(whole.bytes), 0, length, LINKTYPE_RAW, tunnelPorts, inside);
    this.#learnInside(whole.bytes, inside, index);
  };

  /** Ends the first reading: redacts what was put together, from inside out. */
  finish(): void {
    for (const { bytes, headerLength, pieces } of this.#wholes.splice(0)) {
      const redacted = this.#redact(bytes).copy;
      for (const { frame, offset, bytes: own } of pieces) {
        const at = headerLength + offset;
        this.#payloads.set(frame, redacted.slice(at, at + own.length));
      }
    }
  }

  /** What stands behind the IP header of the fragment in a frame; `undefined` if it is on its own. */
  payloadOf(frame: number): Uint8Array | undefined {
    return this.#payloads.get(frame);
  }

  #learnInside(bytes: Uint8Array, packet: Packet, index: number): void {
    if (packet.kind !== 'tunnel') return;
    const layer = fragmentIn(packet.ip, innerCapturedEnd(packet));
    const whole = layer && this.#inner.take(bytes, layer, index, packet.vni);
    if (!whole) return;
    const first = whole.pieces.find(({ header }) => header)!;
    const rewriting = this.#redact(whole.bytes);
    const ip = emptyPacket();
    const { length } = whole.bytes;
    walkPacket(rewriting.from, 0, length, LINKTYPE_RAW, NO_TUNNELS, ip);
    const at = checksumOffset(ip.ip);
    if (ip.sourcePort < 0 || at + 2 > whole.headerLength + first.bytes.length) return;
    // The header of the whole differs from the fragment's in nothing that the key is made of.
    const key = fragmentKey(rewriting.original, ip.ip, rewriting.from.getUint16(at));
    this.#checksums.set(key, rewriting.to.getUint16(at));
  }

  #redact(whole: Uint8Array): Rewriting {
    const rewriting = new Rewriting(whole, this.#redaction.addresses);
    redactIp(rewriting, 0, whole.length, whole.length, this.#redaction);
    return rewriting;
  }
}

const NO_TUNNELS: ReadonlySet<number> = new Set();

function outermost(packet: Packet): IpLayer {
  return packet.kind === 'tunnel' ? packet.outer : packet.ip;
}

function fragmentIn(layer: IpLayer, end: number): IpLayer | undefined {
  if (layer.version === 0 || !isFragment(layer)) return undefined;
  return layer.end <= end && !layer.assumedEnd ? layer : undefined;
}

/** Fragments by their datagram, until it is whole. */
class PendingFragments {
  readonly #pending = new Map<string, Piece[]>();
  #bytes = 0;

  /** Takes a fragment; returns its datagram, once it is whole. `place` tells tunnels, and interfaces, apart. */
  take(bytes: Uint8Array, layer: IpLayer, frame: number, place: number): Whole | undefined {
    if (this.#bytes > MOST_BYTES) return undefined;
    const key = `${place} ${datagramKey(bytes, layer)}`;
    const own = copyOfBytes(bytes, layer.fragmentable, layer.end);
    const isFirst = layer.fragmentOffset === 0;
    const pieces = this.#pending.get(key) ?? [];
    pieces.push({
      frame,
      offset: layer.fragmentOffset,
      last: !layer.moreFragments,
      bytes: own,
      header: isFirst ? copyOfBytes(bytes, layer.start, layer.fragmentable) : undefined,
    });
    this.#bytes += own.length;
    this.#pending.set(key, pieces);
    const whole = wholeOf(pieces, layer.version === 4);
    if (whole) this.#pending.delete(key);
    return whole;
  }
}

/** The datagram, if all of it is there. */
function wholeOf(pieces: readonly Piece[], isIpv4: boolean): Whole | undefined {
  const header = pieces.find(piece => piece.header)?.header;
  const length = lengthOf(pieces);
  if (!header || length === undefined || header.length + length > MAX_PACKET_LENGTH) {
    return undefined;
  }
  const bytes = new Uint8Array(header.length + length);
  bytes.set(header);
  for (const { offset, bytes: own } of pieces) bytes.set(own, header.length + offset);
  asOnePacket(viewOf(bytes), header.length, isIpv4);
  return { bytes, headerLength: header.length, pieces };
}

/** Length of what the pieces make together; `undefined` while some of it lacks. */
function lengthOf(pieces: readonly Piece[]): number | undefined {
  const last = pieces.find(piece => piece.last);
  if (!last) return undefined;
  const length = last.offset + last.bytes.length;
  let reached = 0;
  for (const { offset, bytes } of [...pieces].sort((a, b) => a.offset - b.offset)) {
    if (offset > reached || offset + bytes.length > length) return undefined;
    reached = Math.max(reached, offset + bytes.length);
  }
  return reached === length ? length : undefined;
}

/** Makes a fragment's header that of the whole. IPv6 keeps its fragment header, which then says: all of it. */
function asOnePacket(view: DataView, headerLength: number, isIpv4: boolean): void {
  if (isIpv4) {
    view.setUint16(IPV4_LENGTH_AT, view.byteLength);
    view.setUint16(IPV4_FRAGMENT_AT, 0);
    return;
  }
  view.setUint16(IPV6_LENGTH_AT, view.byteLength - IPV6_HEADER_LENGTH);
  view.setUint16(headerLength - IPV6_FRAGMENT_BEFORE, 0);
}
