/** Capture files, read through one buffer whatever their size. */

import { createReadStream, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { messageOf, StalesumError } from '../errors.js';
import type { FrameVisitor } from './frame.js';
import { isGzip, readGzipped } from './gzip.js';
import type { IntakeFor } from './intake.js';
import { CaptureReading, type ReadOptions } from './reading.js';
import { CaptureStream, chunksOf, readStreamInto } from './stream.js';
import type { CaptureFileSummary } from './summary.js';
import { viewOf } from './view.js';

const readLength = 1024 * 1024;
/**
 * Where reads go to in the buffer; the unfinished record of the read before is put in front of it.
 * 64 bytes into a page, and not at its begin: there, large reads are five times slower on some processors.
 */
const readOffset = 256 * 1024 + 64;
/** Reads between two turns of the event loop, so that signals and progress get theirs. */
const readsPerTurn = 32;

/**
 * Reads a capture file, compressed with gzip or not: its first bytes tell. A named pipe or other special
 * file is read as a stream.
 *
 * Throws a StalesumError: `bad-input` if there is no such file, it is a directory, it begins with no
 * header of a capture file, or reading fails; `not-permitted` if it may not be read.
 */
export async function readCaptureFile(
  path: string,
  visitor: FrameVisitor,
  options?: ReadOptions,
): Promise<CaptureFileSummary> {
  const readers: FileReaders = {
    intakeFor: sha256 => new CaptureStream(path, visitor, { sha256 }),
    readRegular: ({ fd }) => readRegularFile(fd, path, visitor, options),
  };
  return readFileWith(path, readers, options);
}

/** An uncompressed regular file, open for reading from its begin. */
export interface RegularFile {
  readonly fd: number;
  /** In bytes, as far as it is known: it may still grow. */
  readonly size: number;
}

/** Who reads what kind of file. */
export interface FileReaders {
  readonly intakeFor: IntakeFor;
  readonly readRegular: (file: RegularFile) => Promise<CaptureFileSummary>;
}

/** The same with readers of the caller's. */
export async function readFileWith(
  path: string,
  { intakeFor, readRegular }: FileReaders,
  options?: ReadOptions,
): Promise<CaptureFileSummary> {
  const file = await openCapture(path);
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw directoryFault(path);
    if (stat.isFile() && beginsWithGzip(file.fd)) {
      const chunks = createReadStream(path, { fd: file, autoClose: false, start: 0 });
      return await readGzipped(chunksOf(chunks, path), path, intakeFor(false), options);
    }
    if (stat.isFile()) return await readRegular({ fd: file.fd, size: stat.size });
    const stream = createReadStream(path, { fd: file, autoClose: false });
    return await readStreamInto(stream, path, intakeFor, options);
  } finally {
    await file.close();
  }
}

/** Reads on to the end of an uncompressed regular file. */
export async function readRegularFile(
  fd: number,
  path: string,
  visitor: FrameVisitor,
  options: ReadOptions | undefined,
): Promise<CaptureFileSummary> {
  const reading = new CaptureReading(path, visitor, options);
  let bytes: Uint8Array = new Uint8Array(readOffset + readLength);
  let view = viewOf(bytes);
  let start = readOffset;
  let end = readOffset;
  for (let reads = 1; ; reads++) {
    const left = end - start;
    const space = spaceFor(bytes, start, end);
    if (space.bytes !== bytes) {
      bytes = space.bytes;
      view = viewOf(bytes);
    }
    start = space.start;
    end = start + left;
    const length = readAt(fd, path, bytes, end, reading.bytes);
    if (length === 0) return reading.end(view, start, end);
    reading.count(bytes.subarray(end, end + length));
    end += length;
    start = reading.take(bytes, view, start, end);
    if (reads % readsPerTurn === 0) await setImmediate();
  }
}

/**
 * Moves the unfinished record `[start, end)` to where the next read can follow it: in front of
 * `readOffset` if it fits there, otherwise to the begin of the buffer, or of one of twice the size. The
 * walkers' limit on the length of a record bounds that.
 */
function spaceFor(
  bytes: Uint8Array,
  start: number,
  end: number,
): { bytes: Uint8Array; start: number } {
  const left = end - start;
  if (left <= readOffset) {
    bytes.copyWithin(readOffset - left, start, end);
    return { bytes, start: readOffset - left };
  }
  if (end + readLength <= bytes.length) return { bytes, start };
  if (left + readLength <= bytes.length) {
    bytes.copyWithin(0, start, end);
    return { bytes, start: 0 };
  }
  const grown = new Uint8Array(2 * bytes.length);
  grown.set(bytes.subarray(start, end));
  return { bytes: grown, start: 0 };
}

function readAt(fd: number, path: string, bytes: Uint8Array, at: number, position: number): number {
  return readPiece(fd, path, bytes, at, Math.min(readLength, bytes.length - at), position);
}

/** Reads on in a file of which `position` bytes were read. Throws a StalesumError (`bad-input`). */
export function readPiece(
  fd: number,
  path: string,
  bytes: Uint8Array,
  at: number,
  length: number,
  position: number,
): number {
  try {
    return readSync(fd, bytes, at, length, null);
  } catch (thrown) {
    throw new StalesumError(
      'bad-input',
      `${path}: reading failed at byte ${position}: ${messageOf(thrown)}`,
    );
  }
}

function beginsWithGzip(fd: number): boolean {
  const magic = new Uint8Array(2);
  try {
    return readSync(fd, magic, 0, magic.length, 0) === magic.length && isGzip(magic);
  } catch {
    return false;
  }
}

async function openCapture(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (thrown) {
    throw openingFault(path, thrown);
  }
}

function directoryFault(path: string): StalesumError {
  return new StalesumError(
    'bad-input',
    `${path}: expected a capture file, found a directory`,
    'Name the files in it.',
  );
}

/** The fault that a failed opening of a capture file is. */
export function openingFault(path: string, thrown: unknown): StalesumError {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new StalesumError(
      'bad-input',
      `${path}: expected a capture file, there is no such file`,
    );
  if (code === 'EACCES' || code === 'EPERM')
    return new StalesumError(
      'not-permitted',
      `${path}: not permitted to read it`,
      'tcpdump run by root writes files for root alone: `sudo chown "$USER" FILE`.',
    );
  return new StalesumError('bad-input', `${path}: cannot be opened: ${messageOf(thrown)}`);
}
