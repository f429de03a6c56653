/**
 * Files that are one capture: named like a rotated set, of the same link type and interface, and
 * begun one after the other. What does not fit stays a capture of its own: two nodes' captures taken
 * for one would make evidence of nothing.
 */
import { createReadStream } from 'node:fs';
import { CaptureStream } from '../capture-file/capture-stream.js';
import type { CapturedFrame } from '../capture-file/frame.js';
import { isGzip, readGzipped } from '../capture-file/gzip.js';
import { StalesumError } from '../errors.js';
import { compareInstants, type Instant, secondsBetween } from '../time.js';
import { comparePlaces, rotationPlace, setName } from './rotation.js';
import type { CaptureSource } from './sources.js';

/** Frames are written in the order in which CPUs hand them over, not quite in that of their times. */
export const DISORDER_SECONDS = 1;

/** What the beginning of a file tells. */
interface Beginning {
  readonly linkType: number;
  readonly at: Instant;
}

interface Member {
  readonly source: CaptureSource;
  /** `undefined` for a file without a frame. */
  readonly beginning: Beginning | undefined;
}

/** The sources with each rotated set as one, where its first file stood. */
export async function withRotatedSets(sources: readonly CaptureSource[]): Promise<CaptureSource[]> {
  const sets = new Map<string, CaptureSource[]>();
  for (const source of sources) {
    const key = setKey(source);
    if (key !== undefined) sets.set(key, [...(sets.get(key) ?? []), source]);
  }
  const merged = new Map<CaptureSource, readonly CaptureSource[]>();
  for (const files of sets.values()) {
    if (files.length > 1) merged.set(files[0]!, await mergedSet(files));
  }
  return sources.flatMap(source => {
    const key = setKey(source);
    const files = key === undefined ? [source] : sets.get(key)!;
    if (files.length < 2) return [source];
    return source === files[0] ? merged.get(source)! : [];
  });
}

/** Roles that the user gave keep files apart. */
function setKey(source: CaptureSource): string | undefined {
  const place = source.path === '-' ? undefined : rotationPlace(source.path);
  return place && [place.set, source.node, source.layer, source.side].join('\0');
}

async function mergedSet(files: readonly CaptureSource[]): Promise<readonly CaptureSource[]> {
  const named = [...files].sort((a, b) =>
    comparePlaces(rotationPlace(a.path)!, rotationPlace(b.path)!),
  );
  const members: Member[] = [];
  for (const source of named) members.push({ source, beginning: await beginningOf(source.path) });
  const ordered = inOrderOfCapture(members);
  if (!ordered) return files;
  const sources = ordered.map(({ source }) => source);
  const [first] = sources;
  return [
    {
      ...first!,
      name: setName(sources.map(({ name }) => name)),
      files: sources.map(({ path, name }) => ({ path, name })),
    },
  ];
}

/**
 * The members, the oldest first; `undefined` if they are no set. A ring (`-W`, `-b files:`) goes on
 * with its first name after its last, so the oldest may stand in the middle.
 */
function inOrderOfCapture(members: readonly Member[]): readonly Member[] | undefined {
  const begun = members.flatMap(({ beginning }, index) =>
    beginning ? [{ index, ...beginning }] : [],
  );
  const [first] = begun;
  const last = begun.at(-1);
  if (!first || !last) return members;
  if (begun.some(({ linkType }) => linkType !== first.linkType)) return undefined;
  const steps = begun.filter(
    ({ at }, i) => i > 0 && secondsBetween(begun[i - 1]!.at, at) < -DISORDER_SECONDS,
  );
  const [step] = steps;
  if (!step) return members;
  if (steps.length > 1 || compareInstants(last.at, first.at) > 0) return undefined;
  return [...members.slice(step.index), ...members.slice(0, step.index)];
}

/** Thrown by the visitor once it has seen enough. */
const ENOUGH = Symbol('enough');

/** Looks at the first frame of a file; `undefined` if it has none, or cannot be read. */
async function beginningOf(path: string): Promise<Beginning | undefined> {
  let found: Beginning | undefined;
  const visit = ({ linkType, seconds, nanoseconds }: CapturedFrame): void => {
    found = { linkType, at: { seconds, nanoseconds } };
    throw ENOUGH;
  };
  const stream = createReadStream(path);
  try {
    let capture: CaptureStream | undefined;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (!capture && isGzip(chunk)) {
        stream.destroy();
        const inflated = new CaptureStream(path, visit, { sha256: false });
        await readGzipped(createReadStream(path), path, inflated, { sha256: false });
        return found;
      }
      capture ??= new CaptureStream(path, visit, { sha256: false });
      capture.push(chunk);
    }
  } catch (thrown) {
    const isExpected = thrown === ENOUGH || thrown instanceof StalesumError;
    // What cannot be read is said when it is read.
    if (!isExpected && !(thrown instanceof Error && 'code' in thrown)) throw thrown;
  } finally {
    stream.destroy();
  }
  return found;
}
