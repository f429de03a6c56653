/** The pcap format (draft-ietf-opsawg-pcap), and the "modified" one of Kuznetzov's patch to libpcap. */

import { emptyFrame, type FrameDirection, type FrameVisitor } from './frame.js';
import type { CaptureInterface, Truncation } from './summary.js';
import { maximumCapturedLength, type RecordTaker, type RecordWalker } from './walker.js';

export const pcapHeaderLength = 24;
export const recordHeaderLength = 16;
/** Kuznetzov's goes on with interface index (4), protocol (2), packet type (1) and padding (1). */
const modifiedRecordHeaderLength = 24;

const microsecondMagic = 0xa1b2c3d4;
export const nanosecondMagic = 0xa1b23c4d;
const modifiedMagic = 0xa1b2cd34;
const magics: readonly number[] = [microsecondMagic, nanosecondMagic, modifiedMagic];

/** PACKET_OUTGOING of linux/if_packet.h. */
const packetOutgoing = 4;

/** Whether the four bytes at `at` begin a pcap file, and in which byte order. */
export function pcapByteOrder(view: DataView, at: number): 'little' | 'big' | undefined {
  if (magics.includes(view.getUint32(at, true))) return 'little';
  if (magics.includes(view.getUint32(at, false))) return 'big';
  return undefined;
}

/** Walks a pcap file; see `RecordWalker`. Any version is taken: they differ in nothing read here. */
export class PcapWalker implements RecordWalker {
  readonly format = 'pcap';
  readonly untimedFrames = 0;
  readonly comments = [];
  readonly commentsLeftOut = 0;
  position = 0;
  frames = 0;
  headerRead = false;
  damage: Truncation | null = null;
  interfaces: readonly CaptureInterface[] = [];

  private readonly frame = emptyFrame();
  private readonly taker: RecordTaker | undefined;
  private littleEndian = true;
  private modified = false;
  private headerLength = recordHeaderLength;
  private nanosecondsPerFraction = 1000;

  constructor(taker?: RecordTaker) {
    this.taker = taker;
  }

  walk(
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
    visitor: FrameVisitor,
  ): number {
    let at = start;
    if (!this.headerRead) {
      if (end - at < pcapHeaderLength) return at;
      this.readHeader(view, at);
      at += pcapHeaderLength;
    }
    at = this.takePlain(bytes, at, end);
    const { frame, littleEndian, headerLength } = this;
    const nanosecondsPerFraction = this.nanosecondsPerFraction;
    const fractionsPerSecond = 1e9 / nanosecondsPerFraction;
    frame.bytes = bytes;
    frame.view = view;
    while (this.damage === null && end - at >= headerLength) {
      const captured = view.getUint32(at + 8, littleEndian);
      if (captured > maximumCapturedLength) {
        const reason = `says ${captured} captured bytes, the limit is ${maximumCapturedLength}`;
        this.damage = this.recordFault(this.position + at - start, reason);
        break;
      }
      const next = at + headerLength + captured;
      if (next > end) break;
      let seconds = view.getUint32(at, littleEndian);
      let fraction = view.getUint32(at + 4, littleEndian);
      if (fraction >= fractionsPerSecond) {
        seconds += Math.floor(fraction / fractionsPerSecond);
        fraction %= fractionsPerSecond;
      }
      frame.seconds = seconds;
      frame.nanoseconds = fraction * nanosecondsPerFraction;
      frame.start = at + headerLength;
      frame.end = next;
      frame.originalLength = view.getUint32(at + 12, littleEndian);
      if (this.modified) frame.direction = this.modifiedDirection(view, at);
      frame.number = ++this.frames;
      visitor(frame);
      at = next;
    }
    this.position += at - start;
    return at;
  }

  /** Lets the taker have what it can take; returns where it stopped. */
  private takePlain(bytes: Uint8Array, start: number, end: number): number {
    if (!this.taker || !this.littleEndian || this.modified) return start;
    const { at, count } = this.taker(bytes, start, end, {
      linkType: this.frame.linkType,
      nanosecondsPerFraction: this.nanosecondsPerFraction,
      framesBefore: this.frames,
    });
    this.frames += count;
    return at;
  }

  unfinished(view: DataView, start: number, end: number): Truncation | null {
    const left = end - start;
    if (left === 0) return null;
    if (left < this.headerLength) {
      return this.recordFault(
        this.position,
        `needs a header of ${this.headerLength} bytes, ${left} are left`,
      );
    }
    const captured = view.getUint32(start + 8, this.littleEndian);
    const reason = `says ${captured} captured bytes, ${left - this.headerLength} are left`;
    return this.recordFault(this.position, reason);
  }

  private readHeader(view: DataView, at: number): void {
    this.littleEndian = pcapByteOrder(view, at) === 'little';
    const magic = view.getUint32(at, this.littleEndian);
    if (magic === nanosecondMagic) this.nanosecondsPerFraction = 1;
    this.modified = magic === modifiedMagic;
    if (this.modified) this.headerLength = modifiedRecordHeaderLength;
    const snapLength = view.getUint32(at + 16, this.littleEndian);
    // The upper 16 bits of the field are the length of a frame check sequence and reserved ones.
    const linkType = view.getUint32(at + 20, this.littleEndian) & 0xffff;
    this.frame.linkType = linkType;
    this.interfaces = [{ linkType, snapLength }];
    this.headerRead = true;
  }

  private modifiedDirection(view: DataView, at: number): FrameDirection {
    // Converters leave all three fields zero: then the packet type says nothing.
    if (view.getUint32(at + 16) === 0 && view.getUint16(at + 20) === 0) return 'unknown';
    return view.getUint8(at + 22) === packetOutgoing ? 'out' : 'in';
  }

  private recordFault(offset: number, reason: string): Truncation {
    return { offset, reason: `record ${this.frames + 1} at byte ${offset} ${reason}` };
  }
}
