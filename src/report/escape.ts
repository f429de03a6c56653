/** Text from captures, nodes and file names, made harmless where reports put it. */
import { printable } from '../output.js';

const HTML = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' } as const;

/** For HTML and XML, in text and in quoted attributes alike. */
export function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, character => HTML[character as keyof typeof HTML]);
}

/** For Markdown, within a line or a cell of a table. */
export function escapeMarkdown(text: string): string {
  return printable(text).replace(/[\\|`*_<>[\]&]/g, character => `\\${character}`);
}
