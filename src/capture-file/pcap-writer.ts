/** Writes pcap with nanosecond times, little-endian (draft-ietf-opsawg-pcap). */

import { nanosecondMagic, pcapHeaderLength, recordHeaderLength } from './pcap.js';
import { viewOf } from './view.js';
import { assertWritable, type WritableFrame } from './writable-frame.js';

export interface PcapHeader {
  /** LINKTYPE_* number; all frames of the file have it. */
  readonly linkType: number;
  /** Most bytes captured of a frame; default 262144, that of tcpdump. */
  readonly snapLength?: number;
}

/** The header of a file: its first bytes. */
export function pcapHeader(header: PcapHeader): Uint8Array {
  const bytes = new Uint8Array(pcapHeaderLength);
  const view = viewOf(bytes);
  view.setUint32(0, nanosecondMagic, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, header.snapLength ?? 262_144, true);
  view.setUint32(20, header.linkType, true);
  return bytes;
}

/**
 * One record. Throws a StalesumError (`write-failed`) if its time is not within the 32 bits of
 * seconds that the format has.
 */
export function pcapRecord(frame: WritableFrame): Uint8Array {
  assertWritable(frame, 0xffff_ffff);
  const captured = frame.end - frame.start;
  const bytes = new Uint8Array(recordHeaderLength + captured);
  const view = viewOf(bytes);
  view.setUint32(0, frame.seconds, true);
  view.setUint32(4, frame.nanoseconds, true);
  view.setUint32(8, captured, true);
  view.setUint32(12, frame.originalLength, true);
  bytes.set(frame.bytes.subarray(frame.start, frame.end), recordHeaderLength);
  return bytes;
}
