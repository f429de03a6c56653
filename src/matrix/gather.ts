/** Gathers what the labs of a matrix say into its rows, whatever becomes of a lab. */
import { exitCodeOfFault, type FaultKind, messageOf, StalesumError } from '../errors.js';
import type { Protocol } from '../lab/layout.js';
import type { LabJobEnd } from '../lab/parallel.js';
import type { Retransmits } from '../lab/retransmits.js';
import type { MeasuredRow } from './assemble.js';
import type { MatrixRow } from './document.js';
import type { LabStands } from './lab-program.js';
import type { PlannedLab, PlannedScenario } from './plan.js';
import { detailOf, failedDetail, failedRow, type LabResult, type RowPlace, rowOf } from './row.js';

export class Gathering {
  readonly #places = new Map<string, RowPlace>();
  readonly #rows = new Map<string, MeasuredRow>();
  readonly #warnings = new Set<string>();
  #fault: LabJobEnd | undefined;
  #measured = 0;

  constructor(scenarios: readonly PlannedScenario[], retransmits: Retransmits) {
    for (const { scenario, group, protocols } of scenarios) {
      for (const protocol of protocols) {
        this.#places.set(keyOf(scenario.name, protocol), {
          ...{ scenario, group, protocol, retransmits },
        });
      }
    }
  }

  get count(): number {
    return this.#places.size;
  }

  get done(): number {
    return this.#rows.size;
  }

  get warnings(): string[] {
    return [...this.#warnings];
  }

  /** A line of a lab's program; the row, if it is one. */
  line(lab: PlannedLab, line: string): MatrixRow | undefined {
    const said = parse(line);
    if (said === undefined) return undefined;
    if ('stands' in said) {
      if (said.shortcoming !== null) this.#warnings.add(said.shortcoming);
      return undefined;
    }
    const key = keyOf(lab.scenario, said.protocol);
    const place = this.#places.get(key);
    if (!place) return undefined;
    const row = rowOf(place, said);
    this.#rows.set(key, { row, detail: detailOf(place, said) });
    this.#measured++;
    return row;
  }

  /** The lab's program has ended: rows that it has not measured it will not. */
  end(lab: PlannedLab, end: LabJobEnd): void {
    if (end.exitCode === 0 && end.words.trim() === '') return;
    const fault = messageOf(end.words) || `the lab ended with exit code ${end.exitCode}`;
    this.#warnings.add(`${lab.scenario}: ${fault}`);
    this.#fault ??= end;
    for (const protocol of lab.protocols) {
      const key = keyOf(lab.scenario, protocol);
      const place = this.#places.get(key);
      if (!place || this.#rows.has(key)) continue;
      this.#rows.set(key, { row: failedRow(place), detail: failedDetail(place, fault) });
    }
  }

  /**
   * The rows in the order of the plan.
   *
   * @throws StalesumError of the first lab if none measured anything: then it is no matter of scenarios.
   */
  rows(): MeasuredRow[] {
    if (this.#measured === 0 && this.#fault) throw faultOf(this.#fault);
    return [...this.#places].map(
      ([key, place]) =>
        this.#rows.get(key) ?? {
          row: failedRow(place),
          detail: failedDetail(place, 'the lab said nothing of it'),
        },
    );
  }
}

/** A lab that was killed may have said half a line. */
function parse(line: string): LabResult | LabStands | undefined {
  try {
    return JSON.parse(line) as LabResult | LabStands;
  } catch {
    return undefined;
  }
}

function faultOf({ exitCode, words }: LabJobEnd): StalesumError {
  const kinds = Object.entries(exitCodeOfFault) as [FaultKind, number][];
  const kind = kinds.find(([, code]) => code === exitCode)?.[0] ?? 'internal';
  return new StalesumError(kind, messageOf(words) || `a lab ended with exit code ${exitCode}`);
}

function keyOf(scenario: string, protocol: Protocol): string {
  return `${scenario} ${protocol}`;
}
