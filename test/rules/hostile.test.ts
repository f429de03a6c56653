/** Broken and hostile files: an answer, or a clear error with file and line; never a hang, never a crash. */

import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StalesumError } from '../../src/errors.js';
import { inspectFiles } from '../../src/rules/inspect.js';
import { type NodeFile, readNodeFiles, recognise } from '../../src/snapshot/node-files.js';
import { NODE_A, RULESETS } from './support.js';

const REQUEST = {
  source: 'host',
  target: undefined,
  protocol: undefined,
  order: [],
} as const;

/** What came of it: `answer`, or the message of a fault. Anything else that is thrown fails the test. */
function outcome(files: readonly NodeFile[]): string {
  try {
    inspectFiles({ files: [...files, ...NODE_A], gaps: [] }, REQUEST);
    return 'answer';
  } catch (thrown) {
    if (!(thrown instanceof StalesumError) || thrown.kind !== 'bad-input') throw thrown;
    return thrown.message;
  }
}

const recognised = (name: string, text: string) => {
  const file = recognise(name, text);
  return file ? [file] : [];
};

/** A file of each form, by the name under which it is saved. */
const FORMS: readonly (readonly [name: string, path: string])[] = [
  ['iptables-nft-save.txt', join(RULESETS, '1.28.4-nftbackend', 'iptables-nft-save.txt')],
  ['nft-list-ruleset.txt', join(RULESETS, '1.36.2-nftables', 'nft-list-ruleset.txt')],
  ['nft-j-list-ruleset.json', join(RULESETS, '1.36.2-nftables', 'nft-j-list-ruleset.json')],
  [
    'iptables_-t_nat_-nvL',
    join(
      ...[import.meta.dirname, '..', 'snapshot', 'collections', 'sos-legacy'],
      ...['sosreport-node-a-2026-11-22-abcdefg', 'sos_commands', 'firewall_tables'],
      'iptables_-t_nat_-nvL',
    ),
  ],
  ['ipset-save.txt', join(import.meta.dirname, 'written', 'ipvs-sets', 'ipset-save.txt')],
];

describe.each(FORMS)('%s', (name, path) => {
  const whole = readFileSync(path, 'utf8');

  it('cut off anywhere: an answer, or a fault that names the file', () => {
    for (let part = 0; part <= 60; part++) {
      const text = whole.slice(0, Math.floor((whole.length * part) / 60));
      const found = outcome(recognised(name, text));
      if (found !== 'answer') expect(found).toMatch(name);
    }
  });

  it('with bytes changed: an answer, or a fault that names file and line', () => {
    let state = 20261122;
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state % below;
    };
    for (let round = 0; round < 60; round++) {
      const letters = [...whole];
      for (let change = 0; change < 4; change++) {
        letters[random(letters.length)] = String.fromCharCode(random(256));
      }
      const found = outcome(recognised(name, letters.join('')));
      if (found === 'answer') continue;
      expect(found).toMatch(name.endsWith('.json') ? name : new RegExp(`${name}:\\d+: `));
    }
  });
});

describe('a fault names file and line', () => {
  const nat = (...lines: string[]) => `*nat\n:OUTPUT ACCEPT [0:0]\n${lines.join('\n')}\nCOMMIT\n`;

  it.each([
    [
      'half a line',
      'iptables-save.txt',
      '*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTP',
      /^iptables-save\.txt:3: /,
    ],
    ['half a rule', 'iptables-save.txt', nat('-A OUTPUT -d'), /^iptables-save\.txt:3: .*-d/],
    [
      'no end',
      'iptables-save.txt',
      '*nat\n:OUTPUT ACCEPT [0:0]\n',
      /has no COMMIT: the file is cut off/,
    ],
    [
      'an unknown table',
      'iptables-save.txt',
      '*natt\nCOMMIT\n',
      /^iptables-save\.txt:1: unknown table "natt"/,
    ],
    [
      'a chain that jumps to itself',
      'iptables-save.txt',
      nat(':LOOP - [0:0]', '-A OUTPUT -j LOOP', '-A LOOP -j LOOP'),
      /^iptables-save\.txt:5: chain LOOP jumps to itself/,
    ],
    [
      'chains that jump in a circle',
      'nft-list-ruleset.txt',
      'table ip t {\n chain a {\n  jump b\n }\n chain b {\n  goto a\n }\n}\n',
      /^nft-list-ruleset\.txt:6: chain a jumps to itself \(a -> b -> a\)/,
    ],
    [
      'a jump to nowhere',
      'nft-list-ruleset.txt',
      'table ip t {\n chain a {\n  jump nowhere\n }\n}\n',
      /^nft-list-ruleset\.txt:3: jump to chain nowhere/,
    ],
    [
      'a quote that stays open',
      'nft-list-ruleset.txt',
      'table ip t {\n comment "\n',
      /:2: the quote/,
    ],
    ['half of JSON', 'nft-ruleset.json', '{"nftables": [{"table":', /^nft-ruleset\.json: not JSON/],
    ['other JSON', 'nft-ruleset.json', '{"nftables": [42]}', /nftables\[0\]/],
    ['binary', 'iptables-save.txt', '\0\x01\xff\xfeELF\x02\n', /^iptables-save\.txt:1: /],
    [
      'an error message',
      'iptables-save.txt',
      'Permission denied (you must be root)\n',
      /:1: expected/,
    ],
  ])('%s', (_, name, text, message) => {
    expect(outcome(recognised(name, text))).toMatch(message);
  });

  it('brackets in brackets are refused, not followed until the stack ends', () => {
    const deep = `table ip t {\n chain a {\n  meta mark set ${'('.repeat(200_000)}\n }\n}\n`;
    expect(outcome(recognised('nft-list-ruleset.txt', deep))).toMatch(
      /nft-list-ruleset\.txt|answer/,
    );
    const json = `{"nftables": [{"table":{"family":"ip","name":"t"}},{"chain":{"family":"ip","table":"t","name":"c"}},{"rule":{"family":"ip","table":"t","chain":"c","expr":[{"match":{"op":"==","left":${'{"&":['.repeat(50_000)}1${',1]}'.repeat(50_000)},"right":1}}]}}]}`;
    expect(outcome(recognised('nft-ruleset.json', json))).toMatch(/nft-ruleset\.json|answer/);
  });
});

describe('much of nothing is answered in time that grows with its size', () => {
  const SIZE = 2 << 20;

  it.each([
    ['lines without anything', '\n'.repeat(SIZE)],
    ['blanks', ' '.repeat(SIZE)],
    ['one line', 'a'.repeat(SIZE)],
    ['words', 'word '.repeat(SIZE / 5)],
    ['quotes', '"'.repeat(SIZE)],
    ['braces', '{'.repeat(SIZE / 8)],
    ['comments', '# xt_\n'.repeat(SIZE / 64)],
    ['options', `*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT ${'-m '.repeat(SIZE / 8)}\nCOMMIT\n`],
    ['columns', `Chain OUTPUT (policy ACCEPT)\n${'1 1 '.repeat(SIZE / 64)}\n`],
  ])('%s', (_, text) => {
    const started = process.cpuUsage();
    for (const name of ['iptables-save.txt', 'nft-list-ruleset.txt', 'something.txt']) {
      const found = outcome(recognised(name, text));
      expect(found === 'answer' || found.includes(name)).toBe(true);
    }
    const { user, system } = process.cpuUsage(started);
    // A square of it would take hours.
    expect((user + system) / 1e6).toBeLessThan(15);
  });

  it('a chain that every rule leads to twice is not walked to its exponential end', () => {
    const chains = Array.from({ length: 40 }, (_, index) => `C${index}`);
    const text = [
      '*nat',
      ':OUTPUT ACCEPT [0:0]',
      ...chains.map(name => `:${name} - [0:0]`),
      '-A OUTPUT -j C0',
      ...chains
        .slice(1)
        .flatMap((name, index) => [`-A C${index} -j ${name}`, `-A C${index} -j ${name}`]),
      'COMMIT',
      '',
    ].join('\n');
    const files = [...recognised('iptables-save.txt', text), ...NODE_A];
    const target = { address: '10.96.0.20', port: 80 };
    expect(() => inspectFiles({ files, gaps: [] }, { ...REQUEST, target })).toThrow(
      /iptables-save\.txt:\d+: a packet would meet more than/,
    );
  });
});

describe('files too large to be rules', () => {
  it('are refused by name, and passed over if they are something else', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'stalesum-large-'));
    try {
      const sparse = Buffer.alloc(1);
      await writeFile(join(folder, 'core'), sparse);
      await writeFile(join(folder, 'iptables-save.txt'), '*nat\nCOMMIT\n');
      const { truncate } = await import('node:fs/promises');
      await truncate(join(folder, 'core'), 100 << 20);
      expect((await readNodeFiles(folder)).files.map(({ name }) => name)).toEqual([
        'iptables-save.txt',
      ]);
      await truncate(join(folder, 'iptables-save.txt'), 100 << 20);
      await expect(readNodeFiles(folder)).rejects.toThrow(/iptables-save\.txt: larger than 64 MiB/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
