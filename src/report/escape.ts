/** Text from captures, nodes and file names, made harmless where reports put it. */
import { printable } from '../output.js';

const HTML = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' } as const;

/** For HTML and XML, in text and in quoted attributes alike. */
export function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, character => HTML[character as keyof typeof HTML]);
}

/**
 * For Markdown, within a line or a cell of a table. Words that a tracker would take for a person or an
 * issue become code, which it leaves alone.
 */
export function escapeMarkdown(text: string): string {
  return printable(text)
    .split(/(\S*(?:@|#\d)\S*)/)
    .map((part, index) => (index % 2 === 1 ? codeSpan(part) : escapeWords(part)))
    .join('');
}

/** An underscore within a word, and what cannot begin or end anything, is left readable. */
function escapeWords(text: string): string {
  return text
    .replace(/[\\|`*<[~$]|&(?=#?\w+;)/g, character => `\\${character}`)
    .replace(/(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, '\\_');
}

/** Escaped text that stands at the begin of a line or of an item: no heading, list, quote or rule. */
export function escapeBlockStart(escaped: string): string {
  return escaped.replace(/^(?=[#>+=-])|^(\d{1,9})(?=[.)](?:\s|$))/, '$1\\');
}

/** A fence longer than any run of backticks in the text holds it (CommonMark 6.1). */
function codeSpan(text: string): string {
  const fence = fenceFor(text, 1);
  const space = fence.length > 1 ? ' ' : '';
  // In a table a pipe is escaped within code as well, and only there.
  return `${fence}${space}${text.replaceAll('|', '\\|')}${space}${fence}`;
}

/** Lines as a block of code, whatever they hold. */
export function markdownBlock(lines: readonly string[], language = ''): string[] {
  const clean = lines.map(line => printable(line));
  const fence = fenceFor(clean.join('\n'), 3);
  return [`${fence}${language}`, ...clean, fence];
}

function fenceFor(text: string, shortest: number): string {
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map(run => run.length));
  return '`'.repeat(Math.max(shortest, longest + 1));
}
