/** From what a lab said to a row of the matrix. */
import type { VerdictDocument, VerdictName } from '../analysis/verdict.js';
import type { Protocol } from '../lab/layout.js';
import type { Retransmits } from '../lab/retransmits.js';
import type { Scenario } from '../lab/scenario.js';
import type { Prediction } from '../rules/prediction.js';
import type { MatrixDetail, MatrixRow } from './document.js';

/** What a lab's program prints for each of its rows, as a line of JSON. */
export interface LabResult {
  readonly protocol: Protocol;
  readonly verdict: VerdictDocument;
  readonly prediction: Prediction;
  /** Whether node A's conntrack translated the tunnel's source port; null where it saw no datagram. */
  readonly conntrackRewrote: boolean | null;
}

export interface RowPlace {
  readonly scenario: Scenario;
  readonly group: string;
  readonly protocol: Protocol;
  readonly retransmits: Retransmits;
}

export function rowOf(
  { scenario, protocol, retransmits }: RowPlace,
  { verdict, prediction, conntrackRewrote }: LabResult,
): MatrixRow {
  const [flow] = verdict.flows;
  const [first] = flow?.syns ?? [];
  const rewritten = measuredRewrite(verdict) ?? conntrackRewrote;
  return {
    scenario: scenario.name,
    protocol,
    retransmits,
    predicted: prediction.verdict,
    measured: verdict.verdict,
    grade: verdict.grade,
    agrees: agreement(prediction, verdict.verdict, rewritten),
    outerSourcePortRewritten: rewritten,
    checksum: first?.checksum?.state ?? null,
    delivered: first?.delivered ?? null,
    delaySeconds: flow?.delay?.connectSeconds ?? null,
  };
}

export function detailOf(
  { scenario, group, protocol }: RowPlace,
  { verdict, prediction }: LabResult,
): MatrixDetail {
  const [flow] = verdict.flows;
  return {
    scenario: scenario.name,
    protocol,
    group,
    title: scenario.title,
    emulated: scenario.emulated,
    predictedBecause: prediction.because,
    measuredBecause: flow?.because ?? verdict.summary,
    lookAlike: flow?.lookAlike ?? null,
    fault: null,
  };
}

/** The row of a lab that could not be run. */
export function failedRow({ scenario, protocol, retransmits }: RowPlace): MatrixRow {
  return {
    scenario: scenario.name,
    protocol,
    retransmits,
    predicted: 'inconclusive',
    measured: 'inconclusive',
    grade: 'none',
    agrees: null,
    outerSourcePortRewritten: null,
    checksum: null,
    delivered: null,
    delaySeconds: null,
  };
}

export function failedDetail({ scenario, group, protocol }: RowPlace, fault: string): MatrixDetail {
  return {
    scenario: scenario.name,
    protocol,
    group,
    title: scenario.title,
    emulated: scenario.emulated,
    predictedBecause: '',
    measuredBecause: '',
    lookAlike: null,
    fault,
  };
}

/** What the verdict itself shows of the source port. */
function measuredRewrite({ verdict, flows: [flow] }: VerdictDocument): boolean | null {
  const outer = flow?.outer;
  if (outer && outer.sourcePortBefore !== null) {
    return outer.sourcePortBefore !== outer.sourcePortAfter;
  }
  return verdict === 'not-rewritten' ? false : null;
}

function agreement(
  { verdict: predicted, certain, outerSourcePortRewritten }: Prediction,
  measured: VerdictName,
  rewritten: boolean | null,
): boolean | null {
  if (!certain || predicted === 'inconclusive' || measured === 'inconclusive') return null;
  if (matter(predicted) !== matter(measured)) return false;
  return (
    rewritten === null ||
    outerSourcePortRewritten === null ||
    rewritten === outerSourcePortRewritten
  );
}

/** A verdict as far as rules decide it: what else may be wrong with the packets is left out. */
function matter(verdict: VerdictName): string {
  switch (verdict) {
    case 'stale-checksum':
    case 'mangled-checksum':
    case 'no-tunnel-traffic':
      return verdict;
    case 'double-snat-harmless':
    case 'not-rewritten':
    case 'no-fault':
    case 'other-corruption':
    case 'inconclusive':
      return 'no fault of the rules';
  }
}
