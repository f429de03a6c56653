/** Runs a matrix: plans its labs, runs them side by side, and gathers their rows. */
import { release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../errors.js';
import type { Protocol } from '../lab/layout.js';
import { type LabJob, type LabJobEnd, labsAtOnce, runInLabs } from '../lab/parallel.js';
import type { Retransmits } from '../lab/retransmits.js';
import { assemble, type MeasuredRow } from './assemble.js';
import type { MatrixDocument, MatrixRow } from './document.js';
import type { LabOrder, LabStands } from './lab-program.js';
import { type PlannedLab, type PlannedScenario, planLabs } from './plan.js';
import { detailOf, failedDetail, failedRow, type LabResult, type RowPlace, rowOf } from './row.js';

export interface MatrixOptions {
  readonly retransmits: Retransmits;
  /** Where the recordings are kept, each in a folder of its own; null: nowhere. Absolute. */
  readonly out: string | null;
  /** Labs at once; else as many as this machine should run. */
  readonly atOnce?: number;
  readonly onProgress?: (progress: MatrixProgress) => void;
}

export interface MatrixProgress {
  readonly rowsDone: number;
  readonly rows: number;
  readonly labsRunning: number;
  /** The row that was measured last. */
  readonly last: MatrixRow | undefined;
}

/** Labs for each processor. With the classic timing a lab waits for a minute, so more go at once. */
const PER_PROCESSOR: Readonly<Record<Retransmits, number>> = { kernel: 5, classic: 12 };

type Job = LabJob & { readonly lab: PlannedLab };

/**
 * @throws StalesumError `not-permitted` or `missing-tool` if there is no way into a lab; `interrupted`
 *   when the user ended it.
 */
export async function runMatrix(
  scenarios: readonly PlannedScenario[],
  options: MatrixOptions,
): Promise<MatrixDocument> {
  const places = new Map<string, RowPlace>();
  for (const { scenario, group, protocols } of scenarios) {
    for (const protocol of protocols) {
      const { retransmits } = options;
      places.set(keyOf(scenario.name, protocol), { scenario, group, protocol, retransmits });
    }
  }
  const measured = new Map<string, MeasuredRow>();
  const warnings = new Set<string>();
  let labsRunning = 0;
  const tell = (last?: MatrixRow) =>
    options.onProgress?.({ rowsDone: measured.size, rows: places.size, labsRunning, last });

  await runInLabs(
    planLabs(scenarios).map(lab => jobOf(lab, options)),
    {
      atOnce: options.atOnce ?? labsAtOnce(PER_PROCESSOR[options.retransmits]),
      onStart: () => {
        labsRunning++;
        tell();
      },
      onLine: ({ lab }, line) => {
        const said = JSON.parse(line) as LabResult | LabStands;
        if ('stands' in said) {
          if (said.shortcoming !== null) warnings.add(said.shortcoming);
          return;
        }
        const key = keyOf(lab.scenario, said.protocol);
        const place = places.get(key);
        if (!place) return;
        const row = rowOf(place, said);
        measured.set(key, { row, detail: detailOf(place, said) });
        tell(row);
      },
      onEnd: ({ lab }, end) => {
        labsRunning--;
        for (const protocol of lab.protocols) {
          const key = keyOf(lab.scenario, protocol);
          const place = places.get(key);
          if (!place || measured.has(key)) continue;
          const fault = faultOf(end);
          measured.set(key, { row: failedRow(place), detail: failedDetail(place, fault) });
          warnings.add(`${lab.scenario} (${protocol}) could not be run: ${fault}`);
        }
        tell();
      },
    },
  );
  const rows = [...places.keys()].flatMap(key => measured.get(key) ?? []);
  return assemble(rows, release(), [...warnings]);
}

function jobOf(lab: PlannedLab, { retransmits, out }: MatrixOptions): Job {
  const order: LabOrder = { ...lab, retransmits, out };
  return {
    name: lab.scenario,
    program: fileURLToPath(new URL('./lab-program.js', import.meta.url)),
    args: [JSON.stringify(order)],
    lab,
  };
}

function faultOf({ exitCode, words }: LabJobEnd): string {
  return messageOf(words) || `the lab ended with exit code ${exitCode}`;
}

function keyOf(scenario: string, protocol: Protocol): string {
  return `${scenario} ${protocol}`;
}
