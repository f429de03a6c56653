/**
 * How much of the traffic with outer checksums is looked at: all of it while it is little, else a random
 * part such that the load stays what it is. What begins a connection, where the bug shows, is preferred.
 */
import { type Sample, SPARSEST_SAMPLE } from '../capture/filter.js';

/** Datagrams a second and interface of each kind that are looked at: together some 2 % of a core. */
export const DATAGRAMS_A_SECOND = 10_000;

export class Sampler {
  readonly #fixed: number | undefined;
  #sample: Sample;
  #first = 0;
  #other = 0;
  #passedOver = 0;

  /** @param fixed one in so many of those that begin no connection; `undefined`: as the load wants it */
  constructor(fixed: number | undefined) {
    this.#fixed = fixed;
    this.#sample = { first: 1, other: fixed ?? 1 };
  }

  get sample(): Sample {
    return this.#sample;
  }

  /** Estimate of how many datagrams were not taken. */
  get passedOver(): number {
    return this.#passedOver;
  }

  /** Notes a datagram that was taken; how many that are since the last adjustment. */
  note(isFirst: boolean): number {
    if (isFirst) {
      this.#first++;
      this.#passedOver += this.#sample.first - 1;
    } else {
      this.#other++;
      this.#passedOver += this.#sample.other - 1;
    }
    return this.#first + this.#other;
  }

  /**
   * Looks back on the last so many seconds; the sample to go on with, where it is another.
   *
   * @param lost datagrams that passed the filter and were dropped for want of room
   */
  adjust(seconds: number, lost: number): Sample | undefined {
    const taken = this.#first + this.#other;
    const isMore = taken === 0 ? 1 : 1 + lost / taken;
    const most = DATAGRAMS_A_SECOND * seconds;
    const before = this.#sample;
    const after = {
      first: next(before.first, (this.#first * isMore) / most),
      other: this.#fixed ?? next(before.other, (this.#other * isMore) / most),
    };
    this.#first = 0;
    this.#other = 0;
    if (after.first === before.first && after.other === before.other) return undefined;
    this.#sample = after;
    return after;
  }
}

/** @param load what was taken with `oneIn`, as a part of what may be */
function next(oneIn: number, load: number): number {
  const wanted = Math.min(Math.max(1, Math.ceil(oneIn * load)), SPARSEST_SAMPLE);
  // Denser only when it is worth it: each change is told.
  return wanted > oneIn || wanted <= oneIn / 2 ? wanted : oneIn;
}
