/**
 * The report on a terminal: the verdict, the table of SYNs, the arithmetic of one datagram in full,
 * what else speaks for it, and what to do. Plain text below 120 columns.
 */
import { createColors } from 'picocolors';
import { VIRTUAL_MACHINE_TEXTS } from '../analysis/input.js';
import type { FlowReport, VerdictDocument, Witness } from '../analysis/verdict.js';
import { printable } from '../output.js';
import { arithmeticLines } from './arithmetic.js';
import { histogramLines } from './histogram.js';
import { columns, indent, shortened, wrap } from './text.js';
import { checksumCell, deliveryCell, HEADINGS, odd, portCell, toneOf, unitOf } from './wording.js';

export interface TerminalOptions {
  /** False: never; true: where the terminal and NO_COLOR allow it. */
  readonly color: boolean;
  /** Where the recording was kept. */
  readonly evidence?: string | undefined;
}

const WIDTH = 112;
/** Flows shown in full; the others are in the JSON document. */
const SHOWN_FLOWS = 3;

/** Renders the whole report, ending in a newline. */
export function terminalReport(verdict: VerdictDocument, options: TerminalOptions): string {
  const paint = options.color ? createColors() : createColors(false);
  const heading = HEADINGS[verdict.verdict];
  const tone = toneOf(verdict.verdict);
  const grade = verdict.grade === 'none' ? '' : verdict.grade;
  const gap = ' '.repeat(Math.max(2, 100 - heading.length - grade.length));
  const title = `${paint.bold(paint[tone](heading))}${gap}${grade}`.trimEnd();
  const sections = [
    originLines(verdict),
    [title],
    wrap(verdict.summary, WIDTH),
    ...flowSections(verdict),
    witnessLines(verdict.witnesses),
    ruleLines(verdict),
    lookAlikeLines(verdict.flows),
    delayLines(verdict.flows[0]),
    indent(histogramLines(verdict.delays, verdict.flows)),
    labelled('What to do', recommendationLines(verdict)),
    labelled('Note', verdict.warnings.flatMap(bullet)),
    labelled('Captures', [...captureLines(verdict), ...clockLines(verdict)]),
    options.evidence === undefined ? [] : [`Evidence  ${printable(options.evidence)}`],
  ];
  // Whatever an input could bring in: nothing but the title may hold a control character.
  const clean = (line: string) => (line === title ? line : printable(line));
  const text = sections.filter(lines => lines.length > 0).map(lines => lines.map(clean).join('\n'));
  return `${text.join('\n\n')}\n`;
}

/** What was examined: the lab or the input, the control, and the connection. */
function originLines({ environment, captures, control, flows }: VerdictDocument): string[] {
  const lines: string[] = [];
  const add = (label: string, text: string) =>
    lines.push(...wrap(`${label.padEnd(9)}${printable(text)}`, WIDTH, 9));
  if (environment?.title) {
    const [client] = environment.nodes;
    const kernel = client?.kernel ? `Linux ${client.kernel}` : 'kernel not known';
    const machine =
      environment.machine === null ? '' : `, ${VIRTUAL_MACHINE_TEXTS[environment.machine]}`;
    const emulated = environment.emulated ? ', emulated' : '';
    add('lab', `${environment.title} (${kernel}${machine}${emulated})`);
  } else add('input', inputText(captures.length, environment));
  if (control) {
    const state = control.clean ? 'clean' : 'NOT CLEAN';
    add('control', `${control.source} -> ${control.destination}: ${state}: ${control.statement}`);
  }
  const [flow] = flows;
  if (environment?.title && flow) add('connect', connectText(flow));
  return lines;
}

function inputText(captures: number, environment: VerdictDocument['environment']): string {
  const files = captures === 1 ? '1 capture' : `${captures} captures`;
  const nodes = environment?.nodes ?? [];
  if (nodes.length === 0)
    return `${files}, no snapshots (conntrack of the sender would be a witness)`;
  const parts = nodes.map(({ node, parts: names }) => `${node} (${names.join(', ')})`);
  return `${files}; snapshots of ${parts.join(' and ')}`;
}

function connectText({ inner, delay }: FlowReport): string {
  const target = inner.service ? `${inner.service} -> ${inner.destination}` : inner.destination;
  if (!delay) return target;
  if (delay.connectSeconds === null) return `${target} did not connect`;
  return `${target} connected after ${delay.connectSeconds.toFixed(3)} s`;
}

function captureLines({ captures }: VerdictDocument): string[] {
  return columns(
    captures.map(({ name, role, interface: device, frames, truncated, kernelDrops }) => [
      shortened(printable(name), 60),
      role,
      shortened(printable(device ?? ''), 16),
      `${frames} frames${truncated ? ', cut off' : ''}${kernelDrops ? `, ${kernelDrops} dropped` : ''}`,
    ]),
  );
}

/** Clocks of one machine, or well kept ones, are not worth a line. */
const NOTED_OFFSET_SECONDS = 0.005;

function clockLines({ clocks }: VerdictDocument): string[] {
  return clocks
    .filter(({ offsetSeconds }) => Math.abs(offsetSeconds) > NOTED_OFFSET_SECONDS)
    .flatMap(({ reference, other, offsetSeconds, uncertaintySeconds, driftPpm, packets }) => {
      const uncertain =
        uncertaintySeconds === null
          ? ', transit included'
          : ` +/- ${uncertaintySeconds.toFixed(6)} s`;
      const drift = driftPpm === null ? '' : `, drift ${driftPpm.toFixed(1)} ppm`;
      const text =
        `clock of ${other} is ${Math.abs(offsetSeconds).toFixed(6)} s ${offsetSeconds > 0 ? 'ahead of' : 'behind'} ` +
        `${reference}${uncertain}${drift}, by ${packets} packets that both show`;
      return wrap(printable(text), WIDTH, 2);
    });
}

function flowSections({ flows, captures }: VerdictDocument): string[][] {
  const shown = flows
    .slice(0, SHOWN_FLOWS)
    .flatMap((flow, index) => [
      flowLines(flow, index > 0),
      index === 0 ? indent(arithmeticLines(flow, captures)) : [],
    ]);
  const more = flows.length - SHOWN_FLOWS;
  if (more > 0) shown.push([`  ${more} more connections: see --json`]);
  return shown;
}

function flowLines(flow: FlowReport, withTitle: boolean): string[] {
  const title = `${flow.inner.protocol} ${flow.inner.source} -> ${flow.inner.destination}: ${flow.verdict}`;
  const head = withTitle ? indent(wrap(printable(title), WIDTH, 2)) : [];
  if (flow.syns.length === 0) return [...head, ...datagramLine(flow)];
  const rows = flow.syns.map((syn, index) => [
    String(index + 1),
    `${syn.atSeconds.toFixed(3)} s`,
    portCell(syn),
    checksumCell(syn),
    deliveryCell(syn),
  ]);
  const header = [unitOf(flow), 'time', 'outer source port', 'UDP checksum', 'at the receiver'];
  return [...head, ...indent(columns([header, ...rows]))];
}

function datagramLine({ datagrams }: FlowReport): string[] {
  const { total, ...states } = datagrams;
  const parts = Object.entries(states).filter(([, count]) => count > 0);
  return [`  ${total} datagrams: ${parts.map(([state, count]) => `${count} ${state}`).join(', ')}`];
}

function witnessLines(witnesses: readonly Witness[]): string[] {
  if (witnesses.length === 0) return [];
  const width = Math.max(...witnesses.map(({ kind }) => kind.length)) + 2;
  return witnesses.flatMap(({ kind, statement, chance }) => {
    const odds = chance === undefined ? '' : `  (by chance: ${odd(chance)})`;
    return wrap(`${kind.padEnd(width)}${printable(statement)}${odds}`, WIDTH, width).map(
      line => `  ${line}`,
    );
  });
}

function ruleLines({ rule }: VerdictDocument): string[] {
  if (!rule) return [];
  const place = `${rule.node}, ${rule.file}${rule.line === null ? '' : `:${rule.line}`}`;
  return wrap(`Rule   ${place}: ${printable(rule.rule)}`, WIDTH, 7).map(line => `  ${line}`);
}

function lookAlikeLines(flows: readonly FlowReport[]): string[] {
  const found = flows.find(({ lookAlike }) => lookAlike !== null)?.lookAlike;
  return found ? wrap(`Looks like  ${found}`, WIDTH, 12).map(line => `  ${line}`) : [];
}

function delayLines(flow: FlowReport | undefined): string[] {
  const delay = flow?.delay;
  if (!delay || delay.retransmits === 0) return [];
  const took =
    delay.connectSeconds === null ? 'not connected' : `${delay.connectSeconds.toFixed(3)} s`;
  const predicted =
    delay.predictedSeconds === null
      ? ''
      : ` (lost ${delay.lostSeconds?.toFixed(3) ?? 'all'} s, predicted ${delay.predictedSeconds} s)`;
  return wrap(`Delay  ${took}${predicted}: ${delay.explanation}`, WIDTH, 7).map(
    line => `  ${line}`,
  );
}

function recommendationLines({ recommendations }: VerdictDocument): string[] {
  return recommendations.flatMap(({ action, command }) => [
    ...bullet(action),
    ...(command?.split('; ') ?? []).map(line => `    ${printable(line)}`),
  ]);
}

function bullet(text: string): string[] {
  return wrap(`- ${printable(text)}`, WIDTH, 2);
}

function labelled(label: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [label, ...indent(lines)];
}
