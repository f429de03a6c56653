/** Reads a capture from a readable stream, compressed with gzip or not. */

import { messageOf, StalesumError } from '../errors.js';
import { CaptureStream } from './capture-stream.js';
import type { FrameVisitor } from './frame.js';
import { gzipMagic, isGzip, readGzipped } from './gzip.js';
import type { IntakeFor } from './intake.js';
import type { ReadOptions } from './reading.js';
import type { CaptureFileSummary } from './summary.js';

export { CaptureStream } from './capture-stream.js';

/**
 * Reads a capture from a stream to its end. `name` stands in error messages. Throws a StalesumError
 * of kind `bad-input` if it has no header of a capture file, or if reading fails.
 */
export async function readCaptureStream(
  readable: AsyncIterable<Uint8Array>,
  name: string,
  visitor: FrameVisitor,
  options?: ReadOptions,
): Promise<CaptureFileSummary> {
  const intakeFor: IntakeFor = sha256 => new CaptureStream(name, visitor, { sha256 });
  return readStreamInto(readable, name, intakeFor, options);
}

/** The same into whatever takes the bytes of an uncompressed capture. */
export async function readStreamInto(
  readable: AsyncIterable<Uint8Array>,
  name: string,
  intakeFor: IntakeFor,
  options: ReadOptions = {},
): Promise<CaptureFileSummary> {
  const chunks = chunksOf(readable, name);
  const first = await firstBytes(chunks);
  if (isGzip(first)) return readGzipped(rest(first, chunks), name, intakeFor(false), options);
  const intake = intakeFor(options.sha256 !== false);
  intake.push(first);
  for await (const chunk of chunks) intake.push(chunk);
  return intake.end();
}

/** As many chunks in one as it takes to tell whether they are compressed. */
async function firstBytes(chunks: AsyncGenerator<Uint8Array>): Promise<Uint8Array> {
  let bytes: Uint8Array = new Uint8Array(0);
  while (bytes.length < gzipMagic.length) {
    const { value, done } = await chunks.next();
    if (done) break;
    bytes = bytes.length === 0 ? value : Buffer.concat([bytes, value]);
  }
  return bytes;
}

async function* rest(
  first: Uint8Array,
  chunks: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  yield* chunks;
}

/** The chunks, with failures of reading (and only those) told as bad input. */
export async function* chunksOf(
  readable: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array> {
  let read = 0;
  try {
    for await (const chunk of readable) {
      read += chunk.length;
      yield chunk;
    }
  } catch (thrown) {
    throw new StalesumError(
      'bad-input',
      `${name}: reading failed at byte ${read}: ${messageOf(thrown)}`,
    );
  }
}
