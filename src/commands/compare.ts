/** `stalesum compare A B` */
import { compareVerdicts } from '../analysis/compare.js';
import { DEFAULT_EXIT_POLICY } from '../analysis/exit-code.js';
import { examinePaths } from '../evidence/examine.js';
import { writeResult } from '../output.js';
import { comparisonMarkdown, comparisonText } from '../report/comparison.js';
import type { OutputOptions } from './options.js';

export interface CompareOptions extends OutputOptions {
  readonly format: 'terminal' | 'markdown' | 'json';
  readonly port: readonly number[];
}

/** Prints what changed from A to B; returns the exit code. */
export async function compare(a: string, b: string, options: CompareOptions): Promise<number> {
  const examine = (path: string) =>
    examinePaths([path], { tunnelPorts: options.port, policy: DEFAULT_EXIT_POLICY });
  const comparison = compareVerdicts(
    { name: a, verdict: await examine(a) },
    { name: b, verdict: await examine(b) },
  );
  if (options.json || options.format === 'json') {
    await writeResult(`${JSON.stringify(comparison, null, 2)}\n`);
  } else if (options.format === 'markdown') await writeResult(comparisonMarkdown(comparison));
  else await writeResult(comparisonText(comparison, options.color));
  return comparison.exitCode;
}
