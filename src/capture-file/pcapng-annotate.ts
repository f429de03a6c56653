/**
 * Puts comments into a pcapng file that is written already. All else stays as it is, to the byte: frames,
 * times, options, blocks of any type, and whatever stands behind damage.
 */
import {
  blockOverhead,
  blockType,
  byteOrderMagic,
  enhancedPacketLength,
  minimumLength,
  option,
  padded,
} from './pcapng-format.js';
import { viewOf } from './view.js';
import { maximumCapturedLength } from './walker.js';

export interface Annotations {
  /** On the file as a whole. */
  readonly file: readonly string[];
  /** By frame number as Wireshark shows it; of Enhanced Packet Blocks alone. */
  readonly frames: ReadonlyMap<number, string>;
}

/** No block is longer; what claims to be is damage. */
const maximumBlockLength = maximumCapturedLength + 1024 * 1024;
const longestComment = 0xfff0;
const sectionHeaderLength = 28;
const encoder = new TextEncoder();

/** The file's bytes with the comments in them. What comes out may be views of what went in. */
export async function* annotatedPcapng(
  chunks: AsyncIterable<Uint8Array>,
  annotations: Annotations,
): AsyncGenerator<Uint8Array> {
  const walk = new Annotator(annotations);
  for await (const chunk of chunks) yield* walk.take(chunk);
  yield walk.rest;
}

class Annotator {
  /** The unfinished block behind what was taken. */
  rest: Uint8Array = new Uint8Array(0);
  readonly #annotations: Annotations;
  #littleEndian = true;
  #frames = 0;
  #sections = 0;
  #damaged = false;

  constructor(annotations: Annotations) {
    this.#annotations = annotations;
  }

  *take(chunk: Uint8Array): Generator<Uint8Array> {
    const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const view = viewOf(bytes);
    let copied = 0;
    let at = 0;
    while (!this.#damaged) {
      const length = this.#blockLength(view, at);
      if (length === undefined || at + length > bytes.length) break;
      const block = bytes.subarray(at, at + length);
      const changed = this.#annotate(block);
      if (changed) {
        yield bytes.subarray(copied, at);
        yield changed;
        copied = at + length;
      }
      at += length;
    }
    if (this.#damaged) at = bytes.length;
    yield bytes.subarray(copied, at);
    this.rest = bytes.subarray(at);
  }

  /** Length of the block at `at`; `undefined` if too little of it is there yet, or it is damaged. */
  #blockLength(view: DataView, at: number): number | undefined {
    if (at + blockOverhead > view.byteLength) return undefined;
    const isHeader = view.getUint32(at, true) === blockType.sectionHeader;
    if (isHeader) this.#littleEndian = view.getUint32(at + 8, true) === byteOrderMagic;
    const type = view.getUint32(at, this.#littleEndian);
    const length = view.getUint32(at + 4, this.#littleEndian);
    this.#damaged = length < minimumLength(type) || length > maximumBlockLength || length % 4 !== 0;
    return this.#damaged ? undefined : length;
  }

  /** The block with its comment; `undefined` if it has none. */
  #annotate(block: Uint8Array): Uint8Array | undefined {
    const view = viewOf(block);
    switch (view.getUint32(0, this.#littleEndian)) {
      case blockType.sectionHeader:
        if (this.#sections++ > 0 || this.#annotations.file.length === 0) return undefined;
        return this.#withComments(block, sectionHeaderLength - 4, this.#annotations.file);
      case blockType.enhancedPacket: {
        const comment = this.#annotations.frames.get(++this.#frames);
        if (comment === undefined) return undefined;
        const captured = view.getUint32(20, this.#littleEndian);
        if (captured > block.length - enhancedPacketLength) return undefined;
        return this.#withComments(block, enhancedPacketLength - 4 + padded(captured), [comment]);
      }
      case blockType.simplePacket:
      case blockType.obsoletePacket:
      case blockType.custom:
      case blockType.customNotCopied:
      case blockType.systemdJournal:
        this.#frames++;
        return undefined;
      default:
        return undefined;
    }
  }

  /** The block with comments in front of its options, which begin at `options`. */
  #withComments(block: Uint8Array, options: number, comments: readonly string[]): Uint8Array {
    const texts = comments.map(text => cutText(text));
    const room = texts.reduce((sum, { length }) => sum + 4 + padded(length), 0);
    const hasOptions = block.length - 4 > options;
    const length = block.length + room + (hasOptions ? 0 : 4);
    const grown = new Uint8Array(length);
    const view = viewOf(grown);
    grown.set(block.subarray(0, options));
    let at = options;
    for (const text of texts) {
      view.setUint16(at, option.comment, this.#littleEndian);
      view.setUint16(at + 2, text.length, this.#littleEndian);
      grown.set(text, at + 4);
      at += 4 + padded(text.length);
    }
    // Without options there is no opt_endofopt either, and zeros are one.
    if (hasOptions) grown.set(block.subarray(options, block.length - 4), at);
    view.setUint32(4, length, this.#littleEndian);
    view.setUint32(length - 4, length, this.#littleEndian);
    const isHeader = view.getUint32(0, true) === blockType.sectionHeader;
    // The section's length, which its blocks' comments change: not known.
    if (isHeader) view.setBigInt64(16, -1n, this.#littleEndian);
    return grown;
  }
}

/** In UTF-8, cut at a whole character where it is too long for an option. */
function cutText(text: string): Uint8Array {
  const whole = encoder.encode(text);
  if (whole.length <= longestComment) return whole;
  const cut = new Uint8Array(longestComment);
  return cut.subarray(0, encoder.encodeInto(text, cut).written);
}
