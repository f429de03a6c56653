/** Rows to the document: its summary, and the exit code that follows from it. */
import { VIRTUAL_MACHINE_TEXTS, type VirtualMachine } from '../analysis/input.js';
import { TOOL } from '../version.js';
import {
  MATRIX_SCHEMA,
  type MatrixDetail,
  type MatrixDocument,
  type MatrixRow,
} from './document.js';

export interface MeasuredRow {
  readonly row: MatrixRow;
  readonly detail: MatrixDetail;
}

/**
 * @param kernel `uname -r`
 * @param machine The virtual machine that it ran in, if it did
 */
export function assemble(
  measured: readonly MeasuredRow[],
  kernel: string,
  warnings: readonly string[],
  machine: VirtualMachine | null = null,
): MatrixDocument {
  const rows = measured.map(({ row }) => row);
  const differ = rows.filter(({ agrees }) => agrees === false);
  const open = rows.filter(({ agrees }) => agrees === null);
  return {
    schema: MATRIX_SCHEMA,
    tool: TOOL,
    kernel,
    machine,
    // A row that differs is a fault of the prediction or of the measurement; one that is open, a gap.
    exitCode: differ.length > 0 ? 1 : open.length > 0 ? 2 : 0,
    summary: summaryOf(rows.length, differ, open, whereText(kernel, machine)),
    rows,
    details: measured.map(({ detail }) => detail),
    warnings,
  };
}

function summaryOf(
  count: number,
  differ: readonly MatrixRow[],
  open: readonly MatrixRow[],
  where: string,
): string {
  if (differ.length > 0) {
    return `prediction and measurement differ in ${differ.length} of ${count} rows ${where}: ${names(differ)}`;
  }
  if (open.length > 0) {
    return `${open.length} of ${count} rows ${where} are open: ${names(open)}; the others are as predicted`;
  }
  return `all ${count} rows are as predicted ${where}`;
}

function whereText(kernel: string, machine: VirtualMachine | null): string {
  return machine === null
    ? `on Linux ${kernel}`
    : `on Linux ${kernel} ${VIRTUAL_MACHINE_TEXTS[machine]}`;
}

function names(rows: readonly MatrixRow[]): string {
  return rows.map(({ scenario, protocol }) => `${scenario} (${protocol})`).join(', ');
}
