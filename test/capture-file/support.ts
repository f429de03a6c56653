/** What the tests of this folder share: reading bytes in chunks, and frames that outlive the visit. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { CapturedFrame, FrameDirection } from '../../src/capture-file/frame.js';
import { CaptureStream } from '../../src/capture-file/stream.js';
import type { CaptureFileSummary } from '../../src/capture-file/summary.js';
import { StalesumError } from '../../src/errors.js';

/** A frame copied out of the reader's buffer. */
export interface KeptFrame {
  number: number;
  seconds: number;
  nanoseconds: number;
  capturedLength: number;
  originalLength: number;
  md5: string;
  linkType: number;
  interfaceIndex: number;
  direction: FrameDirection;
}

export function keep(frame: CapturedFrame): KeptFrame {
  const data = frame.bytes.subarray(frame.start, frame.end);
  const sameInView = new Uint8Array(
    frame.view.buffer,
    frame.view.byteOffset + frame.start,
    data.length,
  );
  if (Buffer.compare(data, sameInView) !== 0) throw new Error('bytes and view differ');
  return {
    number: frame.number,
    seconds: frame.seconds,
    nanoseconds: frame.nanoseconds,
    capturedLength: data.length,
    originalLength: frame.originalLength,
    md5: createHash('md5').update(data).digest('hex'),
    linkType: frame.linkType,
    interfaceIndex: frame.interfaceIndex,
    direction: frame.direction,
  };
}

export interface Outcome {
  frames: KeptFrame[];
  summary: CaptureFileSummary;
}

/** Reads bytes pushed in chunks; the last length is used again until the bytes end. */
export function read(bytes: Uint8Array, chunkLengths: readonly number[] = [bytes.length]): Outcome {
  const frames: KeptFrame[] = [];
  const stream = new CaptureStream('test', frame => frames.push(keep(frame)));
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = chunkLengths[Math.min(i, chunkLengths.length - 1)] ?? bytes.length;
    // A copy that is overwritten afterwards: the reader may keep nothing of a chunk.
    const chunk = new Uint8Array(bytes.subarray(at, at + length));
    stream.push(chunk);
    chunk.fill(0xee);
    at += length;
  }
  return { frames, summary: stream.end() };
}

/** As `read`, with the text of the fault where the bytes are no capture file. Other errors pass. */
export function readOrFault(bytes: Uint8Array, chunkLengths?: readonly number[]): Outcome | string {
  try {
    return read(bytes, chunkLengths);
  } catch (thrown) {
    if (thrown instanceof StalesumError && thrown.kind === 'bad-input') return thrown.message;
    throw thrown;
  }
}

export const fixturesFolder = new URL('./fixtures/', import.meta.url);

export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(name, fixturesFolder)));
}

/** Bytes one behind the other. */
export function concatenated(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Offsets at which a record of the file ends, found with nothing but the length fields (little-endian files). */
export function recordEnds(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isPcapng = view.getUint32(0) === 0x0a0d0d0a;
  const ends: number[] = [];
  let at = isPcapng ? 0 : 24;
  if (!isPcapng) ends.push(at);
  while (at < bytes.length) {
    at += isPcapng ? view.getUint32(at + 4, true) : 16 + view.getUint32(at + 8, true);
    ends.push(at);
  }
  return ends;
}
