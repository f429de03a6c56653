/**
 * HTML and SVG from templates. Whatever is put into a template is text, and is escaped, unless it was
 * made by a template itself: nothing of an input can become markup by being forgotten.
 */
import { escapeHtml } from '../escape.js';

/** A piece of finished markup. */
export interface Markup {
  readonly kind: 'markup';
  readonly text: string;
}

export type Insertion = Markup | string | number | null | readonly Insertion[];

/** The tag of templates: html`<p>${text}</p>`. Attributes must be in double quotes. */
export function html(parts: TemplateStringsArray, ...values: readonly Insertion[]): Markup {
  let text = parts[0] ?? '';
  for (const [index, value] of values.entries()) text += textOf(value) + (parts[index + 1] ?? '');
  return { kind: 'markup', text };
}

function textOf(value: Insertion): string {
  if (value === null) return '';
  if (typeof value === 'string') return escapeHtml(value);
  if (typeof value === 'number') return String(value);
  if (isList(value)) return value.map(textOf).join('');
  return value.text;
}

function isList(value: Markup | readonly Insertion[]): value is readonly Insertion[] {
  return Array.isArray(value);
}

export const NOTHING: Markup = { kind: 'markup', text: '' };

/** What is short stays on its line; what would push the other columns away is broken over lines. */
function widthOf(value: Insertion): string {
  if (typeof value !== 'string') return typeof value === 'number' ? 'short' : 'long';
  return value.length <= SHORT_CELL ? 'short' : 'long';
}

const SHORT_CELL = 22;
const SHORT_HEAD = 44;

/** A table whose first row and first column are headers. */
export function table(options: {
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly Insertion[])[];
  /** Class of a row, by its index. */
  readonly toneOf?: (index: number) => string;
}): Markup {
  const { caption, head, rows, toneOf = () => '' } = options;
  const cell = (value: Insertion, column: number) => {
    if (column > 0) return html`<td class="${widthOf(value)}">${value}</td>`;
    const isLong = typeof value === 'string' && value.length > SHORT_HEAD;
    return html`<th scope="row" class="${isLong ? 'long' : 'short'}">${value}</th>`;
  };
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0">
<table>
<caption>${caption}</caption>
<thead><tr>${head.map(name => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>
${rows.map((row, index) => html`<tr class="${toneOf(index)}">${row.map(cell)}</tr>\n`)}</tbody>
</table>
</div>`;
}
