/**
 * Reads captures into observers, as fast as the machine lets it: large ones through slabs and the kernel,
 * and on several threads where there are cores. Whatever the way, the observers end up the same.
 */
import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import {
  type RegularFile,
  readFileWith,
  readPiece,
  readRegularFile,
} from '../capture-file/file.js';
import type { CaptureIntake, IntakeFor } from '../capture-file/intake.js';
import type { ReadOptions } from '../capture-file/reading.js';
import { CaptureStream, readStreamInto } from '../capture-file/stream.js';
import type { CaptureFileSummary } from '../capture-file/summary.js';
import {
  compileKernel,
  type Kernel,
  type KernelMemory,
  type KernelModule,
  kernelMemory,
  startKernel,
} from './kernel.js';
import { type Layout, layOut, type SlabSizes } from './layout.js';
import { type Observers, Owner } from './owner.js';
import { SlabFiller, type SlabSupply } from './slab-filler.js';
import type { ReadingThreads } from './threads.js';

/** How captures are read; for tests and the benchmark, since it changes nothing but the speed. */
export interface ReadingPlan {
  /** 1: all in the calling thread; 2: one that reads beside it; more: further ones that examine. */
  readonly threads: number;
  readonly slabs: SlabSizes;
  /** Lengths in bytes from which on a file is read through the kernel, and by several threads. */
  readonly smallestForKernel: number;
  readonly smallestForThreads: number;
}

export interface ReaderOptions extends ReadOptions {
  /** UDP ports on which tunnels are expected, the same for all observers. */
  readonly tunnelPorts: ReadonlySet<number>;
  /** Told now and then how far a file is read; `size` is not known of a stream. */
  readonly onProgress?:
    | ((name: string, bytes: number, size: number | undefined) => void)
    | undefined;
  readonly plan?: Partial<ReadingPlan> | undefined;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const MAX_THREADS = 8;

/**
 * Slabs of a mebibyte: smaller ones make more calls, greater ones do not stay in the processor's cache. Frames
 * of less than 16 bytes, of which no capture of packets consists, do not all find room in the index.
 *
 * A smaller file than those is read before the kernel is ready; threads take some 60 ms to start.
 */
const DEFAULT_PLAN: Omit<ReadingPlan, 'threads'> = {
  slabs: { bytes: MIB, carry: 256 * KIB, records: (MIB + 256 * KIB) / 32 },
  smallestForKernel: 256 * KIB,
  smallestForThreads: 8 * MIB,
};

/** Slabs between two turns of the event loop, so that signals and progress get theirs. */
const SLABS_PER_TURN = 32;

/** The kernel at work. */
interface Machine {
  readonly module: KernelModule;
  readonly kernel: Kernel;
  readonly memory: KernelMemory;
  readonly layout: Layout;
  readonly owner: Owner;
  readonly seed: number;
}

export class CaptureReader {
  readonly #options: ReaderOptions;
  readonly #plan: ReadingPlan;
  /** `null` where there is no kernel. */
  #machine: Machine | null | undefined;
  #threads: ReadingThreads | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
    const threads = Math.min(availableParallelism(), MAX_THREADS);
    this.#plan = { threads, ...DEFAULT_PLAN, ...options.plan };
  }

  /** Reads a file; see `readCaptureFile`. */
  async readFile(path: string, observers: Observers): Promise<CaptureFileSummary> {
    const readers = {
      intakeFor: this.#intakeFor(path, observers),
      readRegular: (file: RegularFile) => this.#readRegular(file, path, observers),
    };
    return this.#ending(readFileWith(path, readers, this.#options));
  }

  /** Reads a stream; see `readCaptureStream`. */
  async readStream(
    readable: AsyncIterable<Uint8Array>,
    name: string,
    observers: Observers,
  ): Promise<CaptureFileSummary> {
    const intakeFor = this.#intakeFor(name, observers);
    return this.#ending(readStreamInto(readable, name, intakeFor, this.#options));
  }

  /** Ends its threads. */
  async close(): Promise<void> {
    await this.#threads?.close();
    this.#threads = undefined;
  }

  async #ending(reading: Promise<CaptureFileSummary>): Promise<CaptureFileSummary> {
    try {
      return await reading;
    } finally {
      this.#machine?.owner.end();
    }
  }

  async #readRegular(
    file: RegularFile,
    path: string,
    observers: Observers,
  ): Promise<CaptureFileSummary> {
    const { smallestForKernel, smallestForThreads, threads } = this.#plan;
    const machine = file.size < smallestForKernel ? null : this.#start();
    if (!machine) return readRegularFile(file.fd, path, observers.visit, this.#options);
    const { owner } = machine;
    owner.begin(observers, this.#options.tunnelPorts);
    const progress = this.#progress(path, file.size);
    if (threads > 1 && file.size >= smallestForThreads) {
      this.#threads ??= await startThreads(machine, threads);
      const sha256 = this.#options.sha256 !== false;
      return this.#threads.read({ fd: file.fd, path, sha256 }, owner, progress);
    }
    const filler = this.#filler(machine, path, this.#options.sha256 !== false);
    const read = (bytes: Uint8Array, at: number, length: number): number =>
      readPiece(file.fd, path, bytes, at, length, filler.bytes);
    for (let reads = 1; filler.fill(read) > 0; reads++) {
      if (reads % SLABS_PER_TURN !== 0) continue;
      progress(filler.bytes);
      await setImmediate();
    }
    return filler.end();
  }

  #intakeFor(name: string, observers: Observers): IntakeFor {
    return sha256 => {
      const machine = this.#start();
      if (!machine) return new CaptureStream(name, observers.visit, { sha256 });
      machine.owner.begin(observers, this.#options.tunnelPorts);
      return this.#withProgress(this.#filler(machine, name, sha256), name);
    };
  }

  /** Fills the first slab again and again, and examines it at once. */
  #filler({ owner, kernel, layout, memory }: Machine, name: string, sha256: boolean): SlabFiller {
    const slab = layout.slabs[0]!;
    const supply: SlabSupply = {
      take: () => slab,
      publish: batch => owner.examineAndTake(batch),
    };
    return new SlabFiller(name, kernel, memory.buffer, supply, sha256);
  }

  #withProgress(filler: SlabFiller, name: string): CaptureIntake {
    const progress = this.#progress(name, undefined);
    return {
      push: chunk => {
        filler.push(chunk);
        progress(filler.bytes);
      },
      end: () => filler.end(),
    };
  }

  #progress(name: string, size: number | undefined): (bytes: number) => void {
    const { onProgress } = this.#options;
    return bytes => onProgress?.(name, bytes, size);
  }

  #start(): Machine | null {
    this.#machine ??= startMachine(this.#plan);
    return this.#machine;
  }
}

/** Slabs that may be filled ahead: what is read, what is examined, and some for unevenness. */
const SLABS_BESIDE_THREADS = 3;

function startMachine({ threads, slabs }: ReadingPlan): Machine | null {
  const module = compileKernel();
  if (!module) return null;
  const layout = layOut(threads === 1 ? 1 : threads + SLABS_BESIDE_THREADS, slabs);
  const memory = kernelMemory(layout.bytes);
  // Random, so that nobody can write a capture whose flows all fall into one slot.
  const seed = Math.floor(Math.random() * 0x1_0000_0000);
  const kernel = startKernel(module, memory, layout, seed);
  return { module, kernel, memory, layout, seed, owner: new Owner(kernel, layout, memory.buffer) };
}

async function startThreads(machine: Machine, count: number): Promise<ReadingThreads> {
  const { ReadingThreads } = await import('./threads.js');
  return new ReadingThreads(machine, count);
}
