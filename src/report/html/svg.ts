/** Shapes of the report's drawings. Coordinates are SVG user units; classes carry all colours. */
import { html, type Insertion, type Markup } from './markup.js';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export function line(from: Point, to: Point, className: string): Markup {
  return html`<line class="${className}" x1="${r(from.x)}" y1="${r(from.y)}" x2="${r(to.x)}" y2="${r(to.y)}"/>`;
}

export function text(
  at: Point,
  content: Insertion,
  className: string,
  anchor: 'start' | 'middle' | 'end' = 'start',
): Markup {
  return html`<text class="${className}" x="${r(at.x)}" y="${r(at.y)}" text-anchor="${anchor}">${content}</text>`;
}

export function dot(at: Point, radius: number, className: string): Markup {
  return html`<circle class="${className}" cx="${r(at.x)}" cy="${r(at.y)}" r="${radius}"/>`;
}

/** A filled triangle whose tip is at `at`, pointing right or left. */
export function arrowHead(at: Point, className: string, direction: 1 | -1 = 1): Markup {
  const back = at.x - 8 * direction;
  return html`<path class="${className}" d="M${r(at.x)} ${r(at.y)} L${r(back)} ${r(at.y - 4.5)} L${r(back)} ${r(at.y + 4.5)} Z"/>`;
}

/** A cross, for what ends there. */
export function cross(at: Point, size: number, className: string): Markup {
  const { x, y } = at;
  return html`<path class="${className}" d="M${r(x - size)} ${r(y - size)} L${r(x + size)} ${r(y + size)} M${r(x + size)} ${r(y - size)} L${r(x - size)} ${r(y + size)}"/>`;
}

export function rectangle(
  at: Point,
  size: { readonly width: number; readonly height: number },
  className: string,
  radius = 0,
): Markup {
  return html`<rect class="${className}" x="${r(at.x)}" y="${r(at.y)}" width="${r(Math.max(0, size.width))}" height="${r(size.height)}" rx="${radius}"/>`;
}

/** A drawing with its text: the title is its name, the description says what can be seen in it. */
export function drawing(options: {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly description: string;
  readonly content: Insertion;
}): Markup {
  const { id, width, height, title, description, content } = options;
  return html`<svg id="${id}" role="img" aria-labelledby="${id}-title ${id}-desc" viewBox="0 0 ${r(width)} ${r(height)}" width="${r(width)}" height="${r(height)}" xmlns="http://www.w3.org/2000/svg">
<title id="${id}-title">${title}</title>
<desc id="${id}-desc">${description}</desc>
${content}
</svg>`;
}

/** A tenth of a unit is finer than any screen shows. */
function r(value: number): number {
  return Math.round(value * 10) / 10;
}
