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

/** What would push the other columns away is broken over lines. */
function isLong(value: Insertion): boolean {
  return typeof value === 'string' && value.length > 44;
}

/** A table whose first row and, if wanted, first column are headers. */
export function table(options: {
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly Insertion[])[];
  readonly rowHeaders?: boolean;
}): Markup {
  const { caption, head, rows, rowHeaders = true } = options;
  const cell = (value: Insertion, column: number) =>
    column === 0 && rowHeaders
      ? html`<th scope="row" class="${isLong(value) ? 'break' : 'short'}">${value}</th>`
      : html`<td>${value}</td>`;
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0">
<table>
<caption>${caption}</caption>
<thead><tr>${head.map(name => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>
${rows.map(row => html`<tr>${row.map(cell)}</tr>\n`)}</tbody>
</table>
</div>`;
}
