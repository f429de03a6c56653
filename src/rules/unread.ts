/**
 * Which of a node's rules were not read. Nobody can say that a datagram passes untouched through rules
 * that nobody has looked at.
 */
import { isRules, type NodeFile } from '../snapshot/node-files.js';
import { familyOfSave } from './iptables-save.js';
import type { AddressFamily, Table } from './model.js';

/** Why the rules of a family are not, or not all, known; absent for a family whose rules are. */
export type UnreadRules = ReadonlyMap<AddressFamily, string>;

const TOOLS = { ip: 'iptables', ip6: 'ip6tables' } as const;
const NAMES = { ip: 'IPv4', ip6: 'IPv6' } as const;

/**
 * A save of a family stands for its rules, also an empty one: there are none. A listing of nftables
 * stands for both families; that of `iptables -nvL` for its own if the table nat is there. Tables of
 * iptables-legacy are in no listing of nftables, but the kernel has their names.
 */
export function unreadRules(files: readonly NodeFile[], tables: readonly Table[]): UnreadRules {
  const rules = files.filter(isRules);
  return new Map(
    (['ip', 'ip6'] as const).flatMap(family => {
      const text = wereRead(family, rules, tables)
        ? legacyUnread(family, files, tables)
        : `no ${NAMES[family]} rules were read (${TOOLS[family]}-save -c, nft list ruleset)`;
      return text === undefined ? [] : [[family, text] as const];
    }),
  );
}

function wereRead(
  family: AddressFamily,
  rules: readonly NodeFile[],
  tables: readonly Table[],
): boolean {
  return rules.some(file => {
    switch (file.kind) {
      case 'iptables-save':
        return familyOfSave(file.text, file.name) === family;
      case 'iptables-listing':
        return tables.some(
          table => table.file === file.name && table.family === family && table.name === 'nat',
        );
      default:
        return true;
    }
  });
}

function legacyUnread(
  family: AddressFamily,
  files: readonly NodeFile[],
  tables: readonly Table[],
): string | undefined {
  const seen = tables.filter(table => table.family === family && mayBeLegacy(table));
  const missing = legacyTables(family, files).filter(
    name => !seen.some(table => name === undefined || table.name === name),
  );
  if (missing.length === 0) return undefined;
  const named = missing.filter(name => name !== undefined);
  const which = named.length > 0 ? ` (${named.join(', ')})` : '';
  return `tables of iptables-legacy${which} are in the kernel, and were not read: ${TOOLS[family]}-legacy-save -c`;
}

function mayBeLegacy({ backend }: Table): boolean {
  return backend === 'legacy' || backend === 'unsaid';
}

/** Their names, from the kernel; `undefined` where iptables-nft-save says that there are some. */
function legacyTables(
  family: AddressFamily,
  files: readonly NodeFile[],
): readonly (string | undefined)[] {
  const named = files
    .filter(({ kind }) => kind === 'legacy-tables')
    .flatMap(({ text }) => [...text.matchAll(/^\/proc\/net\/(ip6?)_tables_names:(\w+)$/gm)])
    .filter(([, found]) => found === family)
    .map(([, , name]) => name);
  if (named.length > 0) return named;
  const warned = files.some(
    ({ kind, text, name }) =>
      kind === 'iptables-save' &&
      familyOfSave(text, name) === family &&
      /^# Warning: ip6?tables-legacy tables present/m.test(text),
  );
  return warned ? [undefined] : [];
}
