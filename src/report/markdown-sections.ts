/** Markdown put together so that it is never longer than a comment on a ticket may be. */
import { printable } from '../output.js';
import { escapeBlockStart, escapeMarkdown } from './escape.js';

/** Jira takes 32,767 characters, GitHub 65,536. */
export const LONGEST_MARKDOWN = 32_000;

export interface MarkdownSection {
  readonly title: string;
  readonly lines: readonly string[];
}

/** For the names of what is left out, and the closing line. */
const RESERVED = 1500;
const LONGEST_SENTENCE = 600;

/**
 * Joins the sections that have room, in their order, and names those that have not.
 *
 * @param elsewhere where those that are left out can be read
 */
export function fittedMarkdown(
  first: string,
  sections: readonly MarkdownSection[],
  tail: string,
  elsewhere: string,
): string {
  const leftOut: string[] = [];
  const parts = [first];
  let length = first.length + tail.length;
  for (const { title, lines } of sections) {
    const text = `## ${title}\n\n${lines.join('\n')}`;
    if (length + text.length > LONGEST_MARKDOWN - RESERVED) {
      leftOut.push(title);
      continue;
    }
    parts.push(text);
    length += text.length + 2;
  }
  if (leftOut.length > 0) {
    parts.push(`Left out for length, see ${elsewhere}: ${leftOut.join(', ')}.`);
  }
  return `${[...parts, tail].join('\n\n')}\n`;
}

/** Text of any origin as a sentence, or the begin of one, on a line or in an item of a list. */
export function sentence(text: string): string {
  return escapeBlockStart(escapeMarkdown(shortText(printable(text).replace(/\s+/g, ' ').trim())));
}

export function shortText(text: string): string {
  return text.length <= LONGEST_SENTENCE ? text : `${text.slice(0, LONGEST_SENTENCE - 3)}...`;
}
