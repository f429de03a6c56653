/** What the threads tell each other beside what lies in shared memory. */
import type { CapturedFrame } from '../capture-file/frame.js';
import type { CaptureFileSummary } from '../capture-file/summary.js';
import type { FaultKind } from '../errors.js';
import type { KernelMemory, KernelModule } from './kernel.js';
import type { Layout } from './layout.js';

/** What each thread is started with. */
export interface ThreadStart {
  readonly role: 'read' | 'examine' | 'hash';
  readonly module: KernelModule;
  readonly memory: KernelMemory;
  readonly layout: Layout;
  readonly seed: number;
}

/** To the reader and to who hashes: a file begins. */
export interface FileTask {
  /** Open in this process, for the reader to read on in. */
  readonly fd: number;
  /** Stands in error messages. */
  readonly path: string;
  readonly sha256: boolean;
}

/** A frame without its view, which cannot be sent. */
export type SentFrame = Omit<CapturedFrame, 'view'>;

/** From the reader, in the order of the capture; then `ended` or `failed`. */
export type ReaderMessage =
  | { readonly kind: 'slab'; readonly number: number; readonly extras: readonly SentFrame[] }
  | { readonly kind: 'ended'; readonly summary: CaptureFileSummary }
  | { readonly kind: 'failed'; readonly fault: SentFault };

/** A fault: a StalesumError if it has a kind. */
export interface SentFault {
  readonly kind: FaultKind | undefined;
  readonly message: string;
  readonly remedy: string | undefined;
}

/** From who hashes: the file's SHA-256, in hex. */
export interface HashMessage {
  readonly sha256: string;
}
