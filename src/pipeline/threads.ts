/**
 * Reading a file on several threads: one reads it into slabs, one hashes them, others examine them, and the
 * calling thread, which owns the flows, takes them in the order of the capture, and examines what nobody
 * else did. The ring of slabs bounds how far ahead any of them gets.
 */
import { Worker } from 'node:worker_threads';
import type { CaptureFileSummary } from '../capture-file/summary.js';
import { viewOf } from '../capture-file/view.js';
import { StalesumError } from '../errors.js';
import { builtFile } from '../package-root.js';
import type { Batch } from './batch.js';
import { Control } from './control.js';
import type { KernelMemory, KernelModule } from './kernel.js';
import type { Layout } from './layout.js';
import type { Owner } from './owner.js';
import type {
  FileTask,
  HashMessage,
  ReaderMessage,
  SentFault,
  ThreadStart,
} from './thread-messages.js';

export interface ThreadedMachine {
  readonly module: KernelModule;
  readonly memory: KernelMemory;
  readonly layout: Layout;
  readonly seed: number;
}

export class ReadingThreads {
  readonly #machine: ThreadedMachine;
  readonly #control: Control;
  readonly #reader: Worker;
  readonly #examiners: readonly Worker[];
  #hasher: Worker | undefined;
  /** Ends the present reading: a thread failed. */
  #fail: (thrown: unknown) => void = () => undefined;

  /** @param count of threads, the calling one and the one that reads included; who hashes comes on top */
  constructor(machine: ThreadedMachine, count: number) {
    this.#machine = machine;
    this.#control = new Control(machine.memory.buffer, machine.layout);
    this.#reader = this.#start('read');
    this.#examiners = Array.from({ length: count - 2 }, () => this.#start('examine'));
  }

  /** Reads a file; its frames reach `owner` in their order. */
  async read(
    task: FileTask,
    owner: Owner,
    onBytes: (bytes: number) => void,
  ): Promise<CaptureFileSummary> {
    const control = this.#control;
    control.beginFile();
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    // It may fail when nobody waits any more.
    failed.catch(() => undefined);
    const hashed = task.sha256 ? this.#hash(control.published) : Promise.resolve(null);
    const summary = await Promise.race([this.#readSlabs(task, owner, onBytes, hashed), failed]);
    return { ...summary, sha256: await Promise.race([hashed, failed]) };
  }

  async close(): Promise<void> {
    const threads = [this.#reader, ...this.#examiners, ...(this.#hasher ? [this.#hasher] : [])];
    await Promise.all(threads.map(thread => thread.terminate()));
  }

  #start(role: ThreadStart['role']): Worker {
    const { module, memory, layout, seed } = this.#machine;
    const workerData: ThreadStart = { role, module, memory, layout, seed };
    const thread = new Worker(builtFile('pipeline/thread.js'), { workerData });
    thread.on('error', thrown => this.#fail(thrown));
    return thread;
  }

  #readSlabs(
    task: FileTask,
    owner: Owner,
    onBytes: (bytes: number) => void,
    hashed: Promise<unknown>,
  ): Promise<CaptureFileSummary> {
    const control = this.#control;
    let bytes = 0;
    return new Promise((resolve, reject) => {
      const take = (message: ReaderMessage): void => {
        if (message.kind === 'slab') {
          const { number } = message;
          const { count, length } = control.contentOf(number);
          const extras = message.extras.map(frame => ({ ...frame, view: viewOf(frame.bytes) }));
          const batch: Batch = { slab: control.slabOf(number), count, extras };
          this.#examineUpTo(number, owner);
          owner.take(batch);
          control.noteTaken(number);
          bytes += length;
          onBytes(bytes);
          return;
        }
        this.#reader.off('message', onMessage);
        if (message.kind === 'ended') resolve(message.summary);
        // Who hashes must have done with this file before the next begins.
        else void hashed.then(() => reject(faultOf(message.fault)));
      };
      const onMessage = (message: ReaderMessage): void => {
        try {
          take(message);
        } catch (thrown) {
          reject(thrown);
        }
      };
      this.#reader.on('message', onMessage);
      this.#reader.postMessage(task);
    });
  }

  /** Sees to it that the slab is examined: examines what nobody else does, and waits for who does. */
  #examineUpTo(number: number, owner: Owner): void {
    const control = this.#control;
    while (!control.isExamined(number)) {
      const claimed = control.claim();
      if (claimed < 0 && control.waitBriefly(() => control.isExamined(number))) return;
      // Whoever claimed it does not come back, or is late: the same rows twice do no harm.
      const mine = claimed < 0 ? number : claimed;
      const slab = control.slabOf(mine);
      owner.examine({ slab, count: control.contentOf(mine).count, extras: [] });
      control.noteExamined(mine);
    }
  }

  #hash(first: number): Promise<string> {
    this.#hasher ??= this.#start('hash');
    const hasher = this.#hasher;
    return new Promise(resolve => {
      hasher.once('message', ({ sha256 }: HashMessage) => resolve(sha256));
      hasher.postMessage(first);
    });
  }
}

function faultOf({ kind, message, remedy }: SentFault): Error {
  return kind === undefined ? new Error(message) : new StalesumError(kind, message, remedy);
}
