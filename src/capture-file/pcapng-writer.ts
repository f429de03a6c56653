/**
 * Writes pcapng blocks, little-endian, with nanosecond times (draft-ietf-opsawg-pcapng). A file is one
 * `sectionHeaderBlock`, an `interfaceDescriptionBlock` for each interface, the packets, and at the end
 * an `interfaceStatisticsBlock` for each interface.
 */

import {
  blockOverhead,
  blockType,
  byteOrderMagic,
  directionBits,
  enhancedPacketLength,
  option,
  padded,
} from './pcapng-format.js';
import { type Instant, lastNanosecondSecond, nanosecondTicks } from './timestamp.js';
import { viewOf } from './view.js';
import { assertWritable, type WritableFrame } from './writable-frame.js';

export interface SectionHeader {
  /** The program that writes (shb_userappl), with its version. */
  readonly application: string;
  readonly comment?: string;
}

export interface InterfaceDescription {
  readonly linkType: number;
  /** Most bytes captured of a frame; default 0, no limit. */
  readonly snapLength?: number;
  readonly name?: string;
  readonly description?: string;
  readonly filter?: string;
  readonly os?: string;
}

export interface InterfaceStatistics {
  /** Packets received by the interface (isb_ifrecv). */
  readonly received?: number;
  /** Packets lost for want of room (isb_ifdrop). */
  readonly kernelDrops?: number;
}

/** A Section Header Block: the first of a file. */
export function sectionHeaderBlock(header: SectionHeader): Uint8Array {
  const { bytes, view } = block(blockType.sectionHeader, 16, [
    text(option.comment, header.comment),
    text(option.userApplication, header.application),
  ]);
  view.setUint32(8, byteOrderMagic, true);
  view.setUint16(12, 1, true);
  // The length of the section is not known when its header is written: -1.
  view.setBigInt64(16, -1n, true);
  return bytes;
}

/** An Interface Description Block; the first of a section is interface 0. Times count nanoseconds. */
export function interfaceDescriptionBlock(from: InterfaceDescription): Uint8Array {
  const filter = from.filter === undefined ? undefined : `\0${from.filter}`;
  const { bytes, view } = block(blockType.interfaceDescription, 8, [
    text(option.interfaceName, from.name),
    text(option.interfaceDescription, from.description),
    { code: option.interfaceResolution, value: Uint8Array.of(9) },
    text(option.interfaceFilter, filter),
    text(option.interfaceOperatingSystem, from.os),
  ]);
  view.setUint16(8, from.linkType, true);
  view.setUint32(12, from.snapLength ?? 0, true);
  return bytes;
}

/**
 * An Enhanced Packet Block. Throws a StalesumError (`write-failed`) if the frame's time is negative or
 * past the year 2554, where 64 bits of nanoseconds end.
 */
export function enhancedPacketBlock(
  interfaceIndex: number,
  frame: WritableFrame,
  comment?: string,
): Uint8Array {
  assertWritable(frame, lastNanosecondSecond);
  const captured = frame.end - frame.start;
  const fixed = enhancedPacketLength - blockOverhead;
  const { bytes, view } = block(blockType.enhancedPacket, fixed + padded(captured), [
    text(option.comment, comment),
    directionFlags(frame),
  ]);
  view.setUint32(8, interfaceIndex, true);
  setTicks(view, frame);
  view.setUint32(20, captured, true);
  view.setUint32(24, frame.originalLength, true);
  bytes.set(frame.bytes.subarray(frame.start, frame.end), 28);
  return bytes;
}

/** Length of the block that `writeEnhancedPacket` writes for a frame, in bytes. */
export function enhancedPacketBlockLength(frame: WritableFrame): number {
  const options = frame.direction === 'unknown' ? 0 : DIRECTION_OPTIONS_LENGTH;
  return enhancedPacketLength + padded(frame.end - frame.start) + options;
}

/**
 * The same Enhanced Packet Block, written at `at` of a buffer that has room for it: a live capture
 * writes a hundred thousand a second. Returns the offset behind it. Throws as `enhancedPacketBlock`.
 */
export function writeEnhancedPacket(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  interfaceIndex: number,
  frame: WritableFrame,
): number {
  assertWritable(frame, lastNanosecondSecond);
  const captured = frame.end - frame.start;
  const length = enhancedPacketBlockLength(frame);
  const end = at + length;
  const { high, low } = nanosecondTicks(frame);
  view.setUint32(at, blockType.enhancedPacket, true);
  view.setUint32(at + 4, length, true);
  view.setUint32(at + 8, interfaceIndex, true);
  view.setUint32(at + 12, high, true);
  view.setUint32(at + 16, low, true);
  view.setUint32(at + 20, captured, true);
  view.setUint32(at + 24, frame.originalLength, true);
  const packet = at + enhancedPacketLength - 4;
  bytes.set(frame.bytes.subarray(frame.start, frame.end), packet);
  // The buffer is used again: padding must not be what stood there before.
  bytes.fill(0, packet + captured, packet + padded(captured));
  if (frame.direction !== 'unknown') {
    const flags = packet + padded(captured);
    view.setUint16(flags, option.packetFlags, true);
    view.setUint16(flags + 2, 4, true);
    const { inbound, outbound } = directionBits;
    view.setUint32(flags + 4, frame.direction === 'in' ? inbound : outbound, true);
    view.setUint32(flags + 8, option.endOfOptions, true);
  }
  view.setUint32(end - 4, length, true);
  return end;
}

/** epb_flags (4 + 4 bytes) and opt_endofopt. */
const DIRECTION_OPTIONS_LENGTH = 12;

/** An Interface Statistics Block; `at` is when the counters were read. */
export function interfaceStatisticsBlock(
  interfaceIndex: number,
  at: Instant,
  counted: InterfaceStatistics,
): Uint8Array {
  const { bytes, view } = block(blockType.interfaceStatistics, 12, [
    count(option.statisticsReceived, counted.received),
    count(option.statisticsInterfaceDrops, counted.kernelDrops),
  ]);
  view.setUint32(8, interfaceIndex, true);
  setTicks(view, at);
  return bytes;
}

/** Both blocks that have a time have it 12 bytes in, upper half first whatever the byte order. */
function setTicks(view: DataView, at: Instant): void {
  const { high, low } = nanosecondTicks(at);
  view.setUint32(12, high, true);
  view.setUint32(16, low, true);
}

interface Option {
  readonly code: number;
  readonly value: Uint8Array;
}

/** A block with type, lengths and options in place; the body's fixed part (`bodyLength`) is still zero. */
function block(
  type: number,
  bodyLength: number,
  maybeOptions: readonly (Option | undefined)[],
): { bytes: Uint8Array; view: DataView } {
  const options = maybeOptions.filter(one => one !== undefined);
  // opt_endofopt follows the last option, and only where there is one.
  let optionsLength = options.length === 0 ? 0 : 4;
  for (const { value } of options) optionsLength += 4 + padded(value.length);
  const length = blockOverhead + bodyLength + optionsLength;
  const bytes = new Uint8Array(length);
  const view = viewOf(bytes);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  view.setUint32(length - 4, length, true);
  let at = 8 + bodyLength;
  for (const { code, value } of options) {
    view.setUint16(at, code, true);
    view.setUint16(at + 2, value.length, true);
    bytes.set(value, at + 4);
    at += 4 + padded(value.length);
  }
  return { bytes, view };
}

const encoder = new TextEncoder();
const longestOption = 0xffff;

function text(code: number, value: string | undefined): Option | undefined {
  if (value === undefined) return undefined;
  const whole = encoder.encode(value);
  if (whole.length <= longestOption) return { code, value: whole };
  // encodeInto ends at a whole character.
  const cut = new Uint8Array(longestOption);
  return { code, value: cut.subarray(0, encoder.encodeInto(value, cut).written) };
}

function count(code: number, value: number | undefined): Option | undefined {
  if (value === undefined) return undefined;
  const bytes = new Uint8Array(8);
  viewOf(bytes).setBigUint64(0, BigInt(value), true);
  return { code, value: bytes };
}

function directionFlags(frame: WritableFrame): Option | undefined {
  if (frame.direction === 'unknown') return undefined;
  const bits = frame.direction === 'in' ? directionBits.inbound : directionBits.outbound;
  return { code: option.packetFlags, value: Uint8Array.of(bits, 0, 0, 0) };
}
