/** The options at the end of most pcapng blocks (draft-ietf-opsawg-pcapng, "Options"). */

import { option, padded } from './pcapng-format.js';

/** Called for each option with its code, and offset and length of its value. */
export type OptionVisitor = (code: number, at: number, length: number) => void;

/**
 * Hands the options in `[start, end)` on, up to opt_endofopt or the end. False if one of them runs
 * over the end: then the block is damaged.
 */
export function walkOptions(
  view: DataView,
  start: number,
  end: number,
  littleEndian: boolean,
  visitor: OptionVisitor,
): boolean {
  let at = start;
  while (at + 4 <= end) {
    const code = view.getUint16(at, littleEndian);
    const length = view.getUint16(at + 2, littleEndian);
    if (code === option.endOfOptions) return true;
    const next = at + 4 + padded(length);
    if (next > end) return false;
    visitor(code, at + 4, length);
    at = next;
  }
  return true;
}

// A byte order mark is kept, as any other character of the text.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Reads texts until their lengths together reach a bound, so that no file can fill the memory. */
export class TextReader {
  private bytesLeft: number;

  constructor(maximumBytes: number) {
    this.bytesLeft = maximumBytes;
  }

  /** UTF-8 text without the NULs that some writers end it with; undefined beyond the bound. */
  read(bytes: Uint8Array, at: number, length: number): string | undefined {
    if (length > this.bytesLeft) return undefined;
    this.bytesLeft -= length;
    let end = at + length;
    while (end > at && bytes[end - 1] === 0) end--;
    return decoder.decode(bytes.subarray(at, end));
  }
}
