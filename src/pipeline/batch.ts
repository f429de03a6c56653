/** Batches of frames: a slab's bytes with the index of the whole records in them. */
import { type CapturedFrame, emptyFrame, type FrameDirection } from '../capture-file/frame.js';
import { RECORD, type Slab } from './layout.js';

/** What a slab holds once it was filled. */
export interface Batch {
  readonly slab: Slab;
  /** Frames in the slab's index. */
  readonly count: number;
  /** Frames behind those that found no room there; their bytes are their own. */
  readonly extras: readonly CapturedFrame[];
}

const DIRECTIONS: readonly FrameDirection[] = ['unknown', 'in', 'out'];

/** Writes frames into a slab's index, and reads them back. */
export class FrameIndex {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #words: Int32Array;
  readonly #halves: Uint16Array;
  readonly #doubles: Float64Array;

  constructor(memory: ArrayBufferLike) {
    this.#bytes = new Uint8Array(memory);
    this.#view = new DataView(memory);
    this.#words = new Int32Array(memory);
    this.#halves = new Uint16Array(memory);
    this.#doubles = new Float64Array(memory);
  }

  /** Writes the record at `at`; the frame's bytes lie in the memory. */
  write(at: number, frame: CapturedFrame): void {
    const words = this.#words;
    const word = at >> 2;
    const double = at >> 3;
    words[word + RECORD.START / 4] = frame.start;
    words[word + RECORD.END / 4] = frame.end;
    words[word + RECORD.ORIGINAL_LENGTH / 4] = frame.originalLength;
    this.#halves[(at + RECORD.LINK_TYPE) >> 1] = frame.linkType;
    this.#halves[(at + RECORD.DIRECTION) >> 1] =
      frame.direction === 'unknown' ? 0 : frame.direction === 'in' ? 1 : 2;
    words[word + RECORD.INTERFACE / 4] = frame.interfaceIndex;
    words[word + RECORD.NANOSECONDS / 4] = frame.nanoseconds;
    this.#doubles[double + RECORD.SECONDS / 8] = frame.seconds;
    this.#doubles[double + RECORD.NUMBER / 8] = frame.number;
  }

  /** Fills `frame` from the record at `at`. */
  read(at: number, frame: CapturedFrame): void {
    const words = this.#words;
    const word = at >> 2;
    const double = at >> 3;
    frame.bytes = this.#bytes;
    frame.view = this.#view;
    frame.start = words[word + RECORD.START / 4]!;
    frame.end = words[word + RECORD.END / 4]!;
    frame.originalLength = words[word + RECORD.ORIGINAL_LENGTH / 4]! >>> 0;
    frame.linkType = this.#halves[(at + RECORD.LINK_TYPE) >> 1]!;
    frame.direction = DIRECTIONS[this.#halves[(at + RECORD.DIRECTION) >> 1]!]!;
    frame.interfaceIndex = words[word + RECORD.INTERFACE / 4]!;
    frame.nanoseconds = words[word + RECORD.NANOSECONDS / 4]!;
    frame.seconds = this.#doubles[double + RECORD.SECONDS / 8]!;
    frame.number = this.#doubles[double + RECORD.NUMBER / 8]!;
  }
}

/** A frame with bytes of its own, in memory that is not shared. */
export function frameCopy(frame: CapturedFrame): CapturedFrame {
  const bytes = new Uint8Array(frame.bytes.subarray(frame.start, frame.end));
  const view = new DataView(bytes.buffer);
  return { ...emptyFrame(), ...frame, bytes, view, start: 0, end: bytes.length };
}
