/** The pcapng format (draft-ietf-opsawg-pcapng). */

import { emptyFrame, type FrameVisitor } from './frame.js';
import {
  blockName,
  blockOverhead,
  blockType,
  byteOrderMagic,
  directionBits,
  enhancedPacketLength,
  minimumLength,
  option,
  padded,
  simplePacketLength,
} from './pcapng-format.js';
import {
  type BlockExtent,
  describeInterface,
  type PcapngInterface,
  readInterfaceDescription,
  readInterfaceStatistics,
} from './pcapng-interface.js';
import { TextReader, walkOptions } from './pcapng-options.js';
import type { CaptureComment, CaptureInterface, Truncation } from './summary.js';
import { setInstant } from './timestamp.js';
import { maximumCapturedLength, type RecordWalker } from './walker.js';

/** A packet of the greatest length with a mebibyte of options: what claims more is damaged. */
const maximumBlockLength = maximumCapturedLength + 1024 * 1024;
const maximumInterfaces = 65_536;
const maximumInterfaceText = 4 * 1024 * 1024;
const maximumComments = 1000;
const maximumCommentText = 1024 * 1024;
/** pack_drops of the obsolete Packet Block where the count is not known. */
const unknownDrops = 0xffff;

/** Walks a pcapng file of any number of sections; see `RecordWalker`. */
export class PcapngWalker implements RecordWalker {
  readonly format = 'pcapng';
  position = 0;
  frames = 0;
  untimedFrames = 0;
  headerRead = false;
  damage: Truncation | null = null;
  commentsLeftOut = 0;
  readonly comments: CaptureComment[] = [];

  private readonly frame = emptyFrame();
  private littleEndian = true;
  private readonly allInterfaces: PcapngInterface[] = [];
  /** Those of the present section, which the blocks in it count from 0. */
  private sectionInterfaces: PcapngInterface[] = [];
  /** As Wireshark counts: it gives some blocks without a packet a number too. */
  private frameNumber = 0;
  private readonly interfaceTexts = new TextReader(maximumInterfaceText);
  private readonly commentTexts = new TextReader(maximumCommentText);
  private packetDrops: number | undefined;

  get interfaces(): readonly CaptureInterface[] {
    return this.allInterfaces.map(describeInterface);
  }

  walk(
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
    visitor: FrameVisitor,
  ): number {
    this.frame.bytes = bytes;
    this.frame.view = view;
    let at = start;
    while (this.damage === null && end - at >= blockOverhead) {
      // The type of a Section Header Block reads the same in both byte orders.
      const type = view.getUint32(at, this.littleEndian);
      const littleEndian = this.orderAt(view, at, type);
      const length = view.getUint32(at + 4, littleEndian);
      if (!this.isPossible(view, at, type, length) || length > end - at) break;
      const trailer = view.getUint32(at + length - 4, littleEndian);
      if (trailer !== length) {
        this.fail(view, at, `says ${length} bytes at its begin and ${trailer} at its end`);
        break;
      }
      if (!this.readBlock(view, at, type, length, visitor)) break;
      at += length;
      this.position += length;
    }
    return at;
  }

  unfinished(view: DataView, start: number, end: number): Truncation | null {
    const left = end - start;
    if (left === 0) return null;
    if (left < blockOverhead) {
      const reason = `block at byte ${this.position} needs ${blockOverhead} bytes or more, ${left} are left`;
      return { offset: this.position, reason };
    }
    const type = view.getUint32(start, this.littleEndian);
    const length = view.getUint32(start + 4, this.orderAt(view, start, type));
    return this.blockFault(view, start, `says ${length} bytes, ${left} are left`);
  }

  /** Byte order of the block at `at`: a Section Header Block brings its own. */
  private orderAt(view: DataView, at: number, type: number): boolean {
    if (type !== blockType.sectionHeader) return this.littleEndian;
    return view.getUint32(at + 8, true) === byteOrderMagic;
  }

  /** Whether a block can have this length; sets `damage` if not. */
  private isPossible(view: DataView, at: number, type: number, length: number): boolean {
    if (type === blockType.sectionHeader) {
      const magic = view.getUint32(at + 8, this.orderAt(view, at, type));
      if (magic !== byteOrderMagic) {
        const found = magic.toString(16).padStart(8, '0');
        return this.fail(view, at, `has the byte-order magic ${found} instead of 1a2b3c4d`);
      }
    }
    const minimum = minimumLength(type);
    if (length < minimum)
      return this.fail(view, at, `says ${length} bytes, it has ${minimum} or more`);
    if (length > maximumBlockLength)
      return this.fail(view, at, `says ${length} bytes, the limit is ${maximumBlockLength}`);
    if (length % 4 !== 0)
      return this.fail(view, at, `says ${length} bytes, which is no multiple of 4`);
    return true;
  }

  /** Reads the whole block at `at`; false, and `damage` set, if it is damaged. */
  private readBlock(
    view: DataView,
    at: number,
    type: number,
    length: number,
    visitor: FrameVisitor,
  ): boolean {
    switch (type) {
      case blockType.enhancedPacket:
        return this.readPacket(view, at, length, false, visitor);
      case blockType.simplePacket:
        return this.readSimplePacket(view, at, length, visitor);
      case blockType.obsoletePacket:
        return this.readPacket(view, at, length, true, visitor);
      case blockType.sectionHeader:
        return this.readSectionHeader(view, at, length);
      case blockType.interfaceDescription:
        return this.readDescription(view, at, length);
      case blockType.interfaceStatistics:
        return this.readStatistics(view, at, length);
      case blockType.custom:
      case blockType.customNotCopied:
      case blockType.systemdJournal:
        this.frameNumber++;
        return true;
      default:
        return true;
    }
  }

  private readSectionHeader(view: DataView, at: number, length: number): boolean {
    this.littleEndian = this.orderAt(view, at, blockType.sectionHeader);
    const major = view.getUint16(at + 12, this.littleEndian);
    if (major !== 1) return this.fail(view, at, `is of version ${major}, this reads version 1`);
    if (!walkOptions(view, at + 24, at + length - 4, this.littleEndian, this.onOption))
      return this.failOptions(view, at);
    this.sectionInterfaces = [];
    this.headerRead = true;
    return true;
  }

  private readDescription(view: DataView, at: number, length: number): boolean {
    if (this.allInterfaces.length === maximumInterfaces)
      return this.fail(view, at, `is one more than the limit of ${maximumInterfaces} interfaces`);
    const found = readInterfaceDescription(
      this.extent(view, at, length),
      this.allInterfaces.length,
      this.interfaceTexts,
      this.onComment,
    );
    if (found === undefined) return this.failOptions(view, at);
    this.allInterfaces.push(found);
    this.sectionInterfaces.push(found);
    return true;
  }

  private readStatistics(view: DataView, at: number, length: number): boolean {
    const target = this.interfaceOf(view, at, view.getUint32(at + 8, this.littleEndian));
    if (target === undefined) return false;
    const whole = readInterfaceStatistics(this.extent(view, at, length), target, this.onComment);
    return whole || this.failOptions(view, at);
  }

  /** An Enhanced Packet Block, or the obsolete Packet Block, which differs in its first four bytes. */
  private readPacket(
    view: DataView,
    at: number,
    length: number,
    obsolete: boolean,
    visitor: FrameVisitor,
  ): boolean {
    const { frame, littleEndian } = this;
    const index = obsolete
      ? view.getUint16(at + 8, littleEndian)
      : view.getUint32(at + 8, littleEndian);
    const source = this.interfaceOf(view, at, index);
    if (source === undefined) return false;
    const captured = view.getUint32(at + 20, littleEndian);
    const room = Math.min(length - enhancedPacketLength, maximumCapturedLength);
    if (captured > room)
      return this.fail(view, at, `says ${captured} captured bytes, there is room for ${room}`);
    frame.number = this.frameNumber + 1;
    frame.direction = 'unknown';
    this.packetDrops = undefined;
    const comments = this.comments.length;
    const options = at + 28 + padded(captured);
    const optionsEnd = at + length - 4;
    if (
      options < optionsEnd &&
      !walkOptions(view, options, optionsEnd, littleEndian, this.onPacketOption)
    ) {
      this.comments.length = comments;
      return this.failOptions(view, at);
    }
    if (obsolete) {
      const drops = view.getUint16(at + 10, littleEndian);
      if (drops !== unknownDrops) this.packetDrops = drops;
    }
    if (this.packetDrops !== undefined)
      source.packetDrops = (source.packetDrops ?? 0) + this.packetDrops;
    setInstant(
      frame,
      source.scale,
      view.getUint32(at + 12, littleEndian),
      view.getUint32(at + 16, littleEndian),
    );
    frame.originalLength = view.getUint32(at + 24, littleEndian);
    this.visit(source, at + 28, captured, visitor);
    return true;
  }

  private readSimplePacket(
    view: DataView,
    at: number,
    length: number,
    visitor: FrameVisitor,
  ): boolean {
    const { frame } = this;
    const source = this.interfaceOf(view, at, 0);
    if (source === undefined) return false;
    const originalLength = view.getUint32(at + 8, this.littleEndian);
    // It has no captured length: all of the packet stands there, or as much as the snaplen lets through.
    const captured =
      source.snapLength === 0 ? originalLength : Math.min(originalLength, source.snapLength);
    const room = Math.min(length - simplePacketLength, maximumCapturedLength);
    if (captured > room)
      return this.fail(view, at, `has a packet of ${captured} bytes, there is room for ${room}`);
    frame.number = this.frameNumber + 1;
    frame.direction = 'unknown';
    frame.seconds = 0;
    frame.nanoseconds = 0;
    frame.originalLength = originalLength;
    this.untimedFrames++;
    this.visit(source, at + 12, captured, visitor);
    return true;
  }

  private visit(
    source: PcapngInterface,
    start: number,
    captured: number,
    visitor: FrameVisitor,
  ): void {
    const { frame } = this;
    frame.start = start;
    frame.end = start + captured;
    frame.linkType = source.linkType;
    frame.interfaceIndex = source.index;
    this.frames++;
    this.frameNumber++;
    visitor(frame);
  }

  private interfaceOf(view: DataView, at: number, index: number): PcapngInterface | undefined {
    const found = this.sectionInterfaces[index];
    if (found !== undefined) return found;
    const known = this.sectionInterfaces.length;
    this.fail(view, at, `names interface ${index}, its section has ${known}`);
    return undefined;
  }

  private readonly onPacketOption = (code: number, at: number, length: number): void => {
    const { view } = this.frame;
    if (code === option.packetFlags && length === 4) {
      const bits = view.getUint32(at, this.littleEndian) & directionBits.mask;
      if (bits === directionBits.inbound) this.frame.direction = 'in';
      else if (bits === directionBits.outbound) this.frame.direction = 'out';
    } else if (code === option.packetDropCount && length === 8) {
      this.packetDrops = Number(view.getBigUint64(at, this.littleEndian));
    } else if (code === option.comment) this.keepComment(at, length, this.frame.number);
  };

  private readonly onOption = (code: number, at: number, length: number): void => {
    if (code === option.comment) this.keepComment(at, length, null);
  };

  private readonly onComment = (at: number, length: number): void => {
    this.keepComment(at, length, null);
  };

  private keepComment(at: number, length: number, frame: number | null): void {
    const text =
      this.comments.length < maximumComments
        ? this.commentTexts.read(this.frame.bytes, at, length)
        : undefined;
    if (text === undefined) this.commentsLeftOut++;
    else this.comments.push({ frame, text });
  }

  private extent(view: DataView, at: number, length: number): BlockExtent {
    const { littleEndian } = this;
    return { bytes: this.frame.bytes, view, at, optionsEnd: at + length - 4, littleEndian };
  }

  private failOptions(view: DataView, at: number): false {
    return this.fail(view, at, 'has an option that runs over its end');
  }

  private fail(view: DataView, at: number, reason: string): false {
    this.damage = this.blockFault(view, at, reason);
    return false;
  }

  /** The fault of the block at `at`, which is the one at `position` of the file. */
  private blockFault(view: DataView, at: number, reason: string): Truncation {
    const name = blockName(view.getUint32(at, this.littleEndian));
    const after = this.frames === 0 ? '' : ` (after frame ${this.frameNumber})`;
    return {
      offset: this.position,
      reason: `${name} at byte ${this.position}${after} ${reason}`,
    };
  }
}
