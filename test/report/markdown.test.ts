import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ReportMaterial } from '../../src/evidence/report-material.js';
import { printable } from '../../src/output.js';
import { escapeMarkdown } from '../../src/report/escape.js';
import { markdownReport } from '../../src/report/markdown.js';
import { recordings } from '../support/recordings.js';
import { HOSTILE, materialOf, withTexts } from '../support/report-material.js';

const find = (end: string) => recordings.find(({ name }) => name.endsWith(end))!;
const LONGEST = 60_000;
const JIRA = 32_767;

/** GitHub's own parser, where it is installed (Debian: cmark-gfm). */
const hasParser = spawnSync('cmark-gfm', ['--version']).status === 0;
const EXTENSIONS = ['table', 'strikethrough', 'autolink', 'tasklist'].flatMap(name => ['-e', name]);

function parsed(markdown: string): string {
  const { status, stdout } = spawnSync('cmark-gfm', EXTENSIONS, {
    input: markdown,
    encoding: 'utf8',
  });
  expect(status).toBe(0);
  return stdout;
}

/** What GitHub makes of the report beyond words: elements, each with how often it stands there. */
function elements(html: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [, name = ''] of html.matchAll(/<([a-z0-9]+)/g)) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

describe('report.md', () => {
  let material: ReportMaterial;
  let report: string;
  beforeAll(async () => {
    material = await materialOf(find('5.4.33/udpcsum-fixed-port').folder);
    report = markdownReport(material);
  });

  it('starts with the sentence for the ticket’s first line', () => {
    expect(report.split('\n')[0]).toBe(material.verdict.summary);
  });

  it('has its parts in the order in which they are asked for', () => {
    const titles = [...report.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
    expect(titles).toEqual([
      'Stale checksum after a second SNAT (proved)',
      'SYNs',
      'The arithmetic',
      'What speaks for it',
      'The rules that did it',
      'What to do',
      'Counters before and after',
      'How to check it',
      'Limits of this evidence',
      'Versions and settings',
      'Captures',
    ]);
  });

  it('names the rules by their lines, both passes', () => {
    expect(report).toContain('iptables-save.before.txt, line 18');
    const lines = [...report.matchAll(/^\| iptables-save\.before\.txt:(\d+)/gm)].map(([, line]) =>
      Number(line),
    );
    // The walk begins where OUTPUT leads on, and ends at the masquerading rule, in both passes.
    expect(lines).toEqual([15, 21, 17, 22, 23, 20, 16, 18, 15, 16, 18]);
  });

  it('tells counters of both nodes before and after', () => {
    // As nstat.before.txt and nstat.after.txt of the recording have them.
    expect(report).toMatch(/\| node-b \| UdpInCsumErrors +\| 0 +\| 6 +\| \+6/);
    expect(report).toMatch(/\| node-a \| TcpExtTCPSynRetrans +\| 0 +\| 6 +\| \+6/);
  });

  it('gives the cure as a command', () => {
    expect(report).toContain('```sh\nethtool -K vxlan.1 tx-checksum-ip-generic off\n```');
  });

  it.each(
    recordings.map(recording => [recording.name, recording] as const),
  )('%s fits a comment of GitHub and of Jira', async (_name, { folder }) => {
    const text = markdownReport(await materialOf(folder));
    expect(text.length).toBeLessThan(JIRA);
    for (const line of text.split('\n').filter(row => row.startsWith('|'))) {
      expect(line).toMatch(/\|$/);
    }
  });

  it('fits however much there is to tell', () => {
    const { verdict, nodes } = material;
    const flow = verdict.flows[0]!;
    const long = 'word|'.repeat(5000);
    const huge: ReportMaterial = {
      ...material,
      verdict: {
        ...verdict,
        summary: long,
        flows: Array.from({ length: 1000 }, () => ({
          ...flow,
          syns: Array.from({ length: 64 }, () => flow.syns[0]!),
          because: long,
        })),
        warnings: Array.from({ length: 500 }, () => long),
        witnesses: verdict.witnesses.map(witness => ({ ...witness, statement: long })),
        recommendations: Array.from({ length: 50 }, () => ({
          action: long,
          command: long,
          why: long,
          source: long,
        })),
      },
      nodes: Array.from({ length: 200 }, () => nodes[0]!),
      rulePath: Array.from({ length: 3000 }, () => ({ ...material.rulePath[0]!, rule: long })),
    };
    const text = markdownReport(huge);
    expect(text.length).toBeLessThan(JIRA);
    expect(text).toMatch(/Left out for length, see report\.html: /);
    expect(text.split('\n')[0]).toMatch(/^word\\\|word/);
  });

  it('stays short with any texts in it', () => {
    const texts = fc.array(
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 2000 }),
        fc.constantFrom(...HOSTILE),
        fc.constantFrom('|'.repeat(3000), '`'.repeat(3000), '@'.repeat(3000)),
      ),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(texts, list => {
        let next = 0;
        const text = markdownReport(withTexts(material, () => list[next++ % list.length]!));
        expect(text.length).toBeLessThan(LONGEST);
      }),
      { numRuns: 100 },
    );
  });
});

describe.skipIf(!hasParser)('report.md as GitHub’s parser reads it (needs cmark-gfm)', () => {
  let material: ReportMaterial;
  beforeAll(async () => {
    material = await materialOf(find('5.4.33/udpcsum-fixed-port').folder);
  });

  it('has its tables, its code and no other element', () => {
    const html = parsed(markdownReport(material));
    const found = elements(html);
    expect([...found.keys()].sort()).toEqual(
      [
        'a',
        'code',
        'h2',
        'li',
        'p',
        'pre',
        'strong',
        'table',
        'tbody',
        'td',
        'th',
        'thead',
        'tr',
        'ul',
      ].sort(),
    );
    expect(found.get('table')).toBe(6);
    // Nothing but the sources of what is recommended.
    expect(found.get('a')).toBe(2);
  });

  it.each(HOSTILE)('makes nothing of %j', hostile => {
    const texts = withTexts(material, () => hostile);
    // A file name that cannot be shown as it is takes its commands with it.
    const hasControls = printable(hostile) !== hostile;
    const harmless = withTexts(material, () => (hasControls ? 'te\u0007xt' : 'text'));
    const own = elements(parsed(markdownReport(harmless)));
    const found = elements(parsed(markdownReport(texts)));
    // Links that anybody can follow or not are left to the tracker, and words become code.
    for (const free of ['a', 'code']) {
      own.delete(free);
      found.delete(free);
    }
    expect(found).toEqual(own);
  });
});

describe('escapeMarkdown', () => {
  it.each([
    ['nf_conntrack_udp_timeout=30', 'nf_conntrack_udp_timeout=30'],
    ['__init__ _x_', '\\_\\_init\\_\\_ \\_x\\_'],
    ['a | b', 'a \\| b'],
    ['[UNREPLIED] src=1', '\\[UNREPLIED] src=1'],
    ['0x0 -> 0x4000', '0x0 -> 0x4000'],
    ['&lt; a & b', '\\&lt; a & b'],
    ['ask @everyone or #12', 'ask `@everyone` or `#12`'],
    ['a@`b` x', '``  a@`b`  `` x'.replaceAll('  ', ' ')],
  ])('%s', (text, expected) => {
    expect(escapeMarkdown(text)).toBe(expected);
  });
});
