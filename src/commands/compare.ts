/** `stalesum compare A B` */
import { compareVerdicts, type Named } from '../analysis/compare.js';
import { DEFAULT_EXIT_POLICY } from '../analysis/exit-code.js';
import { examineSources } from '../evidence/examine.js';
import { readNodeFacts } from '../evidence/read-node-facts.js';
import { withSources } from '../evidence/sources.js';
import { printable, writeResult } from '../output.js';
import { comparisonMarkdown, comparisonText } from '../report/comparison.js';
import type { OutputOptions } from './options.js';

export interface CompareOptions extends OutputOptions {
  readonly format: 'terminal' | 'markdown' | 'json';
  readonly port: readonly number[];
}

/** Prints what changed from A to B; returns the exit code. */
export async function compare(a: string, b: string, options: CompareOptions): Promise<number> {
  const [before, after] = [await side(a, options.port), await side(b, options.port)];
  const comparison = compareVerdicts(before, after);
  if (options.json || options.format === 'json') {
    await writeResult(`${JSON.stringify(comparison, null, 2)}\n`);
  } else if (options.format === 'markdown') await writeResult(comparisonMarkdown(comparison));
  else await writeResult(comparisonText(comparison, options.color));
  return comparison.exitCode;
}

function side(path: string, tunnelPorts: readonly number[]): Promise<Named> {
  return withSources([path], async sources => {
    const verdict = await examineSources(sources, { tunnelPorts, policy: DEFAULT_EXIT_POLICY });
    const nodes = await Promise.all(
      sources.nodes.map(({ folder, node }) => readNodeFacts(folder, node)),
    );
    for (const gap of nodes.flatMap(({ gaps }) => gaps)) {
      process.stderr.write(`stalesum: ${printable(gap)}\n`);
    }
    return { name: path, verdict, nodes };
  });
}
