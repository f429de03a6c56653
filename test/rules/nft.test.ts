/** nftables: text and JSON mean the same; constructs of nft(8); broken files. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StalesumError } from '../../src/errors.js';
import type { Table } from '../../src/rules/model.js';
import { readNftJson } from '../../src/rules/nft-json.js';
import { buildNftTables } from '../../src/rules/nft-tables.js';
import { readNftText } from '../../src/rules/nft-text.js';
import { carriedMark, filesIn, RULESETS, way, ways } from './support.js';

const FILE = 'rules.nft';

function parse(text: string): Table[] {
  return buildNftTables(readNftText(text, FILE), FILE);
}

function fault(read: () => unknown): string {
  try {
    read();
  } catch (thrown) {
    if (thrown instanceof StalesumError && thrown.kind === 'bad-input') return thrown.message;
    throw thrown;
  }
  return 'no fault';
}

/** Without texts and places, which only one of the two has. */
function meaning(table: Table) {
  const plain = (value: unknown): unknown =>
    JSON.parse(
      JSON.stringify(value, (key, inner: unknown) => {
        if (key === 'text' || key === 'line' || key === 'file') return undefined;
        return typeof inner === 'bigint' ? String(inner) : inner;
      }),
    );
  return {
    chains: [...table.chains.values()].map(chain => ({
      name: chain.name,
      base: chain.base,
      rules: chain.rules.map(({ statements }) => plain(statements)),
    })),
    sets: [...table.sets.values()].map(({ name, elements }) => [
      name,
      elements.map(element => JSON.stringify(plain(element))).sort(),
    ]),
  };
}

describe.each([
  '1.30.5-nftables',
  '1.36.2-nftables',
  'upgrade-pre92035-to-1.30.5-nftables',
])('kube-proxy in %s', set => {
  const files = filesIn(join(RULESETS, set));
  const native = (kind: string) =>
    files
      .filter(file => file.kind === kind)
      .flatMap(({ text, name }) =>
        buildNftTables(
          kind === 'nft-json' ? readNftJson(text, name) : readNftText(text, name),
          name,
        ),
      )
      .filter(({ name }) => name === 'kube-proxy');

  it('text and JSON are the same rules', () => {
    const [text, json] = [native('nft-text'), native('nft-json')];
    expect(json.length).toBe(2);
    for (const table of text) {
      const twin = json.find(({ family }) => family === table.family);
      expect(twin && meaning(twin)).toEqual(meaning(table));
    }
  });

  it('nothing of it is unknown', () => {
    const statements = native('nft-text').flatMap(({ chains }) =>
      [...chains.values()].flatMap(({ rules }) => rules.flatMap(rule => rule.statements)),
    );
    expect(statements.length).toBeGreaterThan(50);
    for (const statement of statements) {
      expect(statement.kind).not.toBe('unknown');
      if (statement.kind === 'match') expect(statement.condition.kind).not.toBe('unknown');
    }
  });
});

/** One nat table with rules for both hooks. */
function table(output: readonly string[], postrouting: readonly string[], more = ''): string {
  return `table ip t {
${more}
  chain out {
    type nat hook output priority -100; policy accept;
    ${output.join('\n    ')}
    ip daddr 10.96.0.20 tcp dport 80 dnat to 10.244.1.2:8080
  }
  chain post {
    type nat hook postrouting priority srcnat; policy accept;
    ${postrouting.join('\n    ')}
  }
}
`;
}

const rewritten = (postrouting: readonly string[], more = '') =>
  way({ files: { [FILE]: table([], postrouting, more) } }).rewritten;

describe('marks (nft(8), meta)', () => {
  it.each([
    ['meta mark set 0x4000', 0x4000],
    ['meta mark set 0xc000 meta mark set mark and 0x4000', 0x4000],
    ['meta mark set 0x1 meta mark set mark or 0x4000', 0x4001],
    ['meta mark set 0xc000 meta mark set meta mark ^ 0x4000', 0x8000],
    ['meta mark set 0xffff meta mark set mark and 0xff or 0x10000', 0x100ff],
    ['meta mark set 0xff meta mark set mark and 0xf0 xor 0xff', 0x0f],
    ['meta mark set 0x4000 ct mark set mark meta mark set 0x0 meta mark set ct mark', 0x4000],
    ['meta mark set 0x8000 mark and 0x8000 != 0 meta mark set 0x1', 1],
    ['meta mark set 0x8000 meta mark & 0x8000 == 0x0 meta mark set 0x1', 0x8000],
    ['meta mark set 0x8000 meta mark != 0x8000 meta mark set 0x1', 0x8000],
  ])('%s', (rule, expected) => {
    expect(carriedMark({ files: { [FILE]: table([rule], []) } })).toBe(expected);
  });
});

describe('masquerade of the outer datagram', () => {
  it.each([
    [['masquerade fully-random'], true],
    [['masquerade random,persistent'], true],
    [['masquerade'], false],
    [['meta l4proto udp masquerade to :2000-3000'], true],
    [['meta l4proto udp masquerade to :1024-65535'], false],
    [['oifname "flannel.1" masquerade fully-random'], false],
    [['oifname != "flannel.1" masquerade fully-random'], true],
    [['oifname "eth*" masquerade fully-random'], true],
    [['udp dport { 4789, 8472 } masquerade fully-random'], true],
    [['udp dport != { 4789, 8472 } masquerade fully-random'], false],
    [['ip daddr . udp dport { 192.168.50.2 . 8472 } masquerade fully-random'], true],
    [['ip saddr 10.244.0.0/16 masquerade fully-random'], false],
    [['udp dport vmap { 8472 : return }', 'masquerade fully-random'], false],
    [['udp dport vmap { 4789 : return }', 'masquerade fully-random'], true],
    [['udp dport vmap { 8472 : goto other }', 'return'], true],
    [['udp dport @tunnels masquerade fully-random'], true],
    [['ip daddr . meta l4proto . th dport vmap @ways'], true],
    [['ct state new masquerade fully-random'], true],
    [['fib daddr type local masquerade fully-random'], false],
    [['udp dport > 8472 masquerade fully-random'], false],
    [['udp dport 8000-9000 counter packets 3 bytes 4 masquerade fully-random comment "x"'], true],
    [['meta nfproto ipv6 masquerade fully-random'], false],
  ])('%j: rewritten %s', (rules, expected) => {
    const more = `
      set tunnels { type inet_service; elements = { 4789, 8472 } }
      map ways { type ipv4_addr . inet_proto . inet_service : verdict
        elements = { 192.168.50.2 . udp . 8472 comment "x" : goto other } }
      chain other { masquerade fully-random; }`;
    expect(rewritten(rules, more)).toBe(expected);
  });

  it('notrack before conntrack (-200) keeps NAT away, behind it not', () => {
    const chain = (priority: string) =>
      `chain early { type filter hook output priority ${priority}; udp dport 8472 notrack; }`;
    expect(rewritten(['masquerade fully-random'], chain('raw'))).toBe(false);
    expect(rewritten(['masquerade fully-random'], chain('mangle'))).toBe(true);
  });
});

describe('priorities', () => {
  it.each([
    ['srcnat', 100],
    ['srcnat - 5', 95],
    ['dstnat + 10', -90],
    ['-150', -150],
    ['mangle', -150],
    ['filter', 0],
    ['security + 1', 51],
    ['raw', -300],
  ])('%s is %d', (text, expected) => {
    const [built] = parse(`table ip t { chain c { type filter hook output priority ${text}; } }`);
    expect(built?.chains.get('c')?.base?.priority).toBe(expected);
  });

  it('a filter chain of 105 comes after nat chains of 110: the NAT core calls them at 100', () => {
    const mark = 'meta mark set 0x4000';
    const text = `table ip t {
      chain out { type nat hook output priority -100; ip daddr 10.96.0.20 ${mark} dnat to 10.244.1.2 }
      chain late { type filter hook postrouting priority 105; meta mark set 0x0 }
      chain post { type nat hook postrouting priority 110; meta mark 0x4000 masquerade fully-random }
    }`;
    const { steps, rewritten: port } = way({ files: { [FILE]: text } });
    expect(steps.some(({ chain, pass }) => chain === 'post' && pass === 'inner')).toBe(true);
    expect(port).toBe(false);
  });

  it('of equal priority the one registered last runs first, and unknown order is asked', () => {
    const clear =
      'table ip a { chain c { type filter hook output priority 5; meta mark set 0x0 } }\n';
    const set =
      'table ip b { chain c { type filter hook output priority 5; meta mark set 0x1 } }\n';
    const files = { 'a.nft': clear, 'b.nft': set, [FILE]: table([], []) };
    expect(carriedMark({ files, order: ['a.nft', 'b.nft'] })).toBe(0);
    expect(carriedMark({ files, order: ['b.nft', 'a.nft'] })).toBe(1);
    expect(ways({ files }).length).toBe(2);
  });

  it('within a table the order of its chains is the order of registration', () => {
    const text = `table ip a {
      chain first { type filter hook output priority 5; meta mark set 0x1 }
      chain second { type filter hook output priority 5; meta mark set 0x2 }
    }\n`;
    expect(carriedMark({ files: { 'a.nft': text, [FILE]: table([], []) } })).toBe(1);
  });
});

describe('what is not understood', () => {
  it('is kept with its words, and the rest of the rule is read', () => {
    const [built] = parse(table([], ['osf name "Linux" masquerade fully-random']));
    const kinds = built?.chains.get('post')?.rules[0]?.statements.map(({ kind }) => kind);
    expect(kinds?.at(-1)).toBe('masquerade');
    expect(kinds?.length).toBe(2);
  });

  it('an extension of iptables whose value nft does not show makes the outcome unknown', () => {
    const { rewritten: port, doubt } = way({
      files: { [FILE]: table([], ['counter packets 1 bytes 2 xt target "MASQUERADE"']) },
    });
    expect({ port, text: doubt?.text }).toEqual({
      port: null,
      text: 'iptables extension MASQUERADE, which nft does not show in full',
    });
  });

  it('a set that is not there is unknown, not empty', () => {
    const all = ways({ files: { [FILE]: table([], ['ip daddr @gone masquerade fully-random']) } });
    expect(new Set(all.map(outcome => outcome.rewritten))).toEqual(new Set([true, false]));
  });
});

describe('broken files', () => {
  it.each([
    ['cut off in a rule', 'table ip t {\n chain c {\n  meta mark set', 'rules.nft:3: expected'],
    [
      'cut off in a set',
      'table ip t {\n set s {\n  elements = { 1.2.3.4,',
      'rules.nft:3: expected',
    ],
    ['an open quote', 'table ip t {\n comment "x\n}', 'rules.nft:2: the quote is not closed'],
    ['no table', 'nft: command not found', 'rules.nft:1: expected "table"'],
    [
      'an unknown priority',
      'table ip t { chain c { type nat hook output priority soon; } }',
      'unknown priority "soon"',
    ],
    [
      'a jump into nothing',
      'table ip t {\n chain c {\n  jump d\n }\n}',
      'rules.nft:3: jump to chain d',
    ],
    ['a loop', 'table ip t {\n chain c {\n  goto c\n }\n}', 'rules.nft:3: chain c jumps to itself'],
    [
      'a loop through a map',
      'table ip t {\n map m { type mark : verdict; elements = { 1 : goto c } }\n chain c {\n  meta mark vmap @m\n }\n}',
      'rules.nft:4: chain c jumps to itself',
    ],
  ])('%s', (_, text, expected) => {
    expect(fault(() => parse(text))).toContain(expected);
  });

  it.each([
    ['half', '{"nftables": [{"table"', 'rules.nft: not JSON, or cut off'],
    ['another JSON', '{"items": []}', 'rules.nft: expected {"nftables": [...]}'],
    ['an entry that is none', '{"nftables": [7]}', 'rules.nft: nftables[0]: expected an object'],
    [
      'a rule without its chain',
      '{"nftables": [{"table": {"family": "ip", "name": "t"}}, {"rule": {"family": "ip", "table": "t", "chain": "c", "expr": []}}]}',
      'rules.nft: rule of chain c',
    ],
  ])('JSON: %s', (_, text, expected) => {
    expect(fault(() => buildNftTables(readNftJson(text, FILE), FILE))).toContain(expected);
  });
});
