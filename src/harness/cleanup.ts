/** What has to be put in order at the end, also when the user interrupts. */
import { exitCodeOfFault, messageOf } from '../errors.js';

const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What everything together gets after an interrupt. Seconds. */
const PATIENCE_SECONDS = 15;

/** Takes what is to be done at the end; the last is done first. */
export type AtEnd = (undo: () => Promise<void>) => void;

/**
 * Does the work, and then what it has asked to be done at its end, whether it succeeds, fails or is
 * interrupted: then the process ends with 130, after `interrupted` was called. A second interrupt ends it
 * at once; what runs elsewhere ends itself when we are gone.
 */
export async function withCleanup<T>(
  work: (atEnd: AtEnd) => Promise<T>,
  interrupted: () => void,
): Promise<T> {
  const undos: (() => Promise<void>)[] = [];
  const cleanUp = async () => {
    for (let undo = undos.pop(); undo; undo = undos.pop()) {
      await undo().catch(thrown => {
        process.stderr.write(`stalesum: ${messageOf(thrown)}\n`);
      });
    }
  };
  let asked = false;
  const onInterrupt = () => {
    const leave = () => process.exit(exitCodeOfFault.interrupted);
    if (asked) leave();
    asked = true;
    setTimeout(leave, PATIENCE_SECONDS * 1000).unref();
    interrupted();
    void cleanUp().then(leave);
  };
  for (const signal of INTERRUPTS) process.on(signal, onInterrupt);
  try {
    return await work(undo => undos.push(undo));
  } catch (fault) {
    // Nothing that the interrupt broke is worth a word.
    if (asked) await new Promise(() => undefined);
    throw fault;
  } finally {
    await cleanUp();
    for (const signal of INTERRUPTS) process.off(signal, onInterrupt);
  }
}
