/** What is counted of an interface. Totals since the start of the watch. */
import type { DatagramKind } from './judge.js';

export interface InterfaceTotals {
  readonly up: boolean;
  /** Datagrams that passed the filter and were judged, by what they are; together `examined`. */
  readonly examined: number;
  readonly fine: number;
  readonly unverifiable: number;
  readonly ignored: number;
  readonly stale: number;
  readonly mangled: number;
  readonly other: number;
  /** An estimate: datagrams with a checksum that a sample did not take. */
  readonly passedOver: number;
  /** One in so many was taken last; see `Sample`. */
  readonly sampling: { readonly first: number; readonly other: number };
  readonly kernelDrops: number;
  readonly freezes: number;
  /** How often the interface went down or away. */
  readonly interruptions: number;
}

/** Which way a datagram went; `unknown` counts as `in`. */
export type Direction = 'in' | 'out';

/** Datagrams by what they are, and which way they went. */
export class DatagramCounts {
  readonly #counts: Readonly<Record<DatagramKind, Record<Direction, number>>> = {
    ignored: { in: 0, out: 0 },
    fine: { in: 0, out: 0 },
    unverifiable: { in: 0, out: 0 },
    stale: { in: 0, out: 0 },
    mangled: { in: 0, out: 0 },
    other: { in: 0, out: 0 },
  };

  add(kind: DatagramKind, direction: Direction): void {
    this.#counts[kind][direction]++;
  }

  of(kind: DatagramKind, direction: Direction): number {
    return this.#counts[kind][direction];
  }

  both(kind: DatagramKind): number {
    return this.#counts[kind].in + this.#counts[kind].out;
  }

  get examined(): number {
    let sum = 0;
    for (const count of Object.values(this.#counts)) sum += count.in + count.out;
    return sum;
  }
}
