/**
 * Predictions on a terminal: the answer first, then the rule that decides, the rules that both passes
 * met, and what would change it. Services with one and the same answer are told together.
 */
import { createColors } from 'picocolors';
import type { VerdictName } from '../analysis/verdict.js';
import { printable } from '../output.js';
import type {
  NodeEnvironment,
  PredictedStep,
  Prediction,
  PredictionDocument,
} from '../rules/prediction.js';
import { columns, indent, wrap } from './text.js';

const HEADINGS: Readonly<Record<VerdictName, string>> = {
  'stale-checksum': 'STALE CHECKSUM TO BE EXPECTED',
  'mangled-checksum': 'MANGLED ZERO CHECKSUM TO BE EXPECTED',
  'double-snat-harmless': 'REWRITTEN A SECOND TIME, HARMLESS HERE',
  'not-rewritten': 'NOT REWRITTEN',
  'no-tunnel-traffic': 'NO TUNNEL TRAFFIC',
  inconclusive: 'UNCERTAIN',
  'no-fault': 'NO FAULT',
  'other-corruption': 'OTHER CORRUPTION',
};

/** What matters most comes first. */
const ORDER: readonly VerdictName[] = [
  'stale-checksum',
  'mangled-checksum',
  'inconclusive',
  'double-snat-harmless',
  'not-rewritten',
  'no-tunnel-traffic',
];

const WIDTH = 112;
const SHOWN_FLOWS = 8;

export function predictionReport(
  { predictions, gaps, environment, warnings }: PredictionDocument,
  { color }: { readonly color: boolean },
): string {
  const paint = color ? createColors() : createColors(false);
  const groups = grouped(predictions);
  const sections = groups.map(group => groupLines(group, paint));
  const none =
    predictions.length === 0 ? [['No service in these rules leads to another node.']] : [];
  const node = labelled('Node', environmentLines(environment));
  const contradictions = labelled('Contradictions', warnings.flatMap(bullet));
  const notes = labelled('Not known', [...gaps, ...assumptionsOf(predictions)].flatMap(bullet));
  return `${[...none, ...sections, contradictions, node, notes]
    .filter(lines => lines.length > 0)
    .map(lines => lines.join('\n'))
    .join('\n\n')}\n`;
}

function environmentLines({ kernel, kubeProxy, cni }: NodeEnvironment): string[] {
  return [
    ...(kernel ? [kernelLine(kernel)] : []),
    ...(kubeProxy ? [kubeProxyLine(kubeProxy)] : []),
    ...(cni.length > 0 ? [`CNI plugins: ${cni.join(', ')}`] : []),
  ].flatMap(line => wrap(printable(line), WIDTH - 2, 2));
}

function kernelLine(kernel: NonNullable<NodeEnvironment['kernel']>): string {
  const { release, distribution, leavesZeroChecksum, because } = kernel;
  const name = `Linux ${release}${distribution === null ? '' : ` (${distribution})`}`;
  switch (leavesZeroChecksum) {
    case true:
      return `${name} leaves a zero checksum alone: ${because}`;
    case false:
      return `${name} turns a zero checksum into 0xffff: ${because}`;
    case null:
      return `${name}, which may turn a zero checksum into 0xffff: ${because}`;
  }
}

function kubeProxyLine(kubeProxy: NonNullable<NodeEnvironment['kubeProxy']>): string {
  const { version, mode, carriesPr92035 } = kubeProxy;
  const name = `kube-proxy${version === null ? '' : ` ${version}`}`;
  const inMode = mode === null ? '' : ` in ${mode} mode`;
  switch (carriesPr92035) {
    case true:
      return `${name}${inMode} takes the masquerade mark off (PR 92035)`;
    case false:
      return `${name}${inMode} does not take the masquerade mark off (before PR 92035)`;
    case null:
      return `${name}${inMode}`;
  }
}

interface Group {
  readonly example: Prediction;
  readonly flows: readonly Prediction['flow'][];
}

function grouped(predictions: readonly Prediction[]): Group[] {
  const groups = new Map<string, { example: Prediction; flows: Prediction['flow'][] }>();
  for (const prediction of predictions) {
    const { verdict, decidingRule, certain, flow } = prediction;
    const key = `${verdict} ${certain} ${decidingRule?.file} ${decidingRule?.line} ${decidingRule?.rule}`;
    const group = groups.get(key) ?? { example: prediction, flows: [] };
    group.flows.push(flow);
    groups.set(key, group);
  }
  const rank = ({ example }: Group) => ORDER.indexOf(example.verdict);
  return [...groups.values()].sort((a, b) => rank(a) - rank(b));
}

function groupLines({ example, flows }: Group, paint: ReturnType<typeof createColors>): string[] {
  const { verdict, certain, because, decidingRule, outcomes } = example;
  const tone = toneOf(verdict);
  const title = paint.bold(paint[tone](HEADINGS[verdict]));
  const blocks = [
    [`${title}${certain || verdict === 'inconclusive' ? '' : '  (not certain)'}`],
    indent(flowLines(flows)),
    wrap(printable(sentence(because)), WIDTH),
    decidingRule ? labelled('Deciding rule', ruleLines(decidingRule)) : [],
    labelled(
      'It depends',
      outcomes.flatMap(outcome =>
        bullet(`${outcome.if}: ${rewriteText(outcome.outerSourcePortRewritten)}`),
      ),
    ),
    passLines('Inner packet', example, 'inner'),
    passLines('Outer datagram', example, 'outer'),
    labelled(
      'What would change it',
      example.recommendations.flatMap(({ action, command }) => [
        ...bullet(action),
        ...(command ? [`    ${printable(command)}`] : []),
      ]),
    ),
  ];
  return blocks
    .filter(lines => lines.length > 0)
    .flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));
}

function toneOf(verdict: VerdictName): 'red' | 'green' | 'yellow' {
  if (verdict === 'stale-checksum' || verdict === 'mangled-checksum') return 'red';
  return verdict === 'inconclusive' || verdict === 'no-tunnel-traffic' ? 'yellow' : 'green';
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function rewriteText(rewritten: boolean | null): string {
  if (rewritten === null) return 'not known';
  return rewritten ? 'the outer port is rewritten' : 'the outer port stays';
}

function flowLines(flows: readonly Prediction['flow'][]): string[] {
  const rows = flows
    .slice(0, SHOWN_FLOWS)
    .map(({ protocol, from, target, service, endpoints }) => [
      protocol,
      from,
      `-> ${target}`,
      printable(service ?? ''),
      endpoints.length === 0 ? '' : `-> ${endpoints.join(', ')}`,
    ]);
  const more = flows.length - SHOWN_FLOWS;
  return [...columns(rows), ...(more > 0 ? [`and ${more} more: see --json`] : [])];
}

function ruleLines({
  table,
  chain,
  rule,
  file,
  line,
}: NonNullable<Prediction['decidingRule']>): string[] {
  const where = line === null ? file : `${file}:${line}`;
  return [
    printable([where, table, chain].filter(part => part !== '').join('  ')),
    ...wrap(printable(rule), WIDTH - 2, 2),
  ];
}

function passLines(label: string, { steps }: Prediction, pass: 'inner' | 'outer'): string[] {
  const own = steps.filter(step => step.pass === pass);
  const rows = own.filter((step, index) => leadsSomewhere(step, own[index + 1])).map(stepRow);
  if (rows.length === 0) return [];
  return [label, ...indent(columns(rows))];
}

/** Jumps into chains where nothing matched are in the JSON. */
function leadsSomewhere({ effect }: PredictedStep, next: PredictedStep | undefined): boolean {
  const target = /^(?:on )?to (\S+)$/.exec(effect)?.[1];
  return effect !== 'nothing' && (target === undefined || next?.chain === target);
}

function stepRow({ file, line, chain, effect, mark }: PredictedStep): string[] {
  const where = line === null ? file : `${file}:${line}`;
  return [printable(where), printable(chain), `mark ${mark}`, printable(effect)];
}

function assumptionsOf(predictions: readonly Prediction[]): string[] {
  return [...new Set(predictions.flatMap(({ assumptions }) => assumptions))];
}

function bullet(text: string): string[] {
  return wrap(`- ${printable(text)}`, WIDTH - 2, 2);
}

function labelled(label: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [label, ...indent(lines)];
}
