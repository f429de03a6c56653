/**
 * A verdict as JUnit XML, for pipelines: a test case for each connection, one for the control, and one
 * for the whole. A conviction is a failure; what could not be judged is an error.
 */
import { isConviction } from '../analysis/telling-frame.js';
import type { FlowReport, VerdictDocument, VerdictName } from '../analysis/verdict.js';
import { escapeHtml } from './escape.js';
import { checksumCell, deliveryCell, HEADINGS, portCell, seconds, unitOf } from './wording.js';

interface Case {
  readonly name: string;
  readonly outcome: 'passed' | 'failure' | 'error';
  readonly type: string;
  readonly message: string;
  readonly seconds: number;
  readonly details: readonly string[];
}

/** Renders the document. */
export function junitReport(verdict: VerdictDocument): string {
  const cases = [
    wholeCase(verdict),
    ...(verdict.control ? [controlCase(verdict.control)] : []),
    ...verdict.flows.map(flowCase),
  ];
  const count = (outcome: Case['outcome']) => cases.filter(own => own.outcome === outcome).length;
  const { name, version } = verdict.tool;
  const totals = `tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="${escapeXml(name)}" ${totals}>`,
    `  <testsuite name="${escapeXml(`${name} ${version}`)}" ${totals} skipped="0" time="${totalSeconds(cases)}">`,
    ...cases.flatMap(caseLines),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function totalSeconds(cases: readonly Case[]): string {
  return cases.reduce((total, { seconds: own }) => total + own, 0).toFixed(3);
}

function outcomeOf(verdict: VerdictName): Case['outcome'] {
  if (isConviction(verdict)) return 'failure';
  return verdict === 'inconclusive' || verdict === 'no-tunnel-traffic' ? 'error' : 'passed';
}

function wholeCase({ verdict, grade, summary, witnesses, warnings }: VerdictDocument): Case {
  return {
    name: 'verdict',
    outcome: outcomeOf(verdict),
    type: verdict,
    message: summary,
    seconds: 0,
    details: [
      `${HEADINGS[verdict]}${grade === 'none' ? '' : ` (${grade})`}`,
      ...witnesses.map(({ kind, statement }) => `${kind}: ${statement}`),
      ...warnings.map(warning => `note: ${warning}`),
    ],
  };
}

function controlCase(control: NonNullable<VerdictDocument['control']>): Case {
  return {
    name: `control ${control.source} to ${control.destination}`,
    outcome: control.clean ? 'passed' : 'error',
    type: 'control',
    message: control.statement,
    seconds: control.connectSeconds ?? 0,
    details: [],
  };
}

function flowCase(flow: FlowReport): Case {
  const { inner, verdict, because, delay, syns } = flow;
  const target = inner.service ? `${inner.service} (${inner.destination})` : inner.destination;
  return {
    name: `${inner.protocol} ${inner.source} to ${target}`,
    outcome: outcomeOf(verdict),
    type: verdict,
    message: because,
    seconds: delay?.connectSeconds ?? 0,
    details: syns.map(
      (syn, index) =>
        `${unitOf(flow)} ${index + 1} at ${seconds(syn.atSeconds)}: port ${portCell(syn)}, ` +
        `checksum ${checksumCell(syn) || 'not seen'}, ${deliveryCell(syn)}`,
    ),
  };
}

function caseLines(own: Case): string[] {
  const { name, outcome, type, message, details } = own;
  const head = `    <testcase classname="stalesum" name="${escapeXml(name)}" time="${own.seconds.toFixed(3)}"`;
  const text = details.map(escapeXml).join('\n');
  if (outcome === 'passed') {
    return text === ''
      ? [`${head}/>`]
      : [`${head}>`, `      <system-out>${text}</system-out>`, '    </testcase>'];
  }
  return [
    `${head}>`,
    `      <${outcome} type="${escapeXml(type)}" message="${escapeXml(message)}">${text}</${outcome}>`,
    '    </testcase>',
  ];
}

/** XML 1.0 has no way to hold U+FFFE and U+FFFF; all else that it cannot hold is no longer there. */
function escapeXml(text: string): string {
  return escapeHtml(text).replace(/[\uFFFE\uFFFF]/g, '\uFFFD');
}
