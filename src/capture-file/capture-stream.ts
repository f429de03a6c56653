/** Captures that are pushed in chunks: from pipes, from gunzip, from a live `tcpdump -w -`. */

import type { FrameVisitor } from './frame.js';
import { CaptureReading, type ReadOptions } from './reading.js';
import type { CaptureFileSummary } from './summary.js';
import { viewOf } from './view.js';

const pieceLength = 1024 * 1024;

/** Reads a capture pushed in chunks of any size; frames reach the visitor as soon as they are whole. */
export class CaptureStream {
  private readonly reading: CaptureReading;
  /** The unfinished record at the end of the chunks so far, and what came with it. */
  private carry = new Uint8Array(64 * 1024);
  private carryView = viewOf(this.carry);
  private carried = 0;

  /** `name` stands in error messages. */
  constructor(name: string, visitor: FrameVisitor, options?: ReadOptions) {
    this.reading = new CaptureReading(name, visitor, options);
  }

  /**
   * Takes the next bytes. The chunk is the caller's again on return. Throws a StalesumError
   * (`bad-input`) if the stream begins with no header of a capture file.
   */
  push(chunk: Uint8Array): void {
    this.reading.count(chunk);
    let at = 0;
    // In pieces, so that a great chunk behind an unfinished record is not copied whole.
    while (this.carried > 0 && at < chunk.length) {
      const piece = chunk.subarray(at, at + pieceLength);
      this.append(piece);
      at += piece.length;
      const taken = this.reading.take(this.carry, this.carryView, 0, this.carried);
      if (taken > 0) this.carry.copyWithin(0, taken, this.carried);
      this.carried -= taken;
    }
    if (at === chunk.length) return;
    const taken = this.reading.take(chunk, viewOf(chunk), at, chunk.length);
    this.append(chunk.subarray(taken));
  }

  /**
   * Says that nothing follows. Throws a StalesumError (`bad-input`) if not even the header of a
   * capture file came.
   */
  end(): CaptureFileSummary {
    return this.reading.end(this.carryView, 0, this.carried);
  }

  private append(piece: Uint8Array): void {
    const needed = this.carried + piece.length;
    if (needed > this.carry.length) {
      // No record is longer than the walkers' limit, so neither is this for long.
      const grown = new Uint8Array(Math.max(needed, 2 * this.carry.length));
      grown.set(this.carry.subarray(0, this.carried));
      this.carry = grown;
      this.carryView = viewOf(grown);
    }
    this.carry.set(piece, this.carried);
    this.carried = needed;
  }
}
