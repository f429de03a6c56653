/**
 * `report.md`: for a comment on a ticket. It begins with the sentence for the ticket's first line, can
 * be read as it stands, and is never longer than a comment of GitHub or Jira may be.
 */
import type { FlowReport, Witness } from '../analysis/verdict.js';
import type { ReportMaterial } from '../evidence/report-material.js';
import { arithmeticLines } from './arithmetic.js';
import { checkSteps } from './check-commands.js';
import { escapeMarkdown, markdownBlock } from './escape.js';
import {
  CAPTURE_HEAD,
  COUNTER_HEAD,
  captureRows,
  counterRows,
  environmentTable,
  type Row,
  RULE_HEAD,
  ruleRows,
  ruleSentence,
  synHead,
  synRows,
} from './facts.js';
import { keyFacts } from './key-facts.js';
import { limitsOf } from './limits.js';
import { fittedMarkdown, type MarkdownSection, sentence, shortText } from './markdown-sections.js';
import { markdownTable } from './markdown-table.js';
import { HEADINGS, odd } from './wording.js';

const MOST_SYNS = 40;
const MOST_ROWS = 40;
const MOST_FLOWS = 12;
const MOST_SENTENCES = 20;
const LONGEST_COMMAND = 1200;

/** Renders the report, ending in a newline. */
export function markdownReport(material: ReportMaterial): string {
  const { verdict } = material;
  const [flow] = verdict.flows;
  const grade = verdict.grade === 'none' ? '' : ` (${verdict.grade})`;
  const sections: MarkdownSection[] = [
    { title: `${capitalized(HEADINGS[verdict.verdict])}${grade}`, lines: factLines(material) },
    {
      title: flow?.inner.protocol === 'udp' ? 'Queries' : 'SYNs',
      lines: flow ? synLines(flow, material) : [],
    },
    { title: 'The arithmetic', lines: flow ? sumLines(flow, material) : [] },
    { title: 'What speaks for it', lines: witnessLines(verdict.witnesses) },
    { title: 'The rules that did it', lines: ruleLines(material) },
    { title: 'What to do', lines: cureLines(material) },
    { title: 'Counters before and after', lines: tableOf(COUNTER_HEAD, counterRows(material)) },
    { title: 'How to check it', lines: checkLines(material) },
    { title: 'Limits of this evidence', lines: bullets(limitsOf(material)) },
    { title: 'Other connections', lines: otherFlows(verdict.flows) },
    { title: 'Versions and settings', lines: environmentLines(material) },
    { title: 'Captures', lines: tableOf(CAPTURE_HEAD, captureRows(verdict)) },
  ];
  const { name, version } = verdict.tool;
  const tail = `Made by ${escapeMarkdown(`${name} ${version}`)}; report.html in the same bundle shows it in pictures.`;
  return fittedMarkdown(
    sentence(verdict.summary),
    sections.filter(({ lines }) => lines.length > 0),
    tail,
    'report.html',
  );
}

function factLines(material: ReportMaterial): string[] {
  return keyFacts(material).map(([label, value]) => `- **${label}:** ${sentence(value)}`);
}

function synLines(flow: FlowReport, { verdict }: ReportMaterial): string[] {
  const rows = synRows(flow, verdict);
  if (rows.length === 0) return [datagramText(flow)];
  return [
    ...markdownTable(synHead(flow), rows.slice(0, MOST_SYNS)),
    ...moreLine(rows.length - MOST_SYNS, 'more are in verdict.json'),
    '',
    datagramText(flow),
  ];
}

function datagramText({ datagrams }: FlowReport): string {
  const { total, ...states } = datagrams;
  const parts = Object.entries(states)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state}`);
  const counted = total === 1 ? '1 datagram' : `${total} datagrams`;
  return `${counted} of the connection in all: ${parts.join(', ') || 'none'}.`;
}

function sumLines(flow: FlowReport, { verdict }: ReportMaterial): string[] {
  const lines = arithmeticLines(flow, verdict.captures);
  if (lines.length === 0) return [];
  return [
    ...markdownBlock(lines),
    '',
    'One’s-complement sums are linear: a port that was changed under its checksum can be calculated back from it.',
  ];
}

function witnessLines(witnesses: readonly Witness[]): string[] {
  return witnesses.slice(0, MOST_ROWS).map(({ kind, statement, chance }) => {
    const odds = chance === undefined ? '' : ` (by chance: ${odd(chance)})`;
    return `- **${kind}:** ${sentence(statement)}${odds}`;
  });
}

function ruleLines(material: ReportMaterial): string[] {
  const said = ruleSentence(material);
  const { rule } = material.verdict;
  if (said === undefined || !rule) return [];
  const passes = [
    ['The inner packet met', ruleRows(material, 'inner')],
    ['The outer datagram met', ruleRows(material, 'outer')],
  ] as const;
  return [
    sentence(said),
    '',
    ...markdownBlock([shortText(rule.rule)]),
    ...passes.flatMap(([title, rows]) =>
      rows.length === 0 ? [] : ['', `${title}:`, '', ...tableOf(RULE_HEAD, rows)],
    ),
  ];
}

function environmentLines(material: ReportMaterial): string[] {
  const { head, rows } = environmentTable(material);
  return tableOf(head, rows);
}

function cureLines({ verdict: { recommendations } }: ReportMaterial): string[] {
  const shown = recommendations.slice(0, MOST_SENTENCES);
  const commands = shown.flatMap(({ command }) => command?.split('; ') ?? []);
  return [
    ...shown.map(
      ({ action, why, source }) =>
        `- **${sentence(action)}**: ${sentence(why)} (${sentence(source)})`,
    ),
    ...(commands.length === 0 ? [] : ['', ...markdownBlock(commands, 'sh')]),
  ];
}

function checkLines(material: ReportMaterial): string[] {
  const steps = checkSteps(material).filter(({ command }) => command.length <= LONGEST_COMMAND);
  if (steps.length === 0) return [];
  return [
    'With tshark and a calculator, in the folder of the bundle (`sh commands.txt` runs them all):',
    '',
    ...markdownBlock(
      steps.flatMap(({ title, command, expect }, index) => [
        ...(index === 0 ? [] : ['']),
        `# ${index + 1}. ${shortText(title)}`,
        ...(expect === null ? [] : [`#    expected: ${shortText(expect)}`]),
        command,
      ]),
      'sh',
    ),
  ];
}

function otherFlows(flows: readonly FlowReport[]): string[] {
  const others = flows.slice(1, 1 + MOST_FLOWS);
  if (others.length === 0) return [];
  return [
    ...markdownTable(
      ['connection', 'verdict', 'SYNs', 'connect time'],
      others.map(({ inner, verdict, grade, syns, delay }) => [
        `${inner.protocol} ${inner.source} to ${inner.service ?? inner.destination}`,
        grade === 'none' ? verdict : `${verdict}, ${grade}`,
        String(syns.length),
        delay?.connectSeconds == null ? '' : `${delay.connectSeconds.toFixed(3)} s`,
      ]),
    ),
    ...moreLine(flows.length - 1 - MOST_FLOWS, 'more are in verdict.json'),
  ];
}

function tableOf(head: Row, rows: readonly Row[]): string[] {
  if (rows.length === 0) return [];
  return [
    ...markdownTable(head, rows.slice(0, MOST_ROWS)),
    ...moreLine(rows.length - MOST_ROWS, 'more are in the bundle'),
  ];
}

function bullets(sentences: readonly string[]): string[] {
  return [
    ...sentences.slice(0, MOST_SENTENCES).map(text => `- ${sentence(text)}`),
    ...moreLine(sentences.length - MOST_SENTENCES, 'more are in report.html', '- '),
  ];
}

function moreLine(count: number, where: string, bullet = ''): string[] {
  if (count <= 0) return [];
  return bullet === '' ? ['', `${count} ${where}.`] : [`${bullet}${count} ${where}.`];
}

function capitalized(text: string): string {
  const lower = text.toLowerCase().replaceAll('snat', 'SNAT');
  return lower.charAt(0).toUpperCase() + lower.slice(1);
}
