/** One reading of a capture file, whatever it is read from: recognises the format, walks, sums up. */

import type { Hash } from 'node:crypto';
import { StalesumError } from '../errors.js';
import { newSha256 } from '../sha256.js';
import type { FrameVisitor } from './frame.js';
import { PcapWalker } from './pcap.js';
import { PcapngWalker } from './pcapng.js';
import { magicLength, recogniseFormat } from './recognise.js';
import type { CaptureFileSummary } from './summary.js';
import type { RecordTaker, RecordWalker } from './walker.js';

export interface ReadOptions {
  /** Hash the bytes (default true). It takes about as long as the checksums of every packet. */
  readonly sha256?: boolean;
}

/** Takes the file's bytes in order, and hands its frames to a visitor. */
export class CaptureReading {
  private readonly name: string;
  private readonly visitor: FrameVisitor;
  private readonly hash: Hash | null;
  private readonly taker: RecordTaker | undefined;
  private walker: RecordWalker | undefined;
  private bytesRead = 0;
  private damaged = false;

  /** `name` stands in error messages. `taker` takes what it can of a pcap file, the visitor the rest. */
  constructor(name: string, visitor: FrameVisitor, options: ReadOptions = {}, taker?: RecordTaker) {
    this.name = name;
    this.visitor = visitor;
    this.taker = taker;
    this.hash = options.sha256 === false ? null : newSha256();
  }

  /** Bytes read so far. */
  get bytes(): number {
    return this.bytesRead;
  }

  /** Counts and hashes bytes of the file: each of them once. */
  count(chunk: Uint8Array): void {
    this.bytesRead += chunk.length;
    this.hash?.update(chunk);
  }

  /**
   * Hands on the whole records in `[start, end)` and returns the offset of the first byte to be
   * brought again, with more behind it. After damage, all bytes are taken and nothing is handed on.
   * Throws a StalesumError (`bad-input`) if the file begins with no header of a capture file.
   */
  take(bytes: Uint8Array, view: DataView, start: number, end: number): number {
    if (this.walker === undefined) {
      if (end - start < magicLength) return start;
      const format = recogniseFormat(this.name, view, start);
      this.walker = format === 'pcap' ? new PcapWalker(this.taker) : new PcapngWalker();
    }
    if (this.damaged) return end;
    const at = this.walker.walk(bytes, view, start, end, this.visitor);
    const { damage, headerRead } = this.walker;
    if (damage === null) return at;
    if (!headerRead) throw this.unreadable(damage.reason);
    this.damaged = true;
    return end;
  }

  /** Ends the reading; `[start, end)` are the bytes that `take` left over. */
  end(view: DataView, start: number, end: number): CaptureFileSummary {
    const { walker } = this;
    if (walker === undefined || !walker.headerRead) throw this.tooShort(walker);
    return {
      format: walker.format,
      interfaces: walker.interfaces,
      frames: walker.frames,
      untimedFrames: walker.untimedFrames,
      bytes: this.bytesRead,
      comments: walker.comments,
      commentsLeftOut: walker.commentsLeftOut,
      truncated: walker.damage ?? walker.unfinished(view, start, end),
      sha256: this.hash?.digest('hex') ?? null,
    };
  }

  private tooShort(walker: RecordWalker | undefined): StalesumError {
    const header =
      walker === undefined
        ? 'pcap or pcapng header'
        : walker.format === 'pcap'
          ? 'pcap header of 24 bytes'
          : 'pcapng Section Header Block of 28 bytes or more';
    const found =
      this.bytesRead === 0 ? 'the file is empty' : `the file ends at byte ${this.bytesRead}`;
    return this.unreadable(`expected a ${header} at byte 0, ${found}`);
  }

  private unreadable(reason: string): StalesumError {
    return new StalesumError(
      'bad-input',
      `${this.name}: ${reason}`,
      'tcpdump and dumpcap write the header as soon as they listen: see what they said on stderr, and let them end by themselves (SIGINT) before copying the file.',
    );
  }
}
