/**
 * Lines for whoever reads standard output. A reader that is too slow must not make memory grow, so there is
 * an end to what waits for it; lines beyond that are dropped and counted.
 */
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, StalesumError } from '../errors.js';

const MOST_WAITING_BYTES = 4 << 20;
/** What a reader gets at the end to take what waits for it. Milliseconds. */
const PATIENCE = 2000;
const PAUSE = 20;

export class LineWriter {
  readonly #stream: Writable;
  #dropped = 0;
  #fault: StalesumError | undefined;

  /** @param onGone called when there is no reader any more, or it cannot be written to */
  constructor(stream: Writable, onGone: () => void) {
    this.#stream = stream;
    stream.on('error', (thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== 'EPIPE') {
        const message = `writing the findings: ${messageOf(thrown)}`;
        this.#fault ??= new StalesumError('write-failed', message);
      }
      onGone();
    });
  }

  /** Why nothing can be written any more; a reader that has gone (`| head`) is no fault. */
  get fault(): StalesumError | undefined {
    return this.#fault;
  }

  /** Lines that were dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): void {
    if (line === '') return;
    if (this.#stream.writableLength > MOST_WAITING_BYTES) this.#dropped++;
    else this.#stream.write(line);
  }

  /** Waits for the reader, but not for ever; whether it has taken everything. */
  async drained(): Promise<boolean> {
    const deadline = performance.now() + PATIENCE;
    while (this.#stream.writableLength > 0 && performance.now() < deadline) await sleep(PAUSE);
    return this.#stream.writableLength === 0;
  }
}
