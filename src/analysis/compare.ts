/** Two verdicts side by side: what changed, and whether it is a cure. */
import { TOOL } from '../version.js';
import type { FlowReport, VerdictDocument, VerdictName } from './verdict.js';

export const COMPARISON_SCHEMA = 'stalesum.comparison/1';

export type Outcome = 'fixed' | 'equal' | 'worse' | 'not-fixed' | 'not-comparable';

export interface Change {
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

interface Named {
  readonly name: string;
  readonly verdict: VerdictDocument;
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
    changes: changesBetween(a.verdict, b.verdict),
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
  const facts = [factsOf(a), factsOf(b)];
  const names = new Set(facts.flatMap(map => [...map.keys()]));
  return [...names].flatMap(what => {
    const [before = 'not known', after = 'not known'] = facts.map(map => map.get(what));
    return before === after ? [] : [{ what, a: before, b: after }];
  });
}

/** Facts worth comparing, by name. Ports and times differ from run to run, so they are no facts here. */
function factsOf(verdict: VerdictDocument): Map<string, string> {
  const facts = new Map<string, string>([
    ['verdict', `${verdict.verdict}, ${verdict.grade}`],
    ...flowFacts(verdict.flows[0]),
  ]);
  const { count, delayed, max } = verdict.delays;
  facts.set('connections delayed', `${delayed} of ${count}`);
  if (max !== null) facts.set('longest connect time', `${max.toFixed(1)} s`);
  for (const { node, kernel, vxlan, sysctls } of verdict.environment?.nodes ?? []) {
    if (kernel) facts.set(`${node}: kernel`, kernel);
    for (const device of vxlan) {
      const { udpChecksum, sourcePorts } = device;
      if (udpChecksum !== undefined) {
        facts.set(`${node}: ${device.name}`, udpChecksum ? 'udpcsum' : 'noudpcsum');
      }
      if (sourcePorts) {
        facts.set(`${node}: ${device.name} srcport`, `${sourcePorts.low} ${sourcePorts.high}`);
      }
    }
    for (const [name, value] of Object.entries(sysctls)) facts.set(`${node}: ${name}`, value);
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
