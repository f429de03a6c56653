/** Tables from what nft lists, as JSON or as text. */
import { ruleFault } from './fault.js';
import { refuseLoops } from './loops.js';
import {
  type BaseChain,
  type Chain,
  HOOKS,
  type Hook,
  type NamedSet,
  type Rule,
  type Statement,
  type Table,
} from './model.js';
import { compileElements } from './nft-expressions.js';
import { isList, isObject, type Json, type JsonObject, type NftObject } from './nft-json.js';
import { compileStatement } from './nft-statements.js';
import { PRIORITY } from './xtables.js';

interface OpenTable extends Table {
  readonly chains: Map<string, Chain & { readonly rules: Rule[] }>;
  readonly sets: Map<string, NamedSet>;
}

/**
 * Builds the tables that packets of IPv4 and IPv6 meet; those of other families are left out.
 *
 * @throws StalesumError `bad-input` with file and line
 */
export function buildNftTables(objects: readonly NftObject[], file: string): Table[] {
  const tables = new Map<string, OpenTable>();
  // Chains and sets before rules: a rule may name one that is listed behind it.
  for (const object of objects) if (object.kind === 'table') addTable(object.body, file, tables);
  for (const object of objects) if (object.kind !== 'rule') addPart(object, file, tables);
  for (const object of objects) if (object.kind === 'rule') addRule(object, file, tables);
  const built = [...tables.values()].filter(({ chains }) => chains.size > 0);
  for (const table of built) refuseLoops(table);
  return built;
}

function keyOf(body: JsonObject, name: Json | undefined): string {
  return `${String(body.family)} ${String(name)}`;
}

function addTable(body: JsonObject, file: string, tables: Map<string, OpenTable>): void {
  const { family } = body;
  if (family !== 'ip' && family !== 'ip6' && family !== 'inet') return;
  // A dormant table is kept, but its chains are not hooked in.
  if (flagsOf(body).includes('dormant')) return;
  const key = keyOf(body, body.name);
  if (tables.has(key)) return;
  tables.set(key, {
    family,
    name: String(body.name),
    backend: 'nft',
    file,
    chains: new Map(),
    sets: new Map(),
  });
}

function flagsOf({ flags }: JsonObject): string[] {
  if (isList(flags)) return flags.map(String);
  return typeof flags === 'string' ? [flags] : [];
}

function addPart(object: NftObject, file: string, tables: Map<string, OpenTable>): void {
  const { body, line, kind } = object;
  const table = tables.get(keyOf(body, body.table));
  if (!table) return;
  const name = String(body.name);
  if (kind === 'chain') {
    if (table.chains.has(name)) throw ruleFault(file, line, `chain ${name} comes a second time`);
    table.chains.set(name, { name, base: baseChain(body, file, line), rules: [] });
  } else if (kind === 'set') {
    const flags = flagsOf(body);
    table.sets.set(name, {
      name,
      elements: compileElements(isList(body.elem) ? body.elem : []),
      dynamic: flags.includes('dynamic') || flags.includes('timeout'),
    });
  }
}

function baseChain(body: JsonObject, file: string, line: number | null): BaseChain | null {
  if (body.hook === undefined) return null;
  const hook = HOOKS.find(known => known === body.hook);
  const { type } = body;
  // Ingress and egress are hooks of a device, which these families know too.
  if (!hook) return null;
  if (type !== 'filter' && type !== 'nat' && type !== 'route') {
    throw ruleFault(file, line, `unknown type of chain "${String(type)}"`);
  }
  return {
    type,
    hook,
    priority: priorityOf(body.prio, hook, file, line),
    policy: body.policy === 'drop' ? 'drop' : 'accept',
  };
}

/** A number, or a name with something added to it: `srcnat`, `dstnat - 10` (nft(8), priorities). */
function priorityOf(prio: Json | undefined, hook: Hook, file: string, line: number | null): number {
  if (typeof prio === 'number') return prio;
  const match = /^(?:(-?)\s*(\d+)|([a-z]+)(?:\s*([+-])\s*(\d+))?)$/.exec(String(prio).trim());
  const fault = () => ruleFault(file, line, `unknown priority "${String(prio)}"`);
  if (!match) throw fault();
  const [, sign, digits, name, direction, offset] = match;
  if (digits !== undefined) return Number(digits) * (sign === '-' ? -1 : 1);
  const named = Object.entries(PRIORITY).find(([known]) => known === name && known !== 'conntrack');
  if (!named || (name === 'dstnat' && hook === 'postrouting')) throw fault();
  return named[1] + Number(offset ?? 0) * (direction === '-' ? -1 : 1);
}

function addRule(
  { body, line, text }: Extract<NftObject, { kind: 'rule' }>,
  file: string,
  tables: ReadonlyMap<string, OpenTable>,
): void {
  const table = tables.get(keyOf(body, body.table));
  if (!table) return;
  const chain = table.chains.get(String(body.chain));
  if (!chain)
    throw ruleFault(file, line, `rule of chain ${String(body.chain)}, which is not there`);
  const parts = isList(body.expr) ? body.expr : [];
  const statements: Statement[] = parts.flatMap(part => compileStatement(part, table.family));
  chain.rules.push({
    file,
    line,
    chain: chain.name,
    text,
    counters: countersOf(parts),
    statements,
  });
}

function countersOf(parts: readonly Json[]) {
  for (const part of parts) {
    const counter = isObject(part) ? part.counter : undefined;
    if (isObject(counter) && typeof counter.packets === 'number') {
      return { packets: counter.packets, bytes: Number(counter.bytes) };
    }
  }
  return null;
}
