/** A comparison as text for a terminal, and as Markdown for a ticket. */
import { createColors } from 'picocolors';
import type { Change, Comparison, Outcome } from '../analysis/compare.js';
import type { RuleChange } from '../analysis/compare-nodes.js';
import { printable } from '../output.js';
import { escapeMarkdown, markdownBlock } from './escape.js';
import { fittedMarkdown, type MarkdownSection, sentence, shortText } from './markdown-sections.js';
import { markdownTable } from './markdown-table.js';
import { columns, indent, shortened } from './text.js';

const TONES = {
  fixed: 'green',
  equal: 'green',
  worse: 'red',
  'not-fixed': 'red',
  'not-comparable': 'yellow',
} as const satisfies Record<Outcome, string>;

const KINDS: Readonly<Record<Change['kind'], string>> = {
  result: 'Result',
  device: 'VXLAN devices',
  version: 'Versions',
  offload: 'Offload',
  setting: 'Kernel settings',
  counter: 'Counters',
  snapshot: 'What was saved',
};

/** Rows of a table, and chains, that a ticket or a terminal is spared from. */
const MOST_ROWS = 40;
const MOST_CHAINS = 12;
const MOST_DIFF_LINES = 40;
const LONGEST_CELL = 60;

/** Renders for a terminal, ending in a newline. */
export function comparisonText(comparison: Comparison, color: boolean): string {
  const paint = color ? createColors() : createColors(false);
  const { a, b, outcome, summary, rules } = comparison;
  const title = paint.bold(paint[TONES[outcome]](outcome.replace('-', ' ').toUpperCase()));
  const groups = groupsOf(comparison);
  const heads = [
    '',
    shortened(printable(a.name), LONGEST_CELL),
    shortened(printable(b.name), LONGEST_CELL),
  ];
  const rows = groups.flatMap(([, changes]) => changes).map(cells);
  const table =
    rows.length === 0
      ? ['  nothing that is compared has changed']
      : indent(columns([heads, ...rows]));
  const chains = rules.chains
    .slice(0, MOST_CHAINS)
    .flatMap(change => [
      '',
      `  Rules  ${printable(chainTitle(change))}`,
      ...change.diff.slice(0, MOST_DIFF_LINES).map(line => paintedLine(printable(line), paint)),
      ...moreText(change.diff.length - MOST_DIFF_LINES, 'lines'),
    ]);
  const more = moreText(
    rules.chains.length - MOST_CHAINS + rules.leftOut,
    'chains that changed: see --json',
  );
  return `${[title, '', printable(summary), '', ...table, ...chains, ...more].join('\n')}\n`;
}

function paintedLine(line: string, paint: ReturnType<typeof createColors>): string {
  if (line.startsWith('-')) return `  ${paint.red(line)}`;
  return line.startsWith('+') ? `  ${paint.green(line)}` : `  ${line}`;
}

function moreText(count: number, what: string): string[] {
  return count > 0 ? [`  ${count} more ${what}`] : [];
}

function cells({ what, a, b }: Change): string[] {
  return [what, a, b].map(text => printable(text));
}

function chainTitle({ node, table, chain }: RuleChange): string {
  return `${node}, table ${table}, chain ${chain}`;
}

/** Renders as Markdown, ending in a newline. Text from inputs cannot leave its place. */
export function comparisonMarkdown(comparison: Comparison): string {
  const { a, b, summary, tool } = comparison;
  const sections: MarkdownSection[] = groupsOf(comparison).map(([kind, changes]) => ({
    title: KINDS[kind],
    lines: [
      ...markdownTable(
        ['', a.name, b.name],
        changes.slice(0, MOST_ROWS).map(change => [change.what, change.a, change.b]),
      ),
      ...(changes.length > MOST_ROWS
        ? ['', `${changes.length - MOST_ROWS} more are in the JSON document.`]
        : []),
    ],
  }));
  const [result, ...others] = sections;
  const made = `Made by ${escapeMarkdown(`${tool.name} ${tool.version}`)}.`;
  const none = { title: 'Changes', lines: ['Nothing that is compared has changed.'] };
  return fittedMarkdown(
    `**${sentence(summary)}**`,
    [...(result ? [result] : [none]), ...ruleSections(comparison), ...others],
    made,
    'the JSON document',
  );
}

function ruleSections({ rules: { chains, leftOut } }: Comparison): MarkdownSection[] {
  if (chains.length === 0) return [];
  const shown = chains.slice(0, MOST_CHAINS);
  const more = chains.length - shown.length + leftOut;
  return [
    {
      title: 'Rules',
      lines: [
        ...shown.flatMap((change, index) => [
          ...(index === 0 ? [] : ['']),
          `${sentence(chainTitle(change))}:`,
          '',
          ...markdownBlock(
            [
              ...change.diff.slice(0, MOST_DIFF_LINES).map(shortText),
              ...(change.diff.length > MOST_DIFF_LINES
                ? [` (${change.diff.length - MOST_DIFF_LINES} more lines)`]
                : []),
            ],
            'diff',
          ),
        ]),
        ...(more > 0 ? ['', `${more} more chains changed.`] : []),
      ],
    },
  ];
}

/** Changes of one kind together, in the order of the kinds. */
function groupsOf({ changes }: Comparison): [Change['kind'], Change[]][] {
  return (Object.keys(KINDS) as Change['kind'][])
    .map((kind): [Change['kind'], Change[]] => [
      kind,
      changes.filter(change => change.kind === kind),
    ])
    .filter(([, own]) => own.length > 0);
}
