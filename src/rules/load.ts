/**
 * Rule sets from saved files. The same table is often saved several times; each is taken once, from the
 * file that tells most:
 *
 * - tables of iptables from iptables-save, as nft shows their targets without values (1.0.6); else from
 *   the listings of `iptables -nvL`;
 * - other tables from a file that `--order` names, else from *.nft, from nft's text, from its JSON.
 */
import { basename } from 'node:path';
import { StalesumError } from '../errors.js';
import type { NodeFile } from '../snapshot/node-files.js';
import { ruleFault } from './fault.js';
import { parseIpSets } from './ipset.js';
import { parseIptablesListing } from './iptables-listing.js';
import { incompatibleTables, parseIptablesSave } from './iptables-save.js';
import type { Ruleset, Table } from './model.js';
import { readNftJson } from './nft-json.js';
import { buildNftTables } from './nft-tables.js';
import { readNftText } from './nft-text.js';
import { type UnreadRules, unreadRules } from './unread.js';
import { KNOWN_TABLES } from './xtables.js';

export interface LoadedRules {
  readonly ruleset: Ruleset;
  /** Names of the files as `Table.file` has them, in the order in which they were loaded. */
  readonly order: readonly string[];
  readonly unread: UnreadRules;
  /** Which file was taken for what. */
  readonly sources: readonly { readonly file: string; readonly taken: string }[];
}

/**
 * @param order Files in the order in which they were loaded, as far as that is known.
 * @throws StalesumError `bad-input` with file and line; `usage` for an order that names no file
 */
export function loadRules(files: readonly NodeFile[], order: readonly string[]): LoadedRules {
  const named = order.map(name => fileNamed(name, files));
  const saves = files.filter(({ kind, name }) => kind === 'iptables-save' && !isAfter(name, files));
  const ipsets = new Map(
    files
      .filter(({ kind }) => kind === 'ipset')
      .flatMap(({ text, name }) => [...parseIpSets(text, name)]),
  );
  const fromIptables = dedupe(
    saves
      .sort(byNameKnown)
      .flatMap(({ name, text }) =>
        withoutOverflow(name, () => parseIptablesSave(text, name, ipsets)),
      ),
  );
  const nftFiles = files
    .filter(({ kind }) => kind === 'nft-text' || (kind === 'nft-json' && !hasListing(files)))
    .sort((a, b) => nftRank(a, named) - nftRank(b, named));
  const fromNft = dedupe(nftFiles.flatMap(readNft));
  const listed = dedupe(
    files
      .filter(({ kind }) => kind === 'iptables-listing')
      .flatMap(({ name, text }) => parseIptablesListing(text, name, ipsets)),
  )
    .filter(table => !fromIptables.some(saved => tableKey(saved) === tableKey(table)))
    .map(table => ownerKnown(table, fromNft));
  const elsewhere = new Set([
    ...tablesSavedElsewhere(saves, fromIptables),
    ...listed.map(tableKey),
  ]);
  const tables = [
    ...fromIptables,
    ...listed,
    ...fromNft.filter(table => !elsewhere.has(tableKey(table))),
  ];
  return {
    ruleset: { tables, ipsets },
    order: named,
    unread: unreadRules(files, tables),
    sources: sourcesOf(files, tables),
  };
}

function fileNamed(name: string, files: readonly NodeFile[]): string {
  const found = files.find(file => file.name === name || basename(file.name) === basename(name));
  if (found) return found.name;
  const names = files.map(file => file.name).join(', ');
  throw new StalesumError('usage', `--order: there is no file "${name}" among ${names}`);
}

/** A listing as text has all that the JSON has, and lines. */
function hasListing(files: readonly NodeFile[]): boolean {
  return files.some(({ kind, name }) => kind === 'nft-text' && !name.endsWith('.nft'));
}

/** A recording has the rules of before and after the run; they differ in their counters alone. */
function isAfter(name: string, files: readonly NodeFile[]): boolean {
  const before = name.replace(/\.after\.txt$/, '.before.txt');
  return before !== name && files.some(file => file.name === before);
}

/** Files whose names say the back end come first: they are surer than a plain iptables-save. */
function byNameKnown(a: NodeFile, b: NodeFile): number {
  const rank = ({ name }: NodeFile) => (/-(nft|legacy)-/.test(name) ? 0 : 1);
  return rank(a) - rank(b);
}

function readNft({ kind, name, text }: NodeFile): Table[] {
  return withoutOverflow(name, () => {
    const objects = kind === 'nft-json' ? readNftJson(text, name) : readNftText(text, name);
    return buildNftTables(objects, name);
  });
}

/** Brackets in brackets in brackets: no ruleset has more than calls fit the stack. */
function withoutOverflow<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    throw ruleFault(file, null, 'nested too deeply to be a ruleset');
  }
}

function nftRank({ name, kind }: NodeFile, named: readonly string[]): number {
  if (named.includes(name)) return 0;
  if (name.endsWith('.nft')) return 1;
  return kind === 'nft-text' ? 2 : 3;
}

function tableKey({ family, name }: Table): string {
  return `${family} ${name}`;
}

/** A listing does not say whose it is: iptables-nft's tables are among those that nft lists. */
function ownerKnown(table: Table, fromNft: readonly Table[]): Table {
  if (fromNft.length === 0) return table;
  const isOfNft = fromNft.some(found => tableKey(found) === tableKey(table));
  return { ...table, backend: isOfNft ? 'iptables-nft' : 'legacy' };
}

/** Each table of each back end once, the first that was read. */
function dedupe(tables: readonly Table[]): Table[] {
  const key = ({ family, name, backend }: Table) => `${family} ${name} ${backend}`;
  const seen = new Map<string, Table>();
  for (const table of tables) if (!seen.has(key(table))) seen.set(key(table), table);
  return [...seen.values()];
}

/**
 * Tables that nft lists but iptables-nft owns. One save of a family has all of its tables, except those
 * that it says it cannot show.
 */
function tablesSavedElsewhere(
  saves: readonly NodeFile[],
  tables: readonly Table[],
): ReadonlySet<string> {
  const families = new Set(
    tables.filter(({ backend }) => backend === 'iptables-nft').map(({ family }) => family),
  );
  const incompatible = new Set(saves.flatMap(({ text }) => incompatibleTables(text)));
  return new Set(
    [...families].flatMap(family =>
      KNOWN_TABLES.filter(name => !incompatible.has(name)).map(name => `${family} ${name}`),
    ),
  );
}

function sourcesOf(files: readonly NodeFile[], tables: readonly Table[]) {
  return files.map(({ name, kind }) => {
    const own = tables.filter(({ file }) => file === name);
    const names = own.map(table => `${table.family} ${table.name}`);
    const rules = kind.startsWith('iptables-') || kind.startsWith('nft-');
    const taken = rules ? (names.length > 0 ? names.join(', ') : 'nothing new') : kind;
    return { file: name, taken };
  });
}
