/**
 * Reads capture sources into what the analysis takes: one capture for each interface that a file, or
 * a rotated set of files, names.
 */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { CaptureObserver, DEFAULT_OBSERVER_LIMITS } from '../analysis/capture-observer.js';
import { nothingHeld } from '../analysis/holdings.js';
import type { CaptureInput } from '../analysis/input.js';
import type { CaptureFilePart } from '../analysis/observation.js';
import type { CapturedFrame } from '../capture-file/frame.js';
import type { CaptureFileSummary, CaptureInterface } from '../capture-file/summary.js';
import { StalesumError } from '../errors.js';
import type { CaptureReader } from '../pipeline/capture-reader.js';
import type { Observers } from '../pipeline/owner.js';
import { type Instant, secondsBetween } from '../time.js';
import { linkTypeName } from '../wire/link-layer.js';
import { DISORDER_SECONDS } from './rotated-sets.js';
import { setName } from './rotation.js';
import type { RunFile } from './run-record.js';
import type { CaptureSource } from './sources.js';

export interface ReadCaptureOptions {
  readonly reader: CaptureReader;
  readonly tunnelPorts: ReadonlySet<number>;
  readonly run: RunFile | undefined;
  /** Whether a file without even a header is a capture that shows nothing, and not a fault. */
  readonly allowEmpty: boolean;
}

interface CaptureFile {
  readonly path: string;
  readonly name: string;
}

/** No capture file is shorter than the header of one. */
const SHORTEST_FILE = 24;

/**
 * The captures of one source.
 *
 * @throws StalesumError `bad-input` for what cannot be read; within a set only if nothing of it can
 */
export async function readCaptures(
  source: CaptureSource,
  options: ReadCaptureOptions,
): Promise<CaptureInput[]> {
  const files = source.files ?? [source];
  const allowEmpty = options.allowEmpty || files.length > 1;
  const spans: Span[] = [new Span(options.tunnelPorts)];
  for (const file of files) {
    let span = spans.at(-1)!;
    const seenBefore = span.lastSeen;
    // Whoever wrote on before the file before was full is another capture, whatever its name.
    const next = (frame: CapturedFrame): Span => {
      const isEarlier =
        seenBefore !== undefined && secondsBetween(seenBefore, frame) < -DISORDER_SECONDS;
      if (!isEarlier) return span;
      span = new Span(options.tunnelPorts);
      spans.push(span);
      return span;
    };
    await readFile(file, files.length > 1, next, () => span, { ...options, allowEmpty });
  }
  const told = options.run?.captures.find(({ name }) => name === source.name);
  return spans.flatMap(span => span.captures(source, told));
}

/** Reads one file into the span that its first frame belongs to. */
async function readFile(
  { path, name }: CaptureFile,
  isPart: boolean,
  spanFor: (first: CapturedFrame) => Span,
  current: () => Span,
  { reader, allowEmpty }: ReadCaptureOptions,
): Promise<void> {
  let span: Span | undefined;
  const file = isPart ? basename(name) : undefined;
  const observers: Observers = {
    visit: frame => {
      span ??= spanFor(frame);
      frame.file = file;
      span.observerOf(frame.interfaceIndex).visit(frame);
    },
    observerOf: index => (span ?? current()).observerOf(index),
  };
  try {
    const summary =
      path === '-'
        ? await reader.readStream(process.stdin, name, observers)
        : await reader.readFile(path, observers);
    (span ?? current()).add(name, summary);
  } catch (thrown) {
    if (!allowEmpty || !(await isEmpty(path, thrown))) throw thrown;
    (span ?? current()).addEmpty(name, (thrown as StalesumError).message);
  }
}

async function isEmpty(path: string, thrown: unknown): Promise<boolean> {
  if (!(thrown instanceof StalesumError) || thrown.kind !== 'bad-input' || path === '-') {
    return false;
  }
  const { size } = await stat(path).catch(() => ({ size: SHORTEST_FILE }));
  return size < SHORTEST_FILE;
}

/** An interface of a span: what its files say of it, and what its frames show. */
interface Point {
  readonly from: CaptureInterface;
  readonly observer: CaptureObserver;
  /** The largest count of any file: dumpcap counts from the start of its run, not of each file. */
  kernelDrops: number | undefined;
}

/** Files that are one capture after the other, at the same interfaces. */
class Span {
  readonly #tunnelPorts: ReadonlySet<number>;
  /** By interface index; that is the same in every file of a set. */
  readonly #observers: (CaptureObserver | undefined)[] = [];
  readonly #points = new Map<number, Point>();
  readonly #parts: CaptureFilePart[] = [];
  readonly #held = nothingHeld();
  lastSeen: Instant | undefined;

  constructor(tunnelPorts: ReadonlySet<number>) {
    this.#tunnelPorts = tunnelPorts;
  }

  observerOf(interfaceIndex: number): CaptureObserver {
    this.#observers[interfaceIndex] ??= new CaptureObserver(
      this.#tunnelPorts,
      undefined,
      DEFAULT_OBSERVER_LIMITS,
      this.#held,
    );
    return this.#observers[interfaceIndex];
  }

  /** Ends a file that was read. */
  add(name: string, summary: CaptureFileSummary): void {
    for (const [index, from] of summary.interfaces.entries()) {
      const point = this.#points.get(index);
      const drops = maximum(point?.kernelDrops, from.kernelDrops);
      const observer = this.#observers[index];
      if (point) point.kernelDrops = drops;
      else if (observer) this.#points.set(index, { from, observer, kernelDrops: drops });
      else this.#withoutFrames ??= from;
    }
    for (const observer of this.#observers) {
      const seen = observer?.lastSeen;
      if (seen && (!this.lastSeen || secondsBetween(this.lastSeen, seen) > 0)) {
        this.lastSeen = { ...seen };
      }
    }
    this.#parts.push({
      name,
      frames: summary.frames,
      sha256: summary.sha256 ?? undefined,
      truncated: summary.truncated,
    });
  }

  /** Ends a file that had not even a header. */
  addEmpty(name: string, reason: string): void {
    this.#parts.push({ name, frames: 0, sha256: undefined, truncated: { offset: 0, reason } });
  }

  #withoutFrames: CaptureInterface | undefined;

  captures(source: CaptureSource, told: RunFile['captures'][number] | undefined): CaptureInput[] {
    const parts = this.#parts;
    if (parts.length === 0) return [];
    const points = [...this.#points].sort(([a], [b]) => a - b).map(([, point]) => point);
    // A capture without a frame is a fact as well: nothing passed there.
    const shown = points.length > 0 ? points : [this.#nothing()];
    const name = setName(parts.map(part => part.name));
    const isSet = parts.length > 1;
    return shown.map(({ from, observer, kernelDrops }, index) => ({
      name: shown.length === 1 ? name : `${name} (${from.name ?? `interface ${index}`})`,
      node: source.node,
      layer: source.layer,
      side: source.side,
      interface: from.name ?? told?.interface,
      linkType: from.linkType < 0 ? 'none' : linkTypeName(from.linkType),
      kernelDrops: kernelDrops ?? told?.kernelDrops,
      truncated: this.#truncation(),
      sha256: isSet ? undefined : parts[0]!.sha256,
      observation: isSet ? { ...observer.result(), files: parts } : observer.result(),
    }));
  }

  #nothing(): Point {
    const from = this.#withoutFrames;
    return {
      from: from ?? { linkType: -1, snapLength: 0 },
      observer: new CaptureObserver(this.#tunnelPorts),
      kernelDrops: from?.kernelDrops,
    };
  }

  #truncation(): CaptureInput['truncated'] {
    const damaged = this.#parts.find(({ truncated }) => truncated !== null);
    if (!damaged?.truncated) return null;
    const { offset, reason } = damaged.truncated;
    const isNamed = this.#parts.length === 1 || reason.startsWith(damaged.name);
    return { offset, reason: isNamed ? reason : `${basename(damaged.name)}: ${reason}` };
  }
}

function maximum(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.max(a, b);
}
