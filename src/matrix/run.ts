/** Runs a matrix: plans its labs, runs them side by side, and gathers their rows. */
import { release } from 'node:os';
import { virtualMachineNamed } from '../evidence/run-record.js';
import { MACHINE_VARIABLE } from '../guest-environment.js';
import { type LabJob, labsAtOnce, runInLabs } from '../lab/parallel.js';
import type { Retransmits } from '../lab/retransmits.js';
import { builtFile } from '../package-root.js';
import { assemble } from './assemble.js';
import type { MatrixDocument, MatrixRow } from './document.js';
import { Gathering } from './gather.js';
import type { LabOrder } from './lab-program.js';
import { type PlannedLab, type PlannedScenario, planLabs } from './plan.js';

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

/** An emulated processor takes a minute for what another does in two seconds, so little is waited for. */
const PER_EMULATED_PROCESSOR: Readonly<Record<Retransmits, number>> = { kernel: 1, classic: 2 };

type Job = LabJob & { readonly lab: PlannedLab };

/**
 * @throws StalesumError `not-permitted` or `missing-tool` if there is no way into a lab; `interrupted`
 *   when the user ended it.
 */
export async function runMatrix(
  scenarios: readonly PlannedScenario[],
  options: MatrixOptions,
): Promise<MatrixDocument> {
  const gathering = new Gathering(scenarios, options.retransmits);
  const machine = virtualMachineNamed(process.env[MACHINE_VARIABLE]) ?? null;
  const perProcessor = machine === 'qemu-tcg' ? PER_EMULATED_PROCESSOR : PER_PROCESSOR;
  let labsRunning = 0;
  const tell = (last?: MatrixRow) =>
    options.onProgress?.({ rowsDone: gathering.done, rows: gathering.count, labsRunning, last });

  await runInLabs(
    planLabs(scenarios).map(lab => jobOf(lab, options)),
    {
      atOnce: options.atOnce ?? labsAtOnce(perProcessor[options.retransmits]),
      onStart: () => {
        labsRunning++;
        tell();
      },
      onLine: ({ lab }, line) => {
        const row = gathering.line(lab, line);
        if (row) tell(row);
      },
      onEnd: ({ lab }, end) => {
        labsRunning--;
        gathering.end(lab, end);
        tell();
      },
    },
  );
  return assemble(gathering.rows(), release(), gathering.warnings, machine);
}

function jobOf(lab: PlannedLab, { retransmits, out }: MatrixOptions): Job {
  const order: LabOrder = { ...lab, retransmits, out };
  return {
    name: lab.scenario,
    program: builtFile('matrix/lab-program.js'),
    args: [JSON.stringify(order)],
    lab,
  };
}
