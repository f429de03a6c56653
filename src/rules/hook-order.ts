/**
 * The base chains of a hook in the order in which a packet meets them: by priority, and of equal ones
 * the last registered first (nf_hook_entries_grow(), net/netfilter/core.c).
 *
 * Chains of type nat are no hooks of their own: they are called by the NAT core, at its priority (-100
 * or 100), in the order of theirs, until one of them has translated the packet (nf_nat_inet_fn(),
 * net/netfilter/nf_nat_core.c). So a filter chain of priority 105 comes after a nat chain of 110.
 */
import {
  type AddressFamily,
  type BaseChain,
  type Chain,
  HOOKS,
  type Hook,
  type Ruleset,
  type Table,
} from './model.js';
import type { Question } from './oracle.js';
import { tableName } from './walk.js';
import { PRIORITY } from './xtables.js';

/** A base chain with its table. */
export interface Hooked {
  readonly table: Table;
  readonly chain: Chain;
  readonly base: BaseChain;
  /** Place in the order of registration; `undefined` if that is not known. */
  readonly registered: readonly [file: number, table: number] | undefined;
  /** Place within its table, which lists chains as they were made. */
  readonly place: number;
}

/** What is called at one priority of a hook. */
export type Entry =
  | { readonly kind: 'chain'; readonly priority: number; readonly hooked: Hooked }
  | {
      readonly kind: 'nat';
      readonly priority: number;
      readonly chains: readonly Hooked[];
      /** Chains of type nat of any hook: the first of them brought the NAT core, to all its hooks. */
      readonly bringers: readonly Hooked[];
    };

export interface RuleBook {
  readonly ruleset: Ruleset;
  /** Files in the order in which they were loaded, where that is known. */
  readonly order: readonly string[];
}

/** More base chains of one priority than this are tried only in a few of their orders. */
const MOST_PERMUTED = 5;

/** Asks which of several orders there is; a question with the same key gets the same answer. */
export type Ask = (question: Question, key: string) => number;

const settled = new WeakMap<RuleBook, Map<string, readonly Entry[]>>();

/** The entries of a hook; where their order is not known, it is asked. */
export function entriesOf(
  hook: Hook,
  book: RuleBook,
  family: AddressFamily,
  ask: Ask,
): readonly Entry[] {
  const known = settled.get(book) ?? new Map<string, readonly Entry[]>();
  settled.set(book, known);
  const entries = known.get(`${hook} ${family}`);
  if (entries) return entries;
  let asked = false;
  const arranged = arrange(hook, book, family, (question, key) => {
    asked = true;
    return ask(question, key);
  });
  if (!asked) known.set(`${hook} ${family}`, arranged);
  return arranged;
}

function arrange(hook: Hook, book: RuleBook, family: AddressFamily, ask: Ask): Entry[] {
  const all = hookedInto([hook], book, family).filter(canDoSomething);
  const nat = all.filter(({ base }) => base.type === 'nat');
  const entries: Entry[] = all
    .filter(({ base }) => base.type !== 'nat')
    .map(hooked => ({ kind: 'chain', priority: hooked.base.priority, hooked }));
  if (nat.length > 0) {
    const source = hook === 'postrouting' || hook === 'input';
    const chains = inOrder(nat, ({ base }) => base.priority, registeredAfter, nameOf, hook, ask);
    const bringers = hookedInto(HOOKS, book, family).filter(({ base }) => base.type === 'nat');
    const priority = source ? PRIORITY.srcnat : PRIORITY.dstnat;
    entries.push({ kind: 'nat', priority, chains, bringers });
  }
  return inOrder(entries, ({ priority }) => priority, entryAfter, entryName, hook, ask);
}

function entryName(entry: Entry): string {
  return entry.kind === 'nat' ? entry.chains.map(nameOf).join(' and ') : nameOf(entry.hooked);
}

function entryAfter(a: Entry, b: Entry): boolean | undefined {
  if (a.kind === 'nat') return b.kind === 'nat' ? undefined : coreAfter(a.bringers, b.hooked);
  if (b.kind === 'chain') return registeredAfter(a.hooked, b.hooked);
  const core = coreAfter(b.bringers, a.hooked);
  return core === undefined ? undefined : !core;
}

/** Whether the NAT core came after a chain: only if all of its chains did. */
function coreAfter(bringers: readonly Hooked[], chain: Hooked): boolean | undefined {
  const after = bringers.map(bringer => registeredAfter(bringer, chain));
  if (after.includes(false)) return false;
  return after.includes(undefined) ? undefined : true;
}

function hookedInto(
  hooks: readonly Hook[],
  { ruleset, order }: RuleBook,
  family: AddressFamily,
): Hooked[] {
  return ruleset.tables.flatMap((table, number) => {
    if (table.family !== 'inet' && table.family !== family) return [];
    const file = order.indexOf(table.file);
    const registered = file < 0 ? undefined : ([file, number] as const);
    return baseChainsOf(table)
      .filter(({ base }) => hooks.includes(base.hook))
      .map(found => ({ ...found, registered }));
  });
}

type Found = Omit<Hooked, 'registered'>;

const baseChains = new WeakMap<Table, readonly Found[]>();

/** Sought once: kube-proxy's tables have a chain for every endpoint, and a handful that hook in. */
function baseChainsOf(table: Table): readonly Found[] {
  const known = baseChains.get(table);
  if (known) return known;
  const found = [...table.chains.values()].flatMap((chain, place) =>
    chain.base ? [{ table, chain, base: chain.base, place }] : [],
  );
  baseChains.set(table, found);
  return found;
}

function canDoSomething({ chain, base }: Hooked): boolean {
  return chain.rules.length > 0 || base.policy === 'drop';
}

/** Whether `a` was registered after `b`; `undefined` if nobody knows. */
function registeredAfter(a: Hooked, b: Hooked): boolean | undefined {
  if (a.table === b.table) return a.place > b.place;
  if (!a.registered || !b.registered) return undefined;
  const [file, table] = a.registered;
  const [otherFile, otherTable] = b.registered;
  return file === otherFile ? table > otherTable : file > otherFile;
}

/** `nat POSTROUTING of iptables-nft`; the back end tells two of one name apart. */
function nameOf({ table, chain }: Hooked): string {
  const owner = table.backend === 'iptables-nft' ? ' of iptables-nft' : '';
  return `${tableName(table)} ${chain.name}${owner}`;
}

type After<T> = (a: T, b: T) => boolean | undefined;

function inOrder<T>(
  items: readonly T[],
  priority: (item: T) => number,
  after: After<T>,
  name: (item: T) => string,
  hook: Hook,
  ask: Ask,
): T[] {
  const priorities = [...new Set(items.map(priority))].sort((a, b) => a - b);
  return priorities.flatMap(value => {
    const equal = items.filter(item => priority(item) === value);
    if (equal.length < 2) return equal;
    return breakTie(equal, after, name, `${hook} ${value}`, ask);
  });
}

/** Of equal priority: those orders that what is known allows; if it is more than one, it is asked. */
function breakTie<T>(
  items: readonly T[],
  after: After<T>,
  name: (item: T) => string,
  where: string,
  ask: Ask,
): T[] {
  const tried = items.length > MOST_PERMUTED ? [[...items], [...items].reverse()] : permute(items);
  // The one registered later runs first.
  const possible = tried.filter(order =>
    order.every((item, index) =>
      order.slice(index + 1).every(later => after(item, later) !== false),
    ),
  );
  const [first, ...more] = possible;
  if (!first) return [...items];
  if (more.length === 0) return first;
  const question = {
    kind: 'order' as const,
    text: `the order in which the base chains of ${where} were registered`,
    rule: null,
    answers: possible.map(order => order.map(name).join(' before ')),
  };
  // One kernel, one order: the outer datagram meets them as the inner packet did.
  const key = `${question.text}: ${question.answers.join(', ')}`;
  return possible[ask(question, key)] ?? first;
}

function permute<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, index) =>
    permute([...items.slice(0, index), ...items.slice(index + 1)]).map(rest => [item, ...rest]),
  );
}
