/**
 * Datagrams that were captured in fragments, redacted as the whole that they are: only so can the checksum
 * in the first fragment be carried over. What is not whole is redacted fragment by fragment.
 */
import type { CapturedFrame } from '../../capture-file/frame.js';
import { copyOfBytes } from '../../wire/bytes.js';
import { type IpLayer, isFragment } from '../../wire/ip.js';
import { emptyPacket, walkPacket } from '../../wire/packet.js';
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

/** The outermost IP layer of a frame if it is a fragment that was captured whole. */
export function fragmentOf(
  { view, start, end, linkType, originalLength }: CapturedFrame,
  tunnelPorts: ReadonlySet<number>,
): IpLayer | undefined {
  const packet = emptyPacket();
  const kind = walkPacket(view, start, end, linkType, tunnelPorts, packet, originalLength);
  if (kind === 'none') return undefined;
  const layer = kind === 'tunnel' ? packet.outer : packet.ip;
  return isFragment(layer) && layer.end <= end && !layer.assumedEnd ? layer : undefined;
}

/** Learns the fragments of a file in a first reading, and knows in the second what becomes of each. */
export class FragmentPlan {
  readonly #tunnelPorts: ReadonlySet<number>;
  readonly #redaction: () => FrameRedaction;
  readonly #pending = new Map<string, Piece[]>();
  readonly #done = new Map<number, Uint8Array>();
  #frames = 0;
  #bytes = 0;

  constructor(tunnelPorts: ReadonlySet<number>, redaction: () => FrameRedaction) {
    this.#tunnelPorts = tunnelPorts;
    this.#redaction = redaction;
  }

  /** Takes a frame of the first reading. */
  readonly learn = (frame: CapturedFrame): void => {
    const index = this.#frames++;
    const layer = fragmentOf(frame, this.#tunnelPorts);
    if (!layer || this.#bytes > MOST_BYTES) return;
    const key = keyOf(frame, layer);
    const bytes = copyOfBytes(frame.bytes, layer.fragmentable, layer.end);
    const isFirst = layer.fragmentOffset === 0;
    const header = isFirst ? copyOfBytes(frame.bytes, layer.start, layer.fragmentable) : undefined;
    const pieces = this.#pending.get(key) ?? [];
    const piece = {
      frame: index,
      offset: layer.fragmentOffset,
      last: !layer.moreFragments,
      bytes,
      header,
    };
    pieces.push(piece);
    this.#bytes += bytes.length;
    this.#pending.set(key, pieces);
    if (this.#finish(pieces, layer.version === 4)) this.#pending.delete(key);
  };

  /** What stands behind the IP header of the fragment in a frame; `undefined` if it is on its own. */
  payloadOf(frame: number): Uint8Array | undefined {
    return this.#done.get(frame);
  }

  /** Redacts the datagram if all of it is there. */
  #finish(pieces: readonly Piece[], isIpv4: boolean): boolean {
    const header = pieces.find(piece => piece.header)?.header;
    const length = lengthOf(pieces);
    if (!header || length === undefined || header.length + length > MAX_PACKET_LENGTH) return false;
    const whole = new Uint8Array(header.length + length);
    whole.set(header);
    for (const { offset, bytes } of pieces) whole.set(bytes, header.length + offset);
    asOnePacket(new DataView(whole.buffer), header.length, isIpv4);
    const redaction = this.#redaction();
    const rewriting = new Rewriting(whole, redaction.addresses);
    redactIp(rewriting, 0, whole.length, whole.length, redaction);
    for (const { frame, offset, bytes } of pieces) {
      const at = header.length + offset;
      this.#done.set(frame, rewriting.copy.slice(at, at + bytes.length));
    }
    return true;
  }
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

function keyOf({ bytes, interfaceIndex }: CapturedFrame, layer: IpLayer): string {
  const addresses = bytes.subarray(layer.sourceAt, layer.sourceAt + 2 * layer.addressLength);
  const idAt = layer.version === 4 ? layer.start + 4 : layer.fragmentable - 4;
  const id = bytes.subarray(idAt, layer.version === 4 ? idAt + 2 : idAt + 4);
  const protocol = layer.version === 4 ? layer.protocol : -1;
  return [interfaceIndex, protocol, addresses.join(), id.join()].join(' ');
}
