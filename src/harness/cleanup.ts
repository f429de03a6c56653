/** What has to be put in order at the end, also when the user interrupts. */
import { exitCodeOfFault, messageOf, StalesumError } from '../errors.js';
import type { OpenNode } from '../node/node.js';

const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What ending and putting in order get after an interrupt, all together. Seconds. */
const PATIENCE_SECONDS = 20;

/** Takes what is to be done at the end; the last is done first. */
export type AtEnd = (undo: () => Promise<void>) => void;

/**
 * Does the work, and then what it has asked to be done at its end, whether it succeeds, fails or is
 * interrupted. An interrupt aborts the signal, and the work is to end with its reason; a second one ends
 * the process at once: what runs elsewhere ends itself when we are gone.
 *
 * @throws StalesumError `interrupted`; what the work throws
 */
export async function withCleanup<T>(
  work: (atEnd: AtEnd, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const undos: (() => Promise<void>)[] = [];
  const interruption = new AbortController();
  let over = false;
  const atEnd: AtEnd = undo => {
    // What came to be when all else was undone already.
    if (over) void perform(undo);
    else undos.push(undo);
  };
  const leave = () => process.exit(exitCodeOfFault.interrupted);
  const onInterrupt = (signal: NodeJS.Signals) => {
    if (interruption.signal.aborted) leave();
    setTimeout(leave, PATIENCE_SECONDS * 1000).unref();
    interruption.abort(new StalesumError('interrupted', `interrupted by ${signal}`));
  };
  for (const signal of INTERRUPTS) process.on(signal, onInterrupt);
  try {
    return await work(atEnd, interruption.signal);
  } catch (thrown) {
    throw interruption.signal.aborted ? interruption.signal.reason : thrown;
  } finally {
    for (let undo = undos.pop(); undo; undo = undos.pop()) await perform(undo);
    over = true;
    for (const signal of INTERRUPTS) process.off(signal, onInterrupt);
  }
}

async function perform(undo: () => Promise<void>): Promise<void> {
  await undo().catch(thrown => {
    process.stderr.write(`stalesum: ${messageOf(thrown)}\n`);
  });
}

/** The promise, or the signal's reason as soon as it is aborted. */
export async function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Closes what is opened, or may yet be. Asked for before it is there, nothing comes to be unseen. */
export async function closeOpened(opening: Promise<OpenNode>, signal: AbortSignal): Promise<void> {
  const open = await opening.catch(thrown => {
    // Without an interrupt, it is the fault that the work ends with.
    if (signal.aborted && thrown !== signal.reason) throw thrown;
  });
  await open?.close();
}
