/** What a node said of itself, as reports and comparisons show it: the snapshot, and its rules as text. */
import type { NodeSnapshot } from './node-snapshot.js';

export interface NodeFacts {
  readonly node: string;
  readonly snapshot: NodeSnapshot | undefined;
  /** Lines of `versions.txt`: `kernel`, `iptables` and their like. */
  readonly versions: readonly Setting[];
  readonly counters: readonly CounterReading[];
  /** Its rules by table and chain, before the run; null where they were not saved. */
  readonly chains: readonly ChainRules[] | null;
  /** What could not be read, and why. */
  readonly gaps: readonly string[];
}

export interface Setting {
  readonly name: string;
  readonly value: string;
}

/** A protocol counter around the run. */
export interface CounterReading {
  readonly name: string;
  readonly before: number;
  readonly after: number;
}

/** The rules of one chain, in their order, without counters and handles. */
export interface ChainRules {
  /** `ip nat (iptables-nft)`. */
  readonly table: string;
  readonly chain: string;
  readonly rules: readonly string[];
}
