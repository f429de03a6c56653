/** A comparison as text for a terminal, and as Markdown for a ticket. */
import { createColors } from 'picocolors';
import type { Comparison, Outcome } from '../analysis/compare.js';
import { printable } from '../output.js';
import { escapeMarkdown } from './escape.js';
import { columns, indent } from './text.js';

const TONES = {
  fixed: 'green',
  equal: 'green',
  worse: 'red',
  'not-fixed': 'red',
  'not-comparable': 'yellow',
} as const satisfies Record<Outcome, string>;

/** Renders for a terminal, ending in a newline. */
export function comparisonText(comparison: Comparison, color: boolean): string {
  const paint = color ? createColors() : createColors(false);
  const { a, b, changes, outcome, summary } = comparison;
  const rows = [
    ['', printable(a.name), printable(b.name)],
    ...changes.map(change => [change.what, change.a, change.b].map(printable)),
  ];
  const title = paint.bold(paint[TONES[outcome]](outcome.replace('-', ' ').toUpperCase()));
  const table =
    changes.length === 0 ? ['  nothing that is compared has changed'] : indent(columns(rows));
  return `${[title, '', printable(summary), '', ...table].join('\n')}\n`;
}

/** Renders as Markdown, ending in a newline. Text from inputs cannot leave its cell. */
export function comparisonMarkdown({ a, b, changes, summary }: Comparison): string {
  const lines = [
    `**${escapeMarkdown(summary)}**`,
    '',
    `| | ${escapeMarkdown(a.name)} | ${escapeMarkdown(b.name)} |`,
    '|---|---|---|',
    ...changes.map(
      change =>
        `| ${escapeMarkdown(change.what)} | ${escapeMarkdown(change.a)} | ${escapeMarkdown(change.b)} |`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}
