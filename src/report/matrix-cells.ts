/** The cells of a matrix' rows, the same in every format. */
import type { MatrixDetail, MatrixDocument, MatrixRow } from '../matrix/document.js';
import type { Answer, Fate, JudgedSolution } from '../matrix/solutions.js';

export interface MatrixLine {
  readonly row: MatrixRow;
  readonly detail: MatrixDetail;
}

export interface MatrixGroup {
  readonly title: string;
  readonly lines: readonly MatrixLine[];
}

/** The rows in the groups that their scenarios belong to. */
export function groupsOf({ rows, details }: MatrixDocument): MatrixGroup[] {
  const groups = new Map<string, MatrixLine[]>();
  for (const [index, row] of rows.entries()) {
    const detail = details[index];
    if (!detail) continue;
    const lines = groups.get(detail.group) ?? [];
    lines.push({ row, detail });
    groups.set(detail.group, lines);
  }
  return [...groups].map(([title, lines]) => ({ title, lines }));
}

export const HEADINGS = [
  'scenario',
  'protocol',
  'predicted',
  'measured',
  'grade',
  'outer port',
  'checksum',
  'first datagram',
  'delay',
] as const;

export function cellsOf({ row, detail }: MatrixLine): string[] {
  return [
    `${row.scenario}${detail.emulated ? ' (emulated)' : ''}`,
    row.protocol,
    row.predicted,
    row.measured,
    row.grade === 'none' ? '' : row.grade,
    portText(row),
    row.checksum ?? '',
    deliveryText(row),
    delayText(row),
  ];
}

export function portText({ outerSourcePortRewritten }: MatrixRow): string {
  if (outerSourcePortRewritten === null) return '';
  return outerSourcePortRewritten ? 'rewritten' : 'kept';
}

export function deliveryText({ delivered }: MatrixRow): string {
  if (delivered === null) return '';
  return delivered ? 'delivered' : 'lost';
}

/** Where the first datagram was delivered, less than a retransmit's time is the machine's, not the network's. */
export function delayText({ delaySeconds, delivered, measured }: MatrixRow): string {
  if (delaySeconds !== null && delivered && delaySeconds < 1) return 'at once';
  if (delaySeconds !== null) return `${delaySeconds.toFixed(1)} s`;
  return measured === 'inconclusive' ? '' : 'no answer';
}

/** What is said of a row that is not as predicted, in big letters; undefined where there is nothing. */
export function alarmOf({ row, detail }: MatrixLine): string | undefined {
  if (row.agrees === true) return undefined;
  if (detail.fault !== null) return `NOT MEASURED: ${detail.fault}`;
  if (row.agrees === null) {
    const why = row.predicted === 'inconclusive' ? detail.predictedBecause : detail.measuredBecause;
    return `OPEN: ${why}`;
  }
  return `DIFFERS: PREDICTED ${row.predicted}, MEASURED ${row.measured}: ${detail.measuredBecause}; predicted because ${detail.predictedBecause}`;
}

/** The heading of the whole, and whether it is good news. */
export function headlineOf({ rows }: MatrixDocument): {
  text: string;
  tone: 'good' | 'bad' | 'open';
} {
  const differ = rows.filter(({ agrees }) => agrees === false).length;
  const open = rows.filter(({ agrees }) => agrees === null).length;
  if (differ > 0) {
    const what = differ === 1 ? '1 ROW' : `${differ} ROWS`;
    return { text: `PREDICTION AND MEASUREMENT DIFFER IN ${what}`, tone: 'bad' };
  }
  if (open > 0) {
    const what = open === 1 ? '1 ROW IS' : `${open} ROWS ARE`;
    return { text: `${what} OPEN`, tone: 'open' };
  }
  return { text: 'AS PREDICTED IN EVERY ROW', tone: 'good' };
}

/** A reason, and the protocols that have it with one answer. */
export interface Reason {
  readonly because: string;
  readonly answer: Answer;
  readonly fates: readonly Fate[];
}

/** The fates of a solution by their reasons: often both protocols share one. */
export function reasonsOf({ fates }: JudgedSolution): Reason[] {
  const reasons = new Map<string, { because: string; answer: Answer; fates: Fate[] }>();
  for (const fate of fates) {
    const { because, answer } = fate;
    const key = `${answer} ${because}`;
    const known = reasons.get(key);
    if (known) known.fates.push(fate);
    else reasons.set(key, { because, answer, fates: [fate] });
  }
  return [...reasons.values()];
}

export const ANSWERS: Readonly<Record<Answer, string>> = {
  works: 'works',
  fails: 'FAILS',
  open: 'open ',
};

/** `TCP stale, 1.0 s; DNS stale, lost`. */
export function fatesText(fates: readonly Fate[]): string {
  return fates.map(({ of, text }) => `${of} ${text}`).join('; ');
}
