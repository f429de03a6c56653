/** The report on a terminal: its arithmetic adds up, it fits, and no input can steer the terminal. */
import { describe, expect, test, vi } from 'vitest';
import { DEFAULT_EXIT_POLICY } from '../../src/analysis/exit-code.js';
import type { VerdictDocument } from '../../src/analysis/verdict.js';
import { examinePaths } from '../../src/evidence/examine.js';
import { arithmeticLines } from '../../src/report/arithmetic.js';
import { histogramLines } from '../../src/report/histogram.js';
import { terminalReport } from '../../src/report/terminal.js';
import { entryText, judge, linksText, snapshot } from '../support/analysis.js';
import { capture, conntrackTime } from '../support/frames.js';
import { recordings } from '../support/recordings.js';
import { at, client, NODE_A, syn, tunnelled } from '../support/traffic.js';

// Before picocolors is loaded: it looks only once whether there is a terminal with colours.
vi.hoisted(() => {
  process.env.FORCE_COLOR = '1';
  delete process.env.NO_COLOR;
});

const examine = (...paths: string[]) =>
  examinePaths(paths, { tunnelPorts: [], policy: DEFAULT_EXIT_POLICY });
const plain = (verdict: VerdictDocument) => terminalReport(verdict, { color: false });

/** Control and format characters, but for the line feed that ends each line. */
const UNPRINTABLE = /[^\P{C}\n]|[\u2028\u2029]/u;
const ESCAPE = '\u001b';

interface TableRow {
  readonly number: number;
  readonly seconds: number;
  readonly port: number;
  readonly was: number | undefined;
  readonly stored: number;
  readonly due: number | undefined;
}

/** The rows of the table of SYNs, read back from the text. */
function tableOf(text: string): TableRow[] {
  const row =
    /^ {2}(\d+) +([\d.]+) s +(\d+)(?: {2}\(was (\d+)\))? +(0x[0-9a-f]{4}), (?:due (0x[0-9a-f]{4})|\w)/gm;
  return [...text.matchAll(row)].map(([, number, seconds, port, was, stored, due]) => ({
    number: Number(number),
    seconds: Number(seconds),
    port: Number(port),
    was: was === undefined ? undefined : Number(was),
    stored: Number(stored),
    due: due === undefined ? undefined : Number(due),
  }));
}

/** The lines of the arithmetic, as sign and number, in decimal and in hexadecimal. */
function arithmeticOf(text: string): { sign: string; value: number; hex: number; rest: string }[] {
  const line = /^ *([-+=]?) [a-z].*? {2,}(\d+) {2}(0x[0-9a-f]{4,5})(.*)$/gm;
  return [...text.matchAll(line)].map(([, sign = '', value, hex, rest = '']) => ({
    sign,
    value: Number(value),
    hex: Number(hex),
    rest,
  }));
}

/** Follows the lines with a calculator; returns what was done to bring the sum back into 16 bits. */
function expectToAddUp(lines: ReturnType<typeof arithmeticOf>): string {
  const [port = 0, due = 0, stored = 0, was = 0] = lines.map(({ value }) => value);
  const total = port + due - stored;
  const wrapped = /= (-?\d+), and ([-+]) 65535/.exec(lines[3]?.rest ?? '');
  if (!wrapped) {
    expect(was).toBe(total);
    return '';
  }
  expect(Number(wrapped[1])).toBe(total);
  expect(was).toBe(wrapped[2] === '-' ? total - 65535 : total + 65535);
  return wrapped[2]!;
}

describe.each(
  recordings
    .filter(({ expected }) => expected.verdict === 'stale-checksum')
    .map(recording => [recording.name, recording] as const),
)('of %s', (_name, { folder, expected }) => {
  const rendered = examine(folder).then(plain);

  test('the table has a row for each SYN, and its stale rows add up', async () => {
    const rows = tableOf(await rendered);
    expect(rows.map(({ number }) => number)).toEqual(expected.synTimesSeconds.map((_, i) => i + 1));
    expect(rows.map(({ port }) => port)).toEqual(expected.synOuterSourcePorts);
    const stale = rows.filter(({ due }) => due !== undefined);
    expect(stale.length).toBeGreaterThan(0);
    for (const { port, was, stored, due } of stale) {
      expect(was).toBe(expected.flow.outerSourcePortBefore);
      expect((port + due! - stored - was!) % 65535).toBe(0);
    }
  });

  test('the arithmetic is written out, in decimal and hexadecimal, and adds up', async () => {
    const lines = arithmeticOf(await rendered);
    expect(lines.map(({ sign }) => sign)).toEqual(['', '+', '-', '=']);
    for (const { value, hex } of lines) expect(hex).toBe(value);
    expectToAddUp(lines);
    const [port, , stored, was] = lines.map(({ value }) => value);
    expect([port, was, stored]).toEqual([
      expected.flow.outerSourcePortAfter,
      expected.flow.outerSourcePortBefore,
      Number(expected.firstSynOuterChecksum),
    ]);
  });

  test('the summary names both ports', async () => {
    const { outerSourcePortBefore: before, outerSourcePortAfter: after } = expected.flow;
    expect((await rendered).replace(/\s+/g, ' ')).toContain(`(${before} to ${after})`);
  });
});

test.each(
  recordings.map(({ name, folder, file }) => [name, folder, file] as const),
)('no line about %s is longer than 120 columns or ends in a space, with snapshots and without', async (_name, folder, file) => {
  const verdicts = [
    await examine(folder),
    await examine(file('node-a/overlay.pcap')),
    await examine(file('node-b/underlay.pcap')),
  ];
  for (const verdict of verdicts) {
    const text = plain(verdict);
    expect(text.split('\n').filter(line => line.length > 120)).toEqual([]);
    expect(text.split('\n').filter(line => line !== line.trimEnd())).toEqual([]);
    expect(text.endsWith('\n')).toBe(true);
    expect(text).not.toMatch(UNPRINTABLE);
  }
});

describe('hostile text', () => {
  // Colours, cursor movement, a title, a bell, a carriage return, bidi overrides, zero width, a C1 CSI,
  // line separators, tags outside the BMP, a lone surrogate.
  const hostile = `${ESCAPE}[31m${ESCAPE}]0;owned\u0007\r\n\u202eevil\u2066\u061c\u200b\ufeff\u009b2J\u2028\u{e0041}\ud800end`;

  const frames = [at(0, tunnelled(syn(), { port: 12200, madeFor: 37881 }))];
  const entry = entryText({ port: 37881 }, { port: 12200 });
  const events = `[${conntrackTime(0.0001)}]	    [NEW] ${entry} ${hostile.replace(/[\r\n\u2028]/g, '')}`;
  const links = linksText(`local ${NODE_A} dev eth0 srcport 0 0 dstport 8472 udpcsum`, [NODE_A]);

  function expectHarmless(verdict: VerdictDocument, ...shown: string[]): void {
    const text = plain(verdict);
    expect(text).not.toMatch(UNPRINTABLE);
    for (const words of shown) expect(text).toContain(words);
  }

  test('in a conntrack line does not reach the output', () => {
    const verdict = judge([capture('node-a/underlay.pcap', frames, { node: 'node-a' })], {
      snapshots: [snapshot('node-a', { events, links })],
    });
    expect(verdict.says).toBe('stale-checksum proved');
    expect(JSON.stringify(verdict.witnesses)).toContain('evil');
    expectHarmless(verdict, 'evil');
  });

  test('in the name of a capture does not, wherever that is named', () => {
    expectHarmless(judge([capture(hostile, frames)]), 'evil');
    const healthy = [at(0, tunnelled(syn(), { port: 40001 }))];
    for (const options of [
      { kernelDrops: 3 },
      { truncated: { offset: 9, reason: `damage: ${hostile}` } },
    ]) {
      const verdict = judge([capture(hostile, healthy, options)]);
      expect(verdict.summary).toContain('vil');
      expectHarmless(verdict, 'evil');
    }
  });

  test('in what a run recorded does not', () => {
    const verdict = judge([capture('node-a/underlay.pcap', frames, { node: hostile })], {
      run: {
        scenario: hostile,
        title: hostile,
        emulated: true,
        connections: [
          {
            purpose: 'control',
            target: hostile,
            local: hostile,
            connectSeconds: undefined,
            retransmits: undefined,
            result: hostile,
          },
        ],
      },
      snapshots: [{ ...snapshot(hostile, { events, links }), kernel: hostile }],
    });
    expectHarmless(verdict, 'evil', 'NOT CLEAN');
  });

  test('in the path of the evidence does not', () => {
    const text = terminalReport(judge([capture('a.pcap', frames)]), {
      color: false,
      evidence: hostile,
    });
    expect(text).not.toMatch(UNPRINTABLE);
    expect(text).toContain('Evidence');
  });

  test('that is long does not make lines longer than 120 columns', () => {
    const name = `/${'very-long-name/'.repeat(30)}underlay.pcap`;
    const verdict = judge([capture(name, frames, { kernelDrops: 2 })], {
      snapshots: [snapshot('node-a', { events: events + 'x'.repeat(500), links })],
    });
    const lines = plain(verdict).split('\n');
    expect(lines.filter(line => line.length > 120)).toEqual([]);
    expect(lines.join('\n')).toContain('underlay.pcap');
  });
});

describe('colour', () => {
  const verdict = judge([
    capture('a.pcap', [at(0, tunnelled(syn(), { port: 12200, madeFor: 37881 }))]),
  ]);

  test('is in the title where it was asked for and the terminal has it, and nowhere without', () => {
    const coloured = terminalReport(verdict, { color: true });
    const bare = plain(verdict);
    expect(coloured.split('\n').filter(line => line.includes(ESCAPE))).toHaveLength(1);
    expect(
      coloured
        .split(ESCAPE)
        .map((part, i) => (i === 0 ? part : part.replace(/^\[\d+m/, '')))
        .join(''),
    ).toBe(bare);
    expect(bare).not.toContain(ESCAPE);
  });
});

describe('several connections', () => {
  const many = judge([
    capture(
      'a.pcap',
      Array.from({ length: 7 }, (_, i) =>
        at(i, tunnelled(syn(client(50_000 + i)), { port: 12200 + i * 7, madeFor: 37881 + i })),
      ),
    ),
  ]);

  test('are shown up to three, and the others counted', () => {
    const text = plain(many);
    expect(text.match(/^ {2}SYN +time/gm)).toHaveLength(3);
    expect(text).toContain('4 more connections');
  });

  test('between long IPv6 addresses fit the line', () => {
    const [first] = many.flows;
    const long = '[2001:db8:1111:2222:3333:4444:5555:6666]:65535';
    const flow = {
      ...first!,
      inner: { ...first!.inner, source: long, destination: long },
      verdict: 'double-snat-harmless' as const,
    };
    const text = plain({ ...many, flows: [flow, flow] });
    expect(text.split('\n').filter(line => line.length > 120)).toEqual([]);
    expect(text).toContain('double-snat-harmless');
  });
});

describe('the arithmetic', () => {
  const flowOf = (port: number, madeFor: number, vni: number) => {
    const verdict = judge([capture('a.pcap', [at(0, tunnelled(syn(), { port, madeFor, vni }))])]);
    return arithmeticLines(verdict.flows[0]!, verdict.captures).join('\n');
  };

  test('says so where the sum has to be brought back into 16 bits, in either direction', () => {
    // With ports and sums (the VNI is summed up too) all over the range, all three cases occur.
    const vnis = [1, 50, 100, 150, 200, 250];
    const ways = [2000, 30_000, 65_000].flatMap(port =>
      vnis.map(vni => expectToAddUp(arithmeticOf(`${flowOf(port, 47_000, vni)}\n`))),
    );
    expect(new Set(ways)).toEqual(new Set(['', '+', '-']));
  });

  test('is not shown where nothing is stale', () => {
    const verdict = judge([capture('a.pcap', [at(0, tunnelled(syn(), { port: 40001 }))])]);
    expect(arithmeticLines(verdict.flows[0]!, verdict.captures)).toEqual([]);
  });
});

test('the distribution of delays has a bar for each class, and counts those that never connected', () => {
  const flows = [0.0004, 0.0006, 1.02, 63.9, null].map(connectSeconds => ({
    ...judge([capture('a.pcap', [at(0, tunnelled(syn(), { port: 40001 }))])]).flows[0]!,
    delay: {
      connectSeconds,
      retransmits: connectSeconds !== null && connectSeconds < 1 ? 0 : 1,
      lostSeconds: null,
      predictedSeconds: null,
      explanation: '',
    },
  }));
  const delays = { count: 5, delayed: 3, p50: 1.02, p90: 63.9, p99: 63.9, max: 63.9 };
  const rows = histogramLines(delays, flows)
    .slice(1)
    .map(line => line.trim().split(/ {2,}/));
  expect(rows.map(([name, , count]) => [name, count])).toEqual([
    ['0-0.1 s', '2'],
    ['1-2 s', '1'],
    ['32-64 s', '1'],
    ['never', '1'],
  ]);
  const bars = rows.map(([, bar]) => bar!.length);
  expect(bars).toEqual([40, 20, 20, 20]);
});
