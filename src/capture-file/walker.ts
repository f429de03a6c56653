/**
 * What the two formats have in common. A walker knows one format and does no I/O: it is given bytes,
 * hands on the whole records in them, and says where the first unfinished one begins. So the same
 * code reads files, pipes and live captures.
 */

import type { FrameVisitor } from './frame.js';
import type { CaptureComment, CaptureFormat, CaptureInterface, Truncation } from './summary.js';

/** No record may claim more captured bytes: it bounds memory, and what says more is damaged. */
export const maximumCapturedLength = 64 * 1024 * 1024;

/** What all records of a pcap file have in common. */
export interface PcapRecords {
  readonly linkType: number;
  /** What the second number of a time counts: 1 or 1000. */
  readonly nanosecondsPerFraction: number;
  /** Frames in front of the next record. */
  readonly framesBefore: number;
}

/**
 * Takes plain records of a pcap file (little-endian, not modified) many at once, in the visitor's place:
 * those at `[start, end)` as far as they are whole and have a lawful length and time. Returns where it
 * stopped; the walker goes on from there.
 */
export type RecordTaker = (
  bytes: Uint8Array,
  start: number,
  end: number,
  records: PcapRecords,
) => { readonly at: number; readonly count: number };

export interface RecordWalker {
  readonly format: CaptureFormat;
  /** Offset in the file of the next byte to be walked. */
  readonly position: number;
  /** Whether the file's own header has been read; without it, nothing in the file means anything. */
  readonly headerRead: boolean;
  /** Frames visited. */
  readonly frames: number;
  readonly untimedFrames: number;
  readonly interfaces: readonly CaptureInterface[];
  readonly comments: readonly CaptureComment[];
  readonly commentsLeftOut: number;
  /** Set at the first record that cannot be right; nothing is walked after it. */
  readonly damage: Truncation | null;

  /**
   * Hands every whole record in `[start, end)` to the visitor, and returns the offset of the first
   * byte not consumed. The next call must begin with that byte. `view` covers the same bytes as `bytes`.
   */
  walk(
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
    visitor: FrameVisitor,
  ): number;

  /** What the record that `[start, end)` begins with lacks, at the end of the file; null if empty. */
  unfinished(view: DataView, start: number, end: number): Truncation | null;
}
