/** What the guest's kernel says on its console: the last lines, for whoever must know why it stopped. */
import { printable } from '../output.js';

const KEPT_LINES = 12;
/** Of a line that does not end. */
const MAX_LINE = 400;

export class ConsoleLog {
  #lines: string[] = [];
  #open = '';
  #panic: string | undefined;
  #bytes = 0;

  add(bytes: Buffer): void {
    this.#bytes += bytes.length;
    const lines = (this.#open + bytes.toString('latin1')).split(/\r*\n/);
    this.#open = (lines.pop() ?? '').slice(0, MAX_LINE);
    for (const line of lines) {
      // What follows a panic is a trace of calls, which would crowd out what led to it.
      if (this.#panic !== undefined) return;
      const text = printable(line).trim().slice(0, MAX_LINE);
      if (text === '') continue;
      this.#lines = [...this.#lines.slice(1 - KEPT_LINES), text];
      const [, reason] = /Kernel panic - not syncing: (.*)/.exec(text) ?? [];
      this.#panic = reason;
    }
  }

  /** Whether it has said anything at all. */
  get spoke(): boolean {
    return this.#bytes > 0;
  }

  /** Why the kernel gave up, in its own words. */
  get panic(): string | undefined {
    return this.#panic;
  }

  get lastLine(): string {
    return this.#lines.at(-1) ?? '';
  }

  /** The last lines, to be shown below a message. */
  get tail(): string {
    return this.#lines.length === 0
      ? 'its console stayed empty'
      : ['its last words:', ...this.#lines].join('\n    ');
  }
}
