/** Documents as labs hand them over, cut down to what a matrix reads. */
import type { ChecksumState, VerdictDocument, VerdictName } from '../../src/analysis/verdict.js';
import { scenarioNamed } from '../../src/lab/scenarios.js';
import { assemble, type MeasuredRow } from '../../src/matrix/assemble.js';
import type { MatrixDocument } from '../../src/matrix/document.js';
import { detailOf, type LabResult, type RowPlace, rowOf } from '../../src/matrix/row.js';
import type { Prediction } from '../../src/rules/prediction.js';

export interface SampleVerdict {
  readonly verdict?: VerdictName;
  readonly grade?: 'proved' | 'supported' | 'none';
  readonly ports?: readonly [before: number | null, after: number] | null;
  readonly checksum?: ChecksumState;
  readonly delivered?: boolean | null;
  readonly seconds?: number | null;
  readonly because?: string;
}

export function verdictSample({
  verdict = 'stale-checksum',
  grade = 'proved',
  ports = [42112, 29051],
  checksum = 'stale',
  delivered = false,
  seconds = 1.031,
  because = 'the checksum is right for port 42112',
}: SampleVerdict = {}): VerdictDocument {
  const outer = ports && { sourcePortBefore: ports[0], sourcePortAfter: ports[1] };
  const syn = { checksum: { stored: '0x4662', correct: '0x7967', state: checksum }, delivered };
  const flow = {
    ...{ verdict, grade, because, outer, syns: [syn], lookAlike: null },
    delay: { connectSeconds: seconds },
  };
  return {
    ...{ verdict, grade, summary: because, flows: [flow] },
  } as unknown as VerdictDocument;
}

export function predictionSample(changes: Partial<Prediction> = {}): Prediction {
  return {
    verdict: 'stale-checksum',
    certain: true,
    outerSourcePortRewritten: true,
    because: 'the outer datagram gets a second SNAT; decided by KUBE-POSTROUTING (x.txt:60)',
    ...changes,
  } as Prediction;
}

export function placeSample(scenario = 'unpatched', changes: Partial<RowPlace> = {}): RowPlace {
  return {
    scenario: scenarioNamed(scenario),
    group: 'The bug',
    protocol: 'tcp',
    retransmits: 'kernel',
    ...changes,
  };
}

export function resultSample(changes: Partial<LabResult> = {}): LabResult {
  return {
    protocol: 'tcp',
    verdict: verdictSample(),
    prediction: predictionSample(),
    conntrackRewrote: null,
    ...changes,
  };
}

export function measured(place: RowPlace, result: LabResult): MeasuredRow {
  return { row: rowOf(place, result), detail: detailOf(place, result) };
}

export function matrixSample(rows: readonly MeasuredRow[], kernel = '6.18.44'): MatrixDocument {
  return assemble(rows, kernel, []);
}
