/**
 * How threads wait for each other: counters in shared memory that only go up. A slab has a number in
 * the order of the capture, counted over all files from 0, and lies in the ring at that number modulo the
 * ring's length. The reader fills a slab once the owner, and who hashes, have done with what was in it.
 */
import type { Layout, Slab } from './layout.js';

const WORDS = {
  /** Slabs filled. */
  PUBLISHED: 0,
  /** Slabs that somebody examines or has examined. */
  CLAIMED: 1,
  /** Slabs whose rows the owner has taken. */
  TAKEN: 2,
  /** Slabs hashed. */
  HASHED: 3,
  /** Goes up whenever anything does, for whoever waits for one of several things. */
  EVENTS: 4,
  /** Slabs filled when the present file ended; -1 before it does. */
  FILE_END: 5,
  /** Three words a slab: frames in its index, bytes of the file, and the number it was examined as, plus 1. */
  SLABS: 16,
} as const;

/** How long who waits sleeps at most before it looks again. */
const NAP_MS = 1000;

export class Control {
  readonly #words: Int32Array;
  readonly #slabs: readonly Slab[];

  constructor(memory: ArrayBufferLike, { control, slabs }: Layout) {
    this.#words = new Int32Array(memory, control, WORDS.SLABS + 3 * slabs.length);
    this.#slabs = slabs;
  }

  slabOf(number: number): Slab {
    return this.#slabs[number % this.#slabs.length]!;
  }

  get published(): number {
    return Atomics.load(this.#words, WORDS.PUBLISHED);
  }

  /** Waits until the slab of this number may be filled. */
  waitUntilFree(number: number, isHashed: boolean): void {
    const needed = number - this.#slabs.length + 1;
    this.#waitFor(WORDS.TAKEN, needed);
    if (isHashed) this.#waitFor(WORDS.HASHED, needed);
  }

  publish(number: number, count: number, length: number): void {
    const at = this.#placeOf(number);
    this.#words[at] = count;
    this.#words[at + 1] = length;
    this.#raise(WORDS.PUBLISHED, number + 1);
  }

  /** Frames in the index of a slab that was published, and bytes of the file in it. */
  contentOf(number: number): { count: number; length: number } {
    const at = this.#placeOf(number);
    return { count: this.#words[at]!, length: this.#words[at + 1]! };
  }

  /** The number of a published slab that nobody examines yet: it is the caller's; -1 if there is none. */
  claim(): number {
    for (;;) {
      const claimed = Atomics.load(this.#words, WORDS.CLAIMED);
      if (claimed >= this.published) return -1;
      const next = claimed + 1;
      if (Atomics.compareExchange(this.#words, WORDS.CLAIMED, claimed, next) === claimed) {
        return claimed;
      }
    }
  }

  noteExamined(number: number): void {
    this.#raise(this.#placeOf(number) + 2, number + 1);
  }

  isExamined(number: number): boolean {
    return Atomics.load(this.#words, this.#placeOf(number) + 2) === number + 1;
  }

  noteTaken(number: number): void {
    this.#raise(WORDS.TAKEN, number + 1);
  }

  noteHashed(number: number): void {
    this.#raise(WORDS.HASHED, number + 1);
  }

  beginFile(): void {
    Atomics.store(this.#words, WORDS.FILE_END, -1);
    Atomics.store(this.#words, WORDS.HASHED, this.published);
  }

  endFile(): void {
    this.#raise(WORDS.FILE_END, this.published);
  }

  get fileEnd(): number {
    return Atomics.load(this.#words, WORDS.FILE_END);
  }

  /** Waits until `isSo`, which something that is published or noted here brings about. */
  waitUntil(isSo: () => boolean): void {
    while (!this.waitBriefly(isSo));
  }

  /** The same for a second at most, or a little longer; returns whether it is so. */
  waitBriefly(isSo: () => boolean): boolean {
    const until = Date.now() + NAP_MS;
    do {
      const events = Atomics.load(this.#words, WORDS.EVENTS);
      if (isSo()) return true;
      Atomics.wait(this.#words, WORDS.EVENTS, events, NAP_MS);
    } while (Date.now() < until);
    return isSo();
  }

  #waitFor(word: number, needed: number): void {
    if (Atomics.load(this.#words, word) >= needed) return;
    this.waitUntil(() => Atomics.load(this.#words, word) >= needed);
  }

  #placeOf(number: number): number {
    return WORDS.SLABS + 3 * (number % this.#slabs.length);
  }

  #raise(word: number, value: number): void {
    Atomics.store(this.#words, word, value);
    Atomics.add(this.#words, WORDS.EVENTS, 1);
    Atomics.notify(this.#words, WORDS.EVENTS);
  }
}
