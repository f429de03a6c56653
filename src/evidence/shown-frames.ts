/** Reads from a recording's captures the frames that reports show: their times, and some of their bytes. */
import type { FrameReference } from '../analysis/verdict.js';
import { readCaptureFile } from '../capture-file/file.js';
import { StalesumError } from '../errors.js';
import type { Instant } from '../time.js';
import type { CaptureSource } from './sources.js';

/** One frame of a capture, copied. */
export interface ShownFrame {
  readonly capture: string;
  /** As Wireshark shows it. */
  readonly number: number;
  readonly at: Instant;
  /** LINKTYPE_* number. */
  readonly linkType: number;
  /** On the wire, in bytes. */
  readonly originalLength: number;
  /** What was captured of it; empty unless the bytes were asked for. */
  readonly bytes: Uint8Array;
}

export interface ReadFrames {
  readonly frames: readonly ShownFrame[];
  /** Captures whose frames could not be shown, and why. */
  readonly gaps: readonly string[];
}

/** Where a capture of a verdict is on disk. */
export interface LocatedCapture {
  readonly name: string;
  readonly path: string;
  /** The same from the folder of the recording. */
  readonly file: string;
}

/**
 * The file of each capture that a verdict names. A pcapng with several interfaces is several captures
 * of one file; a rotated set has its frame numbers in several files, and is left out.
 */
export function locateCaptures(
  names: readonly string[],
  sources: readonly CaptureSource[],
): LocatedCapture[] {
  return names.flatMap(name => {
    const source = sources.find(
      ({ name: own, files }) =>
        files === undefined && (own === name || name.startsWith(`${own} (`)),
    );
    return source && source.path !== '-' ? [{ name, path: source.path, file: source.name }] : [];
  });
}

/** Reads each file once. @param withBytes the frame whose bytes are wanted, if any */
export async function readShownFrames(
  wanted: readonly FrameReference[],
  withBytes: FrameReference | undefined,
  captures: readonly LocatedCapture[],
): Promise<ReadFrames> {
  const frames: ShownFrame[] = [];
  const gaps: string[] = [];
  const all = withBytes ? [...wanted, withBytes] : wanted;
  for (const { name, path } of captures) {
    const numbers = new Set(
      all.filter(({ capture }) => capture === name).map(({ number }) => number),
    );
    if (numbers.size === 0) continue;
    const bytesOf = withBytes?.capture === name ? withBytes.number : undefined;
    try {
      await readCaptureFile(path, frame => {
        if (!numbers.has(frame.number)) return;
        frames.push({
          capture: name,
          number: frame.number,
          at: { seconds: frame.seconds, nanoseconds: frame.nanoseconds },
          linkType: frame.linkType,
          originalLength: frame.originalLength,
          bytes:
            frame.number === bytesOf
              ? frame.bytes.slice(frame.start, frame.end)
              : new Uint8Array(0),
        });
      });
    } catch (thrown) {
      if (!(thrown instanceof StalesumError)) throw thrown;
      gaps.push(`${name}: frames not shown: ${thrown.message}`);
    }
  }
  return { frames, gaps };
}
