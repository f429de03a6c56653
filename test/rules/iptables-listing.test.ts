/** Listings of iptables -nvL say the same as iptables-save of the same rules; what they do not say is unknown. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseIptablesListing } from '../../src/rules/iptables-listing.js';
import { parseIptablesSave } from '../../src/rules/iptables-save.js';
import type { Statement, Table } from '../../src/rules/model.js';
import { RULESETS } from './support.js';

const COLLECTIONS = join(import.meta.dirname, '..', 'snapshot', 'collections');

/** Both written from one kernel's rules: by iptables-save, and by iptables -nvL as a sos report has it. */
const PAIRS = [
  ['sos-patched', '1.28.4-nftbackend', 'iptables-nft-save.txt'],
  ['sos-legacy', 'pre92035-legacy', 'iptables-legacy-save.txt'],
] as const;

function listed(set: string, table: string): Table {
  const path = join(
    ...[COLLECTIONS, set, 'sosreport-node-a-2026-11-22-abcdefg'],
    ...['sos_commands', 'firewall_tables', `iptables_-t_${table}_-nvL`],
  );
  const name = `iptables_-t_${table}_-nvL`;
  const [only] = parseIptablesListing(readFileSync(path, 'utf8'), name, new Map());
  if (!only) throw new Error('no table');
  return only;
}

/** Without what differs by its words alone. */
function meaning(table: Table) {
  const bare = (statements: readonly Statement[]) =>
    JSON.parse(
      JSON.stringify(statements, (key, value: unknown) => {
        if (key === 'text') return undefined;
        return typeof value === 'bigint' ? value.toString() : value;
      }),
    ) as { kind: string }[];
  // The conditions of a rule hold in any order, and a listing has them in another.
  const sorted = (statements: readonly Statement[]) => {
    const all = bare(statements);
    const matches = all.filter(({ kind }) => kind === 'match').map(found => JSON.stringify(found));
    return [...matches.sort(), ...all.filter(({ kind }) => kind !== 'match')];
  };
  return Object.fromEntries(
    [...table.chains].map(([name, { base, rules }]) => [
      name,
      { policy: base?.policy, rules: rules.map(({ statements }) => sorted(statements)) },
    ]),
  );
}

describe.each(PAIRS)('%s', (collection, set, file) => {
  const saved = parseIptablesSave(readFileSync(join(RULESETS, set, file), 'utf8'), file);

  it.each(['nat', 'filter', 'mangle'])('%s means what iptables-save of it means', name => {
    const table = saved.find(found => found.name === name);
    if (!table) throw new Error(name);
    expect(meaning(listed(collection, name))).toEqual(meaning(table));
  });
});

describe('a rule of a listing', () => {
  const HEAD = 'Chain POSTROUTING (policy ACCEPT 0 packets, 0 bytes)\n';
  const COLUMNS =
    ' pkts bytes target     prot opt in     out     source               destination\n';
  const text = (rule: string, name = 'iptables_-t_nat_-nvL') => {
    const [table] = parseIptablesListing(`${HEAD}${COLUMNS}${rule}\n`, name, new Map());
    return table?.chains.get('POSTROUTING')?.rules[0];
  };
  const ANY = '0.0.0.0/0            0.0.0.0/0           ';

  it.each([
    [
      `5 300 MASQUERADE  all  --  *      !docker0  172.17.0.0/16        0.0.0.0/0`,
      '! -o docker0 -j MASQUERADE',
    ],
    [
      `12K 3M MASQUERADE  0    --  *      *       ${ANY} mark match 0x4000/0x4000 random-fully`,
      '-m mark --mark 0x4000/0x4000 -j MASQUERADE --random-fully',
    ],
    [
      `0 0 SNAT  17  --  *  eth0  ${ANY} udp dpt:8472 to:192.168.50.1:1024-65535`,
      '-o eth0 -p 17 -m udp --dport 8472 -j SNAT --to-source 192.168.50.1:1024-65535',
    ],
    [
      `0 0 KUBE-X  all  --  *  *  ${ANY} [goto]  ctstate NEW`,
      '-m conntrack --ctstate NEW -g KUBE-X',
    ],
    [
      `0 0            all  --  *  *  ${ANY} /* only counts */`,
      '-m comment --comment "only counts"',
    ],
    [
      `0 0 RETURN  all  --  *  *  ${ANY} ADDRTYPE match src-type !LOCAL limit-out ADDRTYPE match src-type LOCAL`,
      '-m addrtype ! --src-type LOCAL --limit-iface-out -m addrtype --src-type LOCAL -j RETURN',
    ],
    [
      `0 0 MASQUERADE  all  --  *  *  ${ANY} match-set A src ! match-set B dst`,
      '-m set --match-set A src -m set ! --match-set B dst -j MASQUERADE',
    ],
    [
      `0 0 MASQUERADE  udp  --  *  *  ${ANY} masq ports: 1024-2047 random`,
      '-p udp -j MASQUERADE --to-ports 1024-2047 --random',
    ],
  ])('%s', (line, expected) => {
    // The target is a chain, or a target's name; both are in the text.
    const chains = '\nChain KUBE-X (1 references)\n';
    const [table] = parseIptablesListing(
      `${HEAD}${COLUMNS}    ${line}\n${chains}`,
      'iptables_-t_nat_-nvL',
      new Map(),
    );
    expect(table?.chains.get('POSTROUTING')?.rules[0]?.text).toContain(expected);
  });

  it('keeps its line', () => {
    expect(text(`    0     0 ACCEPT     all  --  *      *       ${ANY}`)?.line).toBe(3);
  });

  it('in words that are not known is an unknown match, and nothing after them is read', () => {
    const rule = text(`    0     0 MASQUERADE  all  --  *  *  ${ANY} ttl less-than 3 random-fully`);
    expect(rule?.statements).toEqual([
      {
        kind: 'match',
        condition: { kind: 'unknown', text: '-m listed --as ttl less-than 3 random-fully' },
      },
      { kind: 'masquerade', ports: null, random: false },
    ]);
  });

  it('whose target lacks what it does is an unknown target', () => {
    const rule = text(`    0     0 MARK       all  --  *      *       ${ANY} MARK by magic`);
    expect(rule?.statements.map(({ kind }) => kind)).toEqual(['match', 'unknown']);
  });

  it('of IPv6, where the column of options is empty', () => {
    const rule = text(
      '    0     0 MASQUERADE  all      *      eth0    fd00::/64            ::/0                ',
      'ip6tables_-t_nat_-nvL',
    );
    expect(rule?.text).toBe('-A POSTROUTING -s fd00::/64 -o eth0 -j MASQUERADE');
  });

  it('that is none is refused with file and line', () => {
    expect(() => text('Could not fetch rule set generation id: Permission denied')).toThrow(
      /iptables_-t_nat_-nvL:3: expected .*found "Could not fetch/,
    );
  });
});

describe('the table of a listing without a name', () => {
  const chains = (...names: string[]) =>
    names.map(name => `Chain ${name} (policy ACCEPT 0 packets, 0 bytes)\n`).join('\n');

  it.each([
    ['nat', chains('PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING')],
    ['mangle', chains('PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING')],
    ['raw', chains('PREROUTING', 'OUTPUT')],
    ['filter', chains('INPUT', 'FORWARD', 'OUTPUT')],
  ])('%s, by its chains', (name, text) => {
    expect(parseIptablesListing(text, 'iptables_-vnxL', new Map())[0]?.name).toBe(name);
  });
});
