/**
 * Packet filter rules as plain records, the same for iptables (both back ends) and nftables: chains of
 * rules, and a rule as the statements that a packet meets from left to right. A statement that is not
 * understood is kept as such, with its text, so that the walk can say so instead of passing it over.
 */
export type AddressFamily = 'ip' | 'ip6';

/** Where a rule was read. `line` is null in JSON, which has no lines worth naming. */
export interface Origin {
  readonly file: string;
  readonly line: number | null;
}

export interface Counters {
  readonly packets: number;
  readonly bytes: number;
}

export interface Ruleset {
  readonly tables: readonly Table[];
  /** Members of ipsets, by the set's name, where they were saved. */
  readonly ipsets?: ReadonlyMap<string, { readonly elements: readonly Element[] }>;
}

/** Who keeps the table in the kernel. `unsaid`: a saved file that does not tell. */
export type Backend = 'legacy' | 'iptables-nft' | 'nft' | 'unsaid';

export interface Table {
  /** `inet` serves both. */
  readonly family: AddressFamily | 'inet';
  readonly name: string;
  readonly backend: Backend;
  readonly file: string;
  readonly chains: ReadonlyMap<string, Chain>;
  /** Named sets and maps of nftables. */
  readonly sets: ReadonlyMap<string, NamedSet>;
}

export interface Chain {
  readonly name: string;
  readonly base: BaseChain | null;
  readonly rules: readonly Rule[];
}

export const HOOKS = ['prerouting', 'input', 'forward', 'output', 'postrouting'] as const;
export type Hook = (typeof HOOKS)[number];

/** What makes a chain one that packets enter by themselves. */
export interface BaseChain {
  readonly type: 'filter' | 'nat' | 'route';
  readonly hook: Hook;
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
}

export interface Rule extends Origin {
  readonly chain: string;
  /** As it was saved, without counters. */
  readonly text: string;
  readonly counters: Counters | null;
  readonly statements: readonly Statement[];
}

export type Statement =
  | { readonly kind: 'match'; readonly condition: Condition }
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  | { readonly kind: 'verdict-map'; readonly key: Expression; readonly map: Elements }
  | {
      readonly kind: 'set-mark';
      readonly field: 'mark' | 'ctMark';
      readonly value: MarkExpression;
    }
  | { readonly kind: 'masquerade'; readonly ports: PortRange | null; readonly random: boolean }
  | {
      readonly kind: 'nat';
      readonly side: 'source' | 'destination';
      readonly to: NatTarget;
      readonly random: boolean;
    }
  | { readonly kind: 'redirect'; readonly ports: PortRange | null }
  | { readonly kind: 'notrack' }
  /** Counts, logs or changes something that no checksum, mark or address depends on. */
  | { readonly kind: 'harmless'; readonly text: string }
  /** Might do anything to the packet. */
  | { readonly kind: 'unknown'; readonly text: string };

export type Verdict =
  | { readonly kind: 'accept' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'reject' }
  | { readonly kind: 'return' }
  | { readonly kind: 'continue' }
  /** Handed to a program, which may accept, drop or change it. */
  | { readonly kind: 'queue' }
  | { readonly kind: 'jump'; readonly chain: string }
  | { readonly kind: 'goto'; readonly chain: string };

export type Condition =
  | {
      readonly kind: 'is';
      readonly left: Expression;
      readonly right: Elements;
      readonly negated: boolean;
      readonly text: string;
    }
  | { readonly kind: 'always' }
  | { readonly kind: 'never' }
  /** True or false by dice, time or history: packets of both kinds occur. */
  | { readonly kind: 'chance'; readonly text: string }
  /** Not understood, or about something that was not saved. */
  | { readonly kind: 'unknown'; readonly text: string };

/** Fields of the packet, its connection and its way, as rules ask for them. */
export const FIELDS = [
  'protocol',
  'source',
  'destination',
  'sourcePort',
  'destinationPort',
  'inInterface',
  'outInterface',
  'mark',
  'ctMark',
  'ctState',
  'ctStatus',
  'sourceType',
  'destinationType',
  // The same asked of the addresses of one device alone (`addrtype --limit-iface-in`, `-out`).
  'sourceTypeOnIn',
  'sourceTypeOnOut',
  'destinationTypeOnIn',
  'destinationTypeOnOut',
  'family',
  'tcpFlags',
] as const;
export type Field = (typeof FIELDS)[number];

export type Expression =
  | { readonly kind: 'field'; readonly field: Field }
  /** A number of the packet, with a mask laid over it. */
  | { readonly kind: 'masked'; readonly field: 'mark' | 'ctMark'; readonly mask: number }
  | { readonly kind: 'concat'; readonly parts: readonly Expression[] }
  /** Dice: any of the elements of the map may be taken. */
  | { readonly kind: 'dice'; readonly text: string }
  | { readonly kind: 'unknown'; readonly text: string };

/** A value of the packet: addresses, names and states are text, ports and marks numbers. */
export type Value = string | number;

export type Pattern =
  | { readonly kind: 'exact'; readonly value: Value }
  | { readonly kind: 'prefix'; readonly network: bigint; readonly bits: number; readonly of: 4 | 6 }
  | { readonly kind: 'addresses'; readonly low: bigint; readonly high: bigint; readonly of: 4 | 6 }
  | { readonly kind: 'numbers'; readonly low: number; readonly high: number }
  /** Names that begin so: `cali+`, `"veth*"`. */
  | { readonly kind: 'beginning'; readonly text: string }
  | { readonly kind: 'concat'; readonly parts: readonly Pattern[] }
  | { readonly kind: 'any' };

/** What an element of a map stands for. */
export type Datum =
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  | { readonly kind: 'target'; readonly target: Endpoints }
  | { readonly kind: 'unknown'; readonly text: string };

export interface Element {
  readonly pattern: Pattern;
  readonly datum: Datum | null;
}

/** Elements written out, or the name of a set or map of the same table. */
export type Elements =
  | { readonly kind: 'these'; readonly elements: readonly Element[] }
  | { readonly kind: 'named'; readonly name: string };

export interface NamedSet {
  readonly name: string;
  readonly elements: readonly Element[];
  /** Filled by packets and emptied by time, so what was saved says little of the next packet. */
  readonly dynamic: boolean;
}

export interface PortRange {
  readonly low: number;
  readonly high: number;
}

export interface Endpoints {
  /** First and last address; null leaves the address as it is. */
  readonly addresses: readonly [string, string] | null;
  readonly ports: PortRange | null;
}

export type NatTarget =
  | { readonly kind: 'fixed'; readonly target: Endpoints }
  | { readonly kind: 'map'; readonly key: Expression; readonly map: Elements }
  | { readonly kind: 'unknown'; readonly text: string };

/**
 * A mark's new value: the exclusive or of `constant` and of each source under its mask. It covers
 * xt_MARK's `(mark & ~mask) ^ value`, all of xt_CONNMARK, and nft's and, or, xor with constants.
 */
export interface MarkExpression {
  readonly constant: number;
  readonly terms: readonly { readonly field: 'mark' | 'ctMark'; readonly mask: number }[];
}
