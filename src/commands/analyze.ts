/** `stalesum analyze PATH...` */
import { StalesumError } from '../errors.js';
import { examineSources } from '../evidence/examine.js';
import { looseCapture, type Sources, withSources } from '../evidence/sources.js';
import { printable } from '../output.js';
import { printVerdict } from '../report/print.js';
import { ReadingProgress } from '../report/reading-progress.js';
import { progressOn } from '../terminal/progress.js';
import { exitPolicyOf, type OutputOptions, type PolicyOptions } from './options.js';

export interface AnalyzeOptions extends OutputOptions, PolicyOptions {
  readonly overlay: readonly string[];
  readonly underlay: readonly string[];
  readonly peerUnderlay: readonly string[];
  readonly peerOverlay: readonly string[];
  readonly port: readonly number[];
}

/**
 * V8 spends a tenth of a second or more on optimizing functions that then run for some milliseconds
 * more, since the packets are examined by the kernel. Here it waits ten times as long with it.
 */
function optimizeLate(): void {
  // Later versions of V8 count otherwise, and complain of what they do not know.
  if (!/^11\./.test(process.versions.v8)) return;
  process.getBuiltinModule('node:v8').setFlagsFromString('--interrupt-budget=600000');
}

/** Prints the verdict on saved captures; returns the exit code. */
export async function analyzePaths(
  paths: readonly string[],
  options: AnalyzeOptions,
): Promise<number> {
  optimizeLate();
  const progress = progressOn(process.stderr, options.quiet);
  const reading = new ReadingProgress(text => progress.show(text));
  const verdict = await withSources(paths, found => {
    const sources = withRoles(found, options);
    if (sources.captures.length === 0 && sources.recording === undefined) {
      throw new StalesumError('usage', 'analyze: expected at least one capture file or folder');
    }
    return examineSources(sources, {
      tunnelPorts: options.port,
      policy: exitPolicyOf(options),
      reading: {
        // The report for people does not show it, and it takes longer than all the rest.
        sha256: options.json,
        onProgress: (name, bytes, size) => reading.note(name, bytes, size),
      },
    });
  }).finally(() => progress.clear());
  for (const { name, truncated } of verdict.captures) {
    if (!truncated) continue;
    const where = `${name}: cut off at byte ${truncated.offset}: ${truncated.reason}`;
    process.stderr.write(`stalesum: ${printable(where)}\n`);
  }
  await printVerdict(verdict, options);
  return verdict.exitCode;
}

function withRoles(sources: Sources, options: AnalyzeOptions): Sources {
  const given = [
    ...options.overlay.map(path => looseCapture(path, 'overlay', 'sender')),
    ...options.underlay.map(path => looseCapture(path, 'underlay', 'sender')),
    ...options.peerUnderlay.map(path => looseCapture(path, 'underlay', 'receiver')),
    ...options.peerOverlay.map(path => looseCapture(path, 'overlay', 'receiver')),
  ];
  return { ...sources, captures: [...sources.captures, ...given] };
}
