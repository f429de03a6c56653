/**
 * `report.html`: the whole report as one file that asks nothing of any network, runs no script, and can
 * be read from disk, on paper, and aloud.
 */
import { createHash } from 'node:crypto';
import type { FlowReport } from '../../analysis/verdict.js';
import { drawnFlows, type ReportMaterial } from '../../evidence/report-material.js';
import { addressLabel, type Recovery, recoveryOf, wrappedText } from '../arithmetic.js';
import { checkSteps } from '../check-commands.js';
import {
  CAPTURE_HEAD,
  COUNTER_HEAD,
  captureRows,
  counterRows,
  environmentTable,
  framesText,
  type Row,
  RULE_HEAD,
  ruleRows,
  ruleSentence,
  synHead,
  synRows,
} from '../facts.js';
import { keyFacts } from '../key-facts.js';
import { limitsOf } from '../limits.js';
import { HEADINGS, isWrong, odd, plural, toneOf, unitOf } from '../wording.js';
import { datagramSection } from './bytes.js';
import { ladder } from './ladder.js';
import { html, type Insertion, type Markup, NOTHING, table } from './markup.js';
import { STYLE } from './style.js';
import { timeline } from './timeline.js';

/** Rows of a table that are shown; what is more is counted. */
const MOST_ROWS = 400;

interface Section {
  readonly id: string;
  readonly title: string;
  readonly content: Markup;
}

/** Renders the page. */
export function htmlReport(material: ReportMaterial): string {
  const { verdict } = material;
  const tone = toneOf(verdict.verdict);
  const heading = HEADINGS[verdict.verdict];
  const sections = [
    { id: 'facts', title: 'In short', content: facts(material) },
    { id: 'ladder', title: 'Every first packet on its way', content: ladders(material) },
    { id: 'timeline', title: 'The time it took', content: timelineSection(material) },
    { id: 'arithmetic', title: 'The arithmetic', content: arithmetic(material) },
    { id: 'witnesses', title: 'What speaks for it', content: witnesses(material) },
    { id: 'rules', title: 'The rules that did it', content: rules(material) },
    { id: 'counters', title: 'Counters before and after', content: counters(material) },
    { id: 'cure', title: 'What to do', content: cure(material) },
    { id: 'check', title: 'How to check it', content: check(material) },
    { id: 'flows', title: 'Other connections', content: otherFlows(material) },
    { id: 'environment', title: 'Versions and settings', content: environment(material) },
    { id: 'limits', title: 'Limits of this evidence', content: limits(material) },
  ].filter(({ content }) => content !== NOTHING);
  const { name, version } = verdict.tool;
  const page = html`<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy()}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${heading}: ${name} report</title>
<style>${{ kind: 'markup', text: STYLE }}</style>
</head>
<body>
<header>
<p class="made">${name} ${version}, evidence report</p>
<h1 class="${tone}">${heading}${grade(verdict.grade)}</h1>
<p class="lead ${tone}">${verdict.summary}</p>
</header>
<nav aria-label="Contents"><ul>${sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>
<main>
${sections.map(section)}</main>
<footer><p>Made by ${name} ${version} from the captures in this bundle. This page loads nothing and runs no script.</p></footer>
</body>
</html>
`;
  return `<!DOCTYPE html>\n${page.text}`;
}

/** Nothing may be loaded, run or sent; the one style sheet is known by its hash. */
function policy(): string {
  const hash = createHash('sha256').update(STYLE).digest('base64');
  return `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
}

function grade(name: string): Markup {
  return name === 'none' ? NOTHING : html` <span class="grade">${name}</span>`;
}

function section({ id, title, content }: Section): Markup {
  return html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${content}
</section>
`;
}

function facts(material: ReportMaterial): Markup {
  return html`<dl class="facts">${keyFacts(material).map(
    ([label, value]) => html`<dt>${label}</dt><dd>${value}</dd>\n`,
  )}</dl>`;
}

function ladders(material: ReportMaterial): Markup {
  const { verdict, sender, receiver } = material;
  const drawn = drawnFlows(verdict).filter(({ syns }) => syns.length > 0);
  if (drawn.length === 0) return NOTHING;
  return html`${drawn.map((flow, index) => {
    const heading =
      drawn.length === 1
        ? NOTHING
        : html`<h3>${flow.inner.source} to ${flow.inner.service ?? flow.inner.destination}: ${flow.verdict}</h3>\n`;
    return html`${heading}<figure>
<div class="scroll" role="region" aria-label="Ladder of ${flow.inner.source}" tabindex="0">
${ladder(`ladder-${index + 1}`, flow, verdict, { sender, receiver })}
</div>
${index === 0 ? html`<figcaption>Time runs downwards, not to scale. A dot is a capture that has the packet, the number is its frame there as Wireshark shows it.</figcaption>\n` : NOTHING}</figure>
${synTable(flow, material)}`;
  })}${more(verdict.flows.length - drawnFlows(verdict).length, 'connections are in verdict.json')}`;
}

function synTable(flow: FlowReport, { verdict }: ReportMaterial): Markup {
  return table({
    caption: `${plural(2, unitOf(flow))} of ${flow.inner.source}`,
    head: synHead(flow),
    rows: synRows(flow, verdict),
    toneOf: index => {
      const syn = flow.syns[index];
      return syn && isWrong(syn) ? 'bad' : syn?.delivered ? 'good' : '';
    },
  });
}

function timelineSection(material: ReportMaterial): Markup {
  const { verdict, entries, sender } = material;
  const [flow] = verdict.flows;
  if (!flow || flow.syns.length === 0) return NOTHING;
  const setting = verdict.environment?.nodes.find(({ node }) => node === sender)?.sysctls[
    'net.netfilter.nf_conntrack_udp_timeout'
  ];
  const timeout = Number(setting ?? Number.NaN);
  const timeoutSeconds = Number.isFinite(timeout) && timeout > 0 ? timeout : null;
  return html`<figure>
<div class="scroll" role="region" aria-label="Timeline" tabindex="0">
${timeline('timeline-1', { flow, entries, timeoutSeconds })}
</div>
<figcaption>${timelineCaption(entries.length, timeoutSeconds)}</figcaption>
</figure>
${flow.delay ? html`<p>${capitalized(flow.delay.explanation)}.</p>` : NOTHING}`;
}

function timelineCaption(entries: number, timeoutSeconds: number | null): string {
  const marks = 'To scale. A cross is lost, a diamond got through.';
  if (entries === 0) return `${marks} No conntrack events of the sender are in this evidence.`;
  const life =
    timeoutSeconds === null
      ? 'Each packet that meets an entry keeps it alive.'
      : `Each packet that meets an entry (upright strokes) keeps it alive for ${timeoutSeconds} s more.`;
  return `${marks} ${life}`;
}

function arithmetic(material: ReportMaterial): Markup {
  const { verdict, datagram } = material;
  const [flow] = verdict.flows;
  if (!flow) return NOTHING;
  const recovery = recoveryOf(flow, verdict.captures);
  const bytes =
    datagram && flow.outer ? datagramSection(datagram, flow.outer.destinationPort) : NOTHING;
  if (!recovery && bytes === NOTHING) return NOTHING;
  return html`${recovery ? calculation(recovery, unitOf(flow)) : mangledText(flow)}${bytes}`;
}

function mangledText({ outer }: FlowReport): Markup {
  if (!outer) return NOTHING;
  return html`<p>The VXLAN device sends no outer checksum: the field should be 0. A kernel before ea64d8d6c675 (Linux 5.7) takes the 0 for a checksum when it rewrites the port, and updates it; the receiver then verifies what stands there. The old port cannot be read from such a checksum.</p>\n`;
}

function calculation(recovery: Recovery, unit: string): Markup {
  const { number, frame, port, correct, stored, address, recovered } = recovery;
  const where = frame ? ` (${frame.capture}, frame ${frame.number})` : '';
  const row = (sign: string, what: string, value: number, className = '') =>
    html`<tr class="${className}"><td class="n">${sign}</td><th scope="row">${what}</th><td class="n">${value}</td><td class="n">${hexWord(value)}</td></tr>\n`;
  return html`<p>One’s-complement sums are linear. If only the port was changed, the checksum still tells the old one: <strong>old port = new port + checksum due − checksum carried</strong>, modulo 65535.${address ? ' Here the address was rewritten as well, and the kernel mended the checksum for it in the wrong sense: its difference counts twice.' : ''}</p>
<div class="scroll" role="region" aria-label="The recovery of the port" tabindex="0">
<table class="calc">
<caption>${unit} ${number}${where}</caption>
<thead><tr><th scope="col"><span aria-label="sign"> </span></th><th scope="col">what</th><th scope="col" class="n">decimal</th><th scope="col" class="n">hexadecimal</th></tr></thead>
<tbody>
${row('', 'source port in the header', port)}${row('+', 'checksum that its bytes call for', correct)}${row('−', 'checksum that it carries', stored)}${
  address ? row('+', addressLabel(address).slice(2), address.term) : NOTHING
}${row('=', `source port it was made for${wrappedText(recovery).replace(/^ {2}/, ': ')}`, recovered, 'result')}</tbody>
</table>
</div>
`;
}

function witnesses({ verdict }: ReportMaterial): Markup {
  if (verdict.witnesses.length === 0) return NOTHING;
  return table({
    caption: 'Witnesses, strongest first; those of the first four kinds name the port',
    head: ['witness', 'says', 'by chance', 'frames'],
    rows: verdict.witnesses.map(({ kind, statement, chance, frames }) => [
      kind,
      html`<div class="break">${statement}</div>`,
      chance === undefined ? '' : odd(chance),
      framesText(frames),
    ]),
  });
}

function rules(material: ReportMaterial): Markup {
  const { rule } = material.verdict;
  const said = ruleSentence(material);
  if (!rule || said === undefined) return NOTHING;
  return html`<p>${said}</p>
<pre class="wrap">${rule.rule}</pre>
${passTable('The rules that the inner packet met', ruleRows(material, 'inner'))}${passTable(
  'The rules that the outer datagram met',
  ruleRows(material, 'outer'),
)}`;
}

function passTable(caption: string, rows: readonly Row[]): Markup {
  if (rows.length === 0) return NOTHING;
  const cells = rows.map(([where = '', chain = '', effect = '', rule = '']) => [
    where,
    chain,
    effect,
    html`<div class="break"><code>${rule}</code></div>`,
  ]);
  return limited(cells, shown => table({ caption, head: RULE_HEAD, rows: shown }));
}

function counters(material: ReportMaterial): Markup {
  return rowsTable('Of the nodes’ kernels', COUNTER_HEAD, counterRows(material));
}

function cure({ verdict: { recommendations } }: ReportMaterial): Markup {
  if (recommendations.length === 0) return NOTHING;
  return html`<ol class="do">${recommendations.map(
    ({ action, command, why, source }) => html`<li>${action}.
${command === null ? NOTHING : html`<pre class="wrap">${command.split('; ').join('\n')}</pre>\n`}<span class="why">${capitalized(why)}. Source: ${source}</span></li>\n`,
  )}</ol>`;
}

function check(material: ReportMaterial): Markup {
  const steps = checkSteps(material);
  if (steps.length === 0) return NOTHING;
  return html`<p>With tshark and bc, in the folder of the bundle. The same commands are in commands.txt.</p>
<ol class="check">${steps.map(
    ({ title, command, expect }) => html`<li>${title}.
${expect === null ? NOTHING : html`<p class="expect">Expected: ${expect}</p>\n`}<pre class="wrap">${command}</pre></li>\n`,
  )}</ol>`;
}

function otherFlows({ verdict: { flows, delays } }: ReportMaterial): Markup {
  if (flows.length < 2) return NOTHING;
  const { count, delayed, p50, p90, p99, max } = delays;
  const figure = (value: number | null) => (value === null ? 'none' : `${value.toFixed(3)} s`);
  return html`<p>${count} connections, ${delayed} delayed: median ${figure(p50)}, 90 % ${figure(p90)}, 99 % ${figure(p99)}, longest ${figure(max)}.</p>
${limited(
  flows.map(({ inner, verdict, grade: graded, syns, delay }) => [
    `${inner.protocol} ${inner.source}`,
    inner.service ?? inner.destination,
    graded === 'none' ? verdict : `${verdict}, ${graded}`,
    String(syns.length),
    figure(delay?.connectSeconds ?? null),
  ]),
  shown =>
    table({
      caption: 'All connections, gravest first',
      head: ['from', 'to', 'verdict', 'first packets', 'connect time'],
      rows: shown,
    }),
)}`;
}

function environment(material: ReportMaterial): Markup {
  const { head, rows } = environmentTable(material);
  const captures = captureRows(material.verdict);
  return html`${rowsTable('Nodes', head, rows)}${rowsTable('Captures', CAPTURE_HEAD, captures)}`;
}

function limits(material: ReportMaterial): Markup {
  return html`<ul class="limits">${limitsOf(material).map(limit => html`<li>${limit}</li>\n`)}</ul>`;
}

function rowsTable(caption: string, head: Row, rows: readonly Row[]): Markup {
  if (rows.length === 0) return NOTHING;
  return limited(rows, shown => table({ caption, head, rows: shown }));
}

function limited(
  rows: readonly (readonly Insertion[])[],
  render: (shown: readonly (readonly Insertion[])[]) => Markup,
): Markup {
  return html`${render(rows.slice(0, MOST_ROWS))}${more(rows.length - MOST_ROWS, 'rows are in the bundle')}`;
}

function more(count: number, what: string): Markup {
  return count > 0 ? html`<p class="muted">${count} more ${what}.</p>` : NOTHING;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function hexWord(value: number): string {
  return value < 0 ? '' : `0x${value.toString(16).padStart(4, '0')}`;
}
