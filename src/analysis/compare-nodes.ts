/** What changed on the nodes between two recordings: versions, offload, settings, counters, rules. */
import type { ChainRules, NodeFacts } from '../snapshot/node-facts.js';
import { type DiffLine, diffLines } from './line-diff.js';

export interface NodeChange {
  readonly kind: 'version' | 'offload' | 'setting' | 'counter' | 'snapshot';
  readonly what: string;
  readonly a: string;
  readonly b: string;
}

/** The rules of one chain, line by line, without counters. */
export interface RuleChange {
  readonly node: string;
  readonly table: string;
  readonly chain: string;
  /** Lines that begin with `- ` (only in A), `+ ` (only in B), or two spaces (in both, near a change). */
  readonly diff: readonly string[];
}

export interface RuleChanges {
  readonly chains: readonly RuleChange[];
  /** Chains that have changed as well and are not listed. */
  readonly leftOut: number;
}

/** A cluster's services come and go: beyond these, chains are counted. */
const MOST_CHAINS = 100;
const MOST_LINES = 200;
const CONTEXT_LINES = 2;

/** What is read of each node; a part that only one side has is one change, and not many. */
export function nodeChanges(a: readonly NodeFacts[], b: readonly NodeFacts[]): NodeChange[] {
  return pairs(a, b).flatMap(([node, before, after]) => [
    ...compareMaps('version', node, 'versions', versionsOf(before), versionsOf(after)),
    ...compareMaps('offload', node, 'offload settings', offloadOf(before), offloadOf(after)),
    ...compareMaps(
      'setting',
      node,
      'kernel settings',
      before?.snapshot?.sysctls,
      after?.snapshot?.sysctls,
    ),
    ...compareMaps(
      'counter',
      node,
      'counters of before and after the run',
      growthOf(before),
      growthOf(after),
    ),
    ...(before?.chains == null || after?.chains == null
      ? presence('rules', node, before?.chains != null, after?.chains != null)
      : []),
  ]);
}

/** Nodes go by their names: a change is looked for on the same node. */
function pairs(
  a: readonly NodeFacts[],
  b: readonly NodeFacts[],
): [string, NodeFacts | undefined, NodeFacts | undefined][] {
  const names = [...new Set([...a, ...b].map(({ node }) => node))];
  const find = (list: readonly NodeFacts[], name: string) => list.find(({ node }) => node === name);
  return names.map(name => [name, find(a, name), find(b, name)]);
}

type Known = ReadonlyMap<string, string> | undefined;

function compareMaps(
  kind: NodeChange['kind'],
  node: string,
  part: string,
  before: Known,
  after: Known,
): NodeChange[] {
  if (!before || !after) return presence(part, node, before !== undefined, after !== undefined);
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].flatMap(name => {
    const [was, is] = [before.get(name) ?? 'none', after.get(name) ?? 'none'];
    return was === is ? [] : [{ kind, what: `${node}: ${name}`, a: was, b: is }];
  });
}

function presence(part: string, node: string, inA: boolean, inB: boolean): NodeChange[] {
  if (inA === inB) return [];
  const said = (isThere: boolean) => (isThere ? 'saved' : 'not saved');
  return [{ kind: 'snapshot', what: `${node}: ${part}`, a: said(inA), b: said(inB) }];
}

function versionsOf(facts: NodeFacts | undefined): Known {
  if (!facts || facts.versions.length === 0) return undefined;
  return new Map(facts.versions.map(({ name, value }) => [name, value]));
}

function offloadOf(facts: NodeFacts | undefined): Known {
  const offload = facts?.snapshot?.offload;
  if (!offload) return undefined;
  return new Map(
    [...offload].flatMap(([device, features]) =>
      [...features].map(([name, on]) => [`${device} ${name}`, on ? 'on' : 'off'] as const),
    ),
  );
}

/** How often something was counted differs from run to run; whether an error was counted tells. */
const TELLING_COUNTERS = [
  'UdpInErrors',
  'UdpInCsumErrors',
  'UdpNoPorts',
  'Udp6InErrors',
  'Udp6InCsumErrors',
  'Udp6NoPorts',
  'TcpRetransSegs',
  'TcpInCsumErrors',
  'TcpExtTCPSynRetrans',
  'TcpAttemptFails',
];

function growthOf(facts: NodeFacts | undefined): Known {
  if (!facts || facts.counters.length === 0) return undefined;
  return new Map(
    facts.counters
      .filter(({ name }) => TELLING_COUNTERS.includes(name))
      .map(({ name, before, after }) => [`${name} in the run`, signed(after - before)]),
  );
}

function signed(change: number): string {
  return change > 0 ? `+${change}` : String(change);
}

/** Chains whose rules are others, those of the second SNAT's tables first. */
export function ruleChanges(a: readonly NodeFacts[], b: readonly NodeFacts[]): RuleChanges {
  const changed = pairs(a, b)
    .flatMap(([node, before, after]) =>
      before?.chains && after?.chains ? changedChains(node, before.chains, after.chains) : [],
    )
    .sort((x, y) => rank(x) - rank(y));
  return {
    chains: changed.slice(0, MOST_CHAINS),
    leftOut: Math.max(0, changed.length - MOST_CHAINS),
  };
}

function rank({ table, chain }: RuleChange): number {
  if (/POSTROUTING|POSTRTG|MASQ/i.test(chain)) return 0;
  return /\bnat\b/.test(table) ? 1 : 2;
}

function changedChains(
  node: string,
  before: readonly ChainRules[],
  after: readonly ChainRules[],
): RuleChange[] {
  const keyOf = ({ table, chain }: ChainRules) => `${table}\0${chain}`;
  const index = (list: readonly ChainRules[]) => new Map(list.map(own => [keyOf(own), own]));
  const [was, is] = [index(before), index(after)];
  const keys = new Set([...was.keys(), ...is.keys()]);
  return [...keys].flatMap(key => {
    const found = was.get(key) ?? is.get(key);
    const diff = diffLines(was.get(key)?.rules ?? [], is.get(key)?.rules ?? []);
    if (!found || diff.every(({ sign }) => sign === ' ')) return [];
    return [{ node, table: found.table, chain: found.chain, diff: shown(diff) }];
  });
}

/** The changed lines with those around them; what is between is counted. */
function shown(diff: readonly DiffLine[]): string[] {
  const isNear = diff.map((_, index) =>
    diff
      .slice(Math.max(0, index - CONTEXT_LINES), index + CONTEXT_LINES + 1)
      .some(({ sign }) => sign !== ' '),
  );
  const lines: string[] = [];
  let hidden = 0;
  for (const [index, { sign, text }] of diff.entries()) {
    if (!isNear[index]) {
      hidden++;
      continue;
    }
    if (hidden > 0) lines.push(sameText(hidden));
    hidden = 0;
    lines.push(`${sign} ${text}`);
  }
  if (hidden > 0) lines.push(sameText(hidden));
  if (lines.length <= MOST_LINES) return lines;
  return [...lines.slice(0, MOST_LINES), `  (${lines.length - MOST_LINES} more lines)`];
}

function sameText(count: number): string {
  return count === 1 ? '  (1 rule the same)' : `  (${count} rules the same)`;
}
