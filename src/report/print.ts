/** Prints a verdict as it was asked for: a report for people, or the document for scripts. */
import type { VerdictDocument } from '../analysis/verdict.js';
import { writeResult } from '../output.js';
import { terminalReport } from './terminal.js';

export interface PrintOptions {
  readonly json: boolean;
  readonly color: boolean;
  /** Where the recording was kept. */
  readonly evidence?: string | undefined;
}

export async function printVerdict(
  verdict: VerdictDocument,
  { json, color, evidence }: PrintOptions,
): Promise<void> {
  if (json) {
    await writeResult(`${JSON.stringify(verdict, null, 2)}\n`);
    return;
  }
  await writeResult(terminalReport(verdict, { color, evidence }));
}
