/**
 * Lines for whoever reads standard output. A reader that is too slow must not make memory grow, so there is
 * an end to what waits for it; lines beyond that are dropped and counted.
 */
import { messageOf, StalesumError } from '../errors.js';

const MOST_WAITING_BYTES = 4 << 20;

export class LineWriter {
  readonly #stream: NodeJS.WriteStream;
  #dropped = 0;
  #fault: StalesumError | undefined;

  /** @param onGone called when there is no reader any more, or it cannot be written to */
  constructor(stream: NodeJS.WriteStream, onGone: () => void) {
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

  write(lines: string): void {
    if (lines === '') return;
    if (this.#stream.writableLength > MOST_WAITING_BYTES) this.#dropped++;
    else this.#stream.write(lines);
  }
}
