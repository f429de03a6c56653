/**
 * How many findings are told. Whoever can send a datagram to a node can make findings, and must not be able
 * to fill its logs or wear out its disk: beyond a burst only so many a second are told and kept. All are
 * counted.
 */
const BURST = 1000;
const A_SECOND = 10;

export class TellingRate {
  #left = BURST;
  #filledAt = performance.now();
  #heldBack = 0;

  /** Findings that were not told. */
  get heldBack(): number {
    return this.#heldBack;
  }

  /** Whether one more may be told. @param now milliseconds of `performance.now()` */
  take(now = performance.now()): boolean {
    this.#left = Math.min(BURST, this.#left + ((now - this.#filledAt) / 1000) * A_SECOND);
    this.#filledAt = now;
    if (this.#left < 1) {
      this.#heldBack++;
      return false;
    }
    this.#left--;
    return true;
  }
}
