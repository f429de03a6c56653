/** Tables of Markdown that can be read as plain text too: their columns are aligned. */
import { escapeMarkdown } from './escape.js';

/** A column that would be wider is not padded: a long cell would push everything off the screen. */
const WIDEST_PADDED = 60;
const LONGEST_CELL = 300;

/** Lines of a table. All cells are text, and are escaped here. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  const cells = [head, ...rows].map(row => row.map(cellText));
  const widths = head.map((_, column) => {
    const longest = Math.max(3, ...cells.map(row => (row[column] ?? '').length));
    return longest > WIDEST_PADDED ? 3 : longest;
  });
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `|${widths.map(width => '-'.repeat(width + 2)).join('|')}|`;
  const [first = [], ...rest] = cells;
  return [line(first), rule, ...rest.map(line)];
}

function cellText(text: string): string {
  const whole = text.replace(/\s+/g, ' ').trim();
  const short = whole.length <= LONGEST_CELL ? whole : `${whole.slice(0, LONGEST_CELL - 3)}...`;
  return escapeMarkdown(short);
}
