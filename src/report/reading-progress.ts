/** What is told of a long reading: how much is read, how fast, and how long it still takes. */
import { printable } from '../output.js';

/** Sooner nobody needs to know; and as often a line may change. */
const FIRST_AFTER_SECONDS = 1;
const EVERY_SECONDS = 0.25;

/** Follows the readings of files, one after the other. */
export class ReadingProgress {
  readonly #show: (text: string) => void;
  readonly #now: () => number;
  #name: string | undefined;
  #begun = 0;
  #shown = 0;

  /** @param now seconds on any clock that only goes on */
  constructor(show: (text: string) => void, now = () => performance.now() / 1000) {
    this.#show = show;
    this.#now = now;
  }

  /** `bytes` of the file are read; `size` is not known of a stream. */
  note(name: string, bytes: number, size: number | undefined): void {
    const now = this.#now();
    if (name !== this.#name) {
      this.#name = name;
      this.#begun = now;
      this.#shown = now + FIRST_AFTER_SECONDS - EVERY_SECONDS;
      return;
    }
    if (now - this.#shown < EVERY_SECONDS) return;
    this.#shown = now;
    const rate = bytes / (now - this.#begun);
    this.#show(`reading ${printable(name)}: ${progressText(bytes, size, rate)}`);
  }
}

/** `1.2 of 8.0 GB, 950 MB/s, 7 s left` */
export function progressText(bytes: number, size: number | undefined, rate: number): string {
  const speed = `${(rate / 1e6).toFixed(0)} MB/s`;
  // A file that grows while it is read is longer than it was.
  if (size === undefined || bytes > size) return `${gigabytes(bytes)} GB, ${speed}`;
  const left = Math.ceil((size - bytes) / rate);
  return `${gigabytes(bytes)} of ${gigabytes(size)} GB, ${speed}, ${durationText(left)} left`;
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(1);
}

function durationText(seconds: number): string {
  if (seconds < 100) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
