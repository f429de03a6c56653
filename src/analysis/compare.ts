/** Two verdicts side by side: what changed, and whether it is a cure. */

import type { NodeFacts } from '../snapshot/node-facts.js';
import { TOOL } from '../version.js';
import { type NodeChange, nodeChanges, type RuleChanges, ruleChanges } from './compare-nodes.js';
import type { FlowReport, VerdictDocument, VerdictName } from './verdict.js';

export const COMPARISON_SCHEMA = 'stalesum.comparison/1';

export type Outcome = 'fixed' | 'equal' | 'worse' | 'not-fixed' | 'not-comparable';

export interface Change {
  /** `result`: of the verdict and its connection; `device`: a kernel or a VXLAN device. */
  readonly kind: 'result' | 'device' | NodeChange['kind'];
  readonly what: string;
  readonly a: string;
  readonly b: string;
}

export interface Comparison {
  readonly schema: typeof COMPARISON_SCHEMA;
  readonly tool: { readonly name: string; readonly version: string };
  readonly outcome: Outcome;
  readonly exitCode: number;
  /** One sentence. */
  readonly summary: string;
  readonly a: Compared;
  readonly b: Compared;
  /** What is not the same; the verdict first. */
  readonly changes: readonly Change[];
  /** Rules that are not the same, where both sides saved them. */
  readonly rules: RuleChanges;
}

export interface Compared {
  readonly name: string;
  readonly verdict: VerdictName;
  readonly grade: string;
  /** What the gravest connection went to. */
  readonly target: string | null;
}

/** 0 fixed or equal, 1 worse or still affected, 2 not comparable. */
const EXIT_CODES: Readonly<Record<Outcome, number>> = {
  fixed: 0,
  equal: 0,
  worse: 1,
  'not-fixed': 1,
  'not-comparable': 2,
};

export interface Named {
  readonly name: string;
  readonly verdict: VerdictDocument;
  /** What its nodes said of themselves; empty for captures alone. */
  readonly nodes: readonly NodeFacts[];
}

/** Compares two verdicts: `a` before a change, `b` behind it. */
export function compareVerdicts(a: Named, b: Named): Comparison {
  const [first, second] = [compared(a), compared(b)];
  const { outcome, summary } = judge(a, b);
  return {
    schema: COMPARISON_SCHEMA,
    tool: TOOL,
    outcome,
    exitCode: EXIT_CODES[outcome],
    summary,
    a: first,
    b: second,
    changes: [...changesBetween(a.verdict, b.verdict), ...nodeChanges(a.nodes, b.nodes)],
    rules: ruleChanges(a.nodes, b.nodes),
  };
}

function compared({ name, verdict }: Named): Compared {
  return {
    name,
    verdict: verdict.verdict,
    grade: verdict.grade,
    target: targetOf(verdict) ?? null,
  };
}

function targetOf({ flows }: VerdictDocument): string | undefined {
  const [flow] = flows;
  return flow && `${flow.inner.protocol} ${flow.inner.service ?? flow.inner.destination}`;
}

/** All that the connection may be called by: one input may know the service, the other only the pod. */
function targetNames(flow: FlowReport): string[] {
  const { protocol, destination, service } = flow.inner;
  return [destination, ...(service ? [service] : [])].map(name => `${protocol} ${name}`);
}

function judge(a: Named, b: Named): { outcome: Outcome; summary: string } {
  const notComparable = (reason: string) => ({
    outcome: 'not-comparable' as const,
    summary: `Not comparable: ${reason}.`,
  });
  for (const { name, verdict } of [a, b]) {
    const { verdict: kind } = verdict;
    if (kind === 'inconclusive' || kind === 'no-tunnel-traffic') {
      return notComparable(`${name} is ${kind}`);
    }
  }
  const [flowA, flowB] = [a.verdict.flows[0], b.verdict.flows[0]];
  if (!flowA || !flowB || !targetNames(flowA).some(name => targetNames(flowB).includes(name))) {
    return notComparable(
      `different targets, ${targetOf(a.verdict) ?? 'none'} and ${targetOf(b.verdict) ?? 'none'}`,
    );
  }
  const [before, after] = [isAffected(a.verdict), isAffected(b.verdict)];
  const verdicts = `${a.verdict.verdict} (${a.verdict.grade}) before, ${b.verdict.verdict} (${b.verdict.grade}) after`;
  if (before && after) return { outcome: 'not-fixed', summary: `Not fixed: ${verdicts}.` };
  if (before) return { outcome: 'fixed', summary: `Fixed: ${verdicts}.` };
  if (after) return { outcome: 'worse', summary: `Worse: ${verdicts}.` };
  return { outcome: 'equal', summary: `Not affected, neither before nor after: ${verdicts}.` };
}

function isAffected({ verdict }: VerdictDocument): boolean {
  return ['stale-checksum', 'mangled-checksum', 'other-corruption'].includes(verdict);
}

function changesBetween(a: VerdictDocument, b: VerdictDocument): Change[] {
  return [
    ...changesOf('result', resultFacts(a), resultFacts(b)),
    ...changesOf('device', deviceFacts(a), deviceFacts(b)),
  ];
}

function changesOf(
  kind: Change['kind'],
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): Change[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].flatMap(what => {
    const [was, is] = [before, after].map(facts => facts.get(what) ?? 'not known');
    return was === is ? [] : [{ kind, what, a: was!, b: is! }];
  });
}

/** Facts worth comparing, by name. Ports and times differ from run to run, so they are no facts here. */
function resultFacts(verdict: VerdictDocument): Map<string, string> {
  const { count, delayed, max } = verdict.delays;
  return new Map<string, string>([
    ['verdict', `${verdict.verdict}, ${verdict.grade}`],
    ...flowFacts(verdict.flows[0]),
    ['connections delayed', `${delayed} of ${count}`],
    ...(max === null ? [] : [['longest connect time', `${max.toFixed(1)} s`] as const]),
  ]);
}

function deviceFacts({ environment }: VerdictDocument): Map<string, string> {
  const facts = new Map<string, string>();
  for (const { node, vxlan } of environment?.nodes ?? []) {
    for (const { name, udpChecksum, sourcePorts } of vxlan) {
      if (udpChecksum !== undefined) {
        facts.set(`${node}: ${name}`, udpChecksum ? 'udpcsum' : 'noudpcsum');
      }
      if (sourcePorts) {
        facts.set(`${node}: ${name} srcport`, `${sourcePorts.low} ${sourcePorts.high}`);
      }
    }
  }
  return facts;
}

function flowFacts(flow: FlowReport | undefined): [string, string][] {
  if (!flow) return [];
  const { outer, syns, datagrams } = flow;
  const { total, ...states } = datagrams;
  const present = Object.entries(states).filter(([, count]) => count > 0);
  const rewritten =
    outer?.sourcePortBefore == null
      ? 'not known'
      : outer.sourcePortBefore === outer.sourcePortAfter
        ? 'no'
        : 'yes';
  return [
    ['outer source port rewritten', rewritten],
    ['SYNs sent', String(syns.length)],
    ['outer checksums', present.map(([state]) => state).join(', ') || 'none'],
    ['first SYN', syns[0]?.checksum?.state ?? 'not seen'],
    ['first SYN delivered', String(syns[0]?.delivered ?? 'not known')],
  ];
}
