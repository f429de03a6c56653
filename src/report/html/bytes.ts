/** One convicted datagram: its bytes with the fields marked, and its checksum carried out line by line. */
import { hex16 } from '../../analysis/verdict.js';
import type { ShownDatagram } from '../../evidence/report-material.js';
import { type SumLine, type WrittenSum, writtenSum } from '../checksum-sum.js';
import { type Dissection, dissect, type Field, type LayerName } from '../dissection.js';
import { html, type Markup, NOTHING, table } from './markup.js';

const LAYER_NAMES: Readonly<Record<LayerName | 'pseudo-header', string>> = {
  link: 'link layer',
  'outer-ip': 'outer IP',
  'outer-udp': 'outer UDP',
  tunnel: 'tunnel header',
  'inner-link': 'inner Ethernet',
  'inner-ip': 'inner IP',
  'inner-transport': 'inner TCP or UDP',
  payload: 'payload',
  'pseudo-header': 'pseudo-header',
};

const BYTES_IN_LINE = 16;
/** Lines of the dump that are shown; a first packet has some ten. */
const MOST_LINES = 40;

/** The dump, the fields, and the sum; nothing where the datagram cannot be taken apart. */
export function datagramSection(datagram: ShownDatagram, tunnelPort: number): Markup {
  const dissection = dissect(datagram, tunnelPort);
  if (!dissection) return NOTHING;
  const sum = writtenSum(dissection);
  return html`<h3>Its bytes</h3>
<p>Frame ${datagram.number} of ${datagram.capture}, ${datagram.originalLength} bytes on the wire.</p>
${legend(dissection)}
${dump(dissection)}
${fieldTable(dissection)}
${sum ? sumTable(sum) : NOTHING}`;
}

function legend({ fields }: Dissection): Markup {
  const present = [...new Set(fields.map(({ layer }) => layer))];
  const marks = [
    ['m-source-port', 'source port: rewritten'],
    ['m-checksum', 'checksum: left behind'],
    ['m-pseudo-header', 'counted in the pseudo-header'],
  ] as const;
  return html`<ul class="legend">${present.map(
    layer => html`<li><span class="key ${layer}">${LAYER_NAMES[layer]}</span></li>`,
  )}${marks.map(([mark, name]) => html`<li><span class="key ${mark}">${name}</span></li>`)}</ul>`;
}

function dump({ bytes, fields }: Dissection): Markup {
  const lines: Markup[] = [];
  for (let at = 0; at < bytes.length && lines.length < MOST_LINES; at += BYTES_IN_LINE) {
    const end = Math.min(at + BYTES_IN_LINE, bytes.length);
    const spans = fields
      .filter(field => field.start < end && field.end > at)
      .map(field => fieldSpan(bytes, field, Math.max(field.start, at), Math.min(field.end, end)));
    lines.push(html`<span class="off">${at.toString(16).padStart(4, '0')}</span>  ${spans}\n`);
  }
  const left = bytes.length - lines.length * BYTES_IN_LINE;
  const more = left > 0 ? html`<span class="off">${left} more bytes</span>\n` : NOTHING;
  return html`<div class="scroll" role="region" aria-label="The bytes of the datagram" tabindex="0"><pre class="hex">${lines}${more}</pre></div>`;
}

function fieldSpan(
  bytes: Uint8Array,
  { layer, name, mark }: Field,
  start: number,
  end: number,
): Markup {
  const digits = [...bytes.subarray(start, end)]
    .map(byte => byte.toString(16).padStart(2, '0'))
    .join(' ');
  const classes = mark === null ? `b ${layer}` : `b ${layer} m-${mark}`;
  return html`<span class="${classes}" title="${LAYER_NAMES[layer]}: ${name}">${digits}</span> `;
}

function fieldTable({ fields }: Dissection): Markup {
  const marked = fields.filter(({ mark }) => mark !== null);
  return table({
    caption: 'The fields that count',
    head: ['field', 'at byte', 'value'],
    rows: marked.map(({ layer, name, start, value }) => [
      `${LAYER_NAMES[layer]}: ${name}`,
      start,
      value,
    ]),
  });
}

function sumTable(sum: WrittenSum): Markup {
  const { lines, folds, correct, stored, completed } = sum;
  const last = folds.at(-1) ?? 0;
  const row = (label: string, value: string, className = '') =>
    html`<tr class="${className}"><th scope="row" colspan="4">${label}</th><td class="n">${value}</td></tr>\n`;
  const [, ...carried] = folds;
  return html`<h3>Its checksum, line by line</h3>
<p>The UDP checksum is the complement of the one’s-complement sum of these 16-bit words (RFC 768, RFC 1071). Words, sums and totals are hexadecimal.</p>
${
  completed
    ? html`<p>The inner checksum was left for the NIC to finish: the capture holds ${hex16(completed.captured)}, and the ${hex16(completed.counted)} that the NIC sends is what counts.</p>`
    : NOTHING
}
<div class="scroll" role="region" aria-label="The sum" tabindex="0">
<table class="sum">
<caption>The words that are summed, at most eight a line</caption>
<thead><tr><th scope="col">part</th><th scope="col">what</th><th scope="col">words</th><th scope="col" class="n">sum of the line</th><th scope="col" class="n">total</th></tr></thead>
<tbody>
${lines.map(sumRow)}${carried.map((fold, index) =>
  row('carry folded into 16 bits', hexTotal(fold), index === 0 ? 'result' : ''),
)}${row('complement: the checksum that these bytes call for', hex16(correct), carried.length === 0 ? 'result' : '')}${row('the checksum that the datagram carries', hex16(stored), 'bad')}</tbody>
</table>
</div>
<p>${hex16(0xffff & ~last)} is not ${hex16(stored)}: a receiver that verifies it counts a checksum error and drops the datagram.</p>`;
}

function sumRow({ layer, what, words, sum, total }: SumLine): Markup {
  return html`<tr><th scope="row">${LAYER_NAMES[layer]}</th><td>${what}</td><td class="w">${words.join(' ')}</td><td class="n">${hexTotal(sum)}</td><td class="n">${hexTotal(total)}</td></tr>\n`;
}

function hexTotal(value: number): string {
  return value.toString(16).padStart(4, '0');
}
