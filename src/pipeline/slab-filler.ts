/**
 * Fills slabs with the bytes of a capture, and walks the record headers in them. No boundary is ever
 * guessed: a record that a slab ends in goes on at the begin of the next one. One too long for that is
 * put together in a buffer of its own, which the walkers' limit on the length of a record bounds; the
 * frames in it are handed on one by one.
 */
import type { CapturedFrame } from '../capture-file/frame.js';
import type { CaptureIntake } from '../capture-file/intake.js';
import { CaptureReading } from '../capture-file/reading.js';
import type { CaptureFileSummary } from '../capture-file/summary.js';
import { viewOf } from '../capture-file/view.js';
import { maximumCapturedLength, type RecordTaker } from '../capture-file/walker.js';
import { type Batch, FrameIndex, frameCopy } from './batch.js';
import type { Kernel } from './kernel.js';
import { RECORD, type Slab } from './layout.js';

/** Where slabs come from, and go to once they are filled. */
export interface SlabSupply {
  /** The next slab to be filled; waits until one is free. */
  take(): Slab;
  /** Hands on a filled slab, of whose own bytes the first `length` are the file's. */
  publish(batch: Batch, length: number): void;
}

export class SlabFiller implements CaptureIntake {
  readonly #reading: CaptureReading;
  readonly #kernel: Kernel;
  readonly #supply: SlabSupply;
  readonly #memory: Uint8Array;
  readonly #view: DataView;
  readonly #index: FrameIndex;
  #slab: Slab | undefined;
  /** Bytes of the slab that are filled. */
  #filled = 0;
  #count = 0;
  #extras: CapturedFrame[] = [];
  /** The unfinished record at the end of the slab before, and so many bytes of it. */
  #carry = new Uint8Array(0);
  #carried = 0;

  /** `name` stands in error messages. */
  constructor(
    name: string,
    kernel: Kernel,
    memory: ArrayBufferLike,
    supply: SlabSupply,
    sha256: boolean,
  ) {
    this.#reading = new CaptureReading(name, this.#visit, { sha256 }, this.#take);
    this.#kernel = kernel;
    this.#supply = supply;
    this.#memory = new Uint8Array(memory);
    this.#view = new DataView(memory);
    this.#index = new FrameIndex(memory);
  }

  /** Bytes taken so far. */
  get bytes(): number {
    return this.#reading.bytes;
  }

  /** Fills what is free of the present slab by `read`, which returns how many bytes it read; 0: no more. */
  fill(read: (bytes: Uint8Array, at: number, length: number) => number): number {
    this.#slab ??= this.#next();
    const { data, bytes } = this.#slab;
    const at = data + this.#filled;
    const length = read(this.#memory, at, bytes - this.#filled);
    if (length === 0) return 0;
    this.#reading.count(this.#memory.subarray(at, at + length));
    this.#filled += length;
    if (this.#filled === bytes) this.#flush();
    return length;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    const copy = (bytes: Uint8Array, to: number, room: number): number => {
      const piece = chunk.subarray(at, at + room);
      bytes.set(piece, to);
      return piece.length;
    };
    while (at < chunk.length) at += this.fill(copy);
  }

  end(): CaptureFileSummary {
    if (this.#slab) this.#flush();
    return this.#reading.end(viewOf(this.#carry), 0, this.#carried);
  }

  #next(): Slab {
    const slab = this.#supply.take();
    if (this.#carried <= slab.carry) {
      this.#memory.set(this.#carry.subarray(0, this.#carried), slab.data - this.#carried);
    }
    return slab;
  }

  /** Walks what the slab has, and hands it on. */
  #flush(): void {
    const slab = this.#slab!;
    if (this.#carried <= slab.carry) this.#walkSlab(slab);
    else this.#walkCarry(slab);
    const [count, extras, length] = [this.#count, this.#extras, this.#filled];
    this.#slab = undefined;
    this.#count = 0;
    this.#extras = [];
    this.#filled = 0;
    this.#supply.publish({ slab, count, extras }, length);
  }

  #walkSlab(slab: Slab): void {
    const end = slab.data + this.#filled;
    const rest = this.#reading.take(this.#memory, this.#view, slab.data - this.#carried, end);
    this.#carried = 0;
    this.#append(this.#memory.subarray(rest, end));
  }

  /** The slab's bytes are only more of a record that is too long to stand in front of one. */
  #walkCarry(slab: Slab): void {
    this.#append(this.#memory.subarray(slab.data, slab.data + this.#filled));
    const view = viewOf(this.#carry);
    const taken = this.#reading.take(this.#carry, view, 0, this.#carried);
    if (taken > 0) this.#carry.copyWithin(0, taken, this.#carried);
    this.#carried -= taken;
  }

  #append(bytes: Uint8Array): void {
    const needed = this.#carried + bytes.length;
    if (needed > this.#carry.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#carry.length));
      grown.set(this.#carry.subarray(0, this.#carried));
      this.#carry = grown;
    }
    this.#carry.set(bytes, this.#carried);
    this.#carried = needed;
  }

  /** Plain records of a pcap file are indexed by the kernel. */
  readonly #take: RecordTaker = (bytes, start, end, records) => {
    if (bytes !== this.#memory) return { at: start, count: 0 };
    const kernel = this.#kernel;
    const { index, records: room } = this.#slab!;
    const count = kernel.indexPcap(
      start,
      end,
      index,
      room,
      records.linkType,
      records.nanosecondsPerFraction,
      records.framesBefore,
      maximumCapturedLength,
    );
    this.#count = count;
    return { at: kernel.indexStopped(), count };
  };

  readonly #visit = (frame: CapturedFrame): void => {
    const { index, records } = this.#slab!;
    if (frame.bytes === this.#memory && this.#count < records) {
      this.#index.write(index + this.#count * RECORD.BYTES, frame);
      this.#count++;
    } else this.#extras.push(frameCopy(frame));
  };
}
