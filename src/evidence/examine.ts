/** From paths to a verdict: reads captures and snapshots, observes, and hands them to the analysis. */
import { analyze } from '../analysis/analyze.js';
import type { ExitPolicy } from '../analysis/exit-code.js';
import type { AnalysisInput, CaptureInput } from '../analysis/input.js';
import type { VerdictDocument } from '../analysis/verdict.js';
import { StalesumError } from '../errors.js';
import { CaptureReader, type ReaderOptions } from '../pipeline/capture-reader.js';
import { readNodeSnapshot } from '../snapshot/read-folder.js';
import { type SnapshotFolder, withRule } from './name-rule.js';
import { readCaptures } from './read-captures.js';
import { withRotatedSets } from './rotated-sets.js';
import { type RunFile, readRunFile, runRecordOf, tunnelPortsOf } from './run-record.js';
import { type Sources, withSources } from './sources.js';

export interface ExamineOptions {
  /** UDP ports taken for tunnels besides the known ones. */
  readonly tunnelPorts: readonly number[];
  readonly policy: ExitPolicy;
  readonly reading?: ReadingOptions | undefined;
}

/** How captures are read, and who is told how far. */
export type ReadingOptions = Omit<ReaderOptions, 'tunnelPorts'>;

/**
 * Examines capture files, recordings and bundles together.
 *
 * @throws StalesumError `bad-input` if a path is not there, or is no capture
 */
export async function examinePaths(
  paths: readonly string[],
  options: ExamineOptions,
): Promise<VerdictDocument> {
  return withSources(paths, sources => examineSources(sources, options));
}

/** The same for sources whose roles are known. */
export async function examineSources(
  sources: Sources,
  options: ExamineOptions,
): Promise<VerdictDocument> {
  const read = await readInput(sources, options.tunnelPorts, options.reading);
  const verdict = await withRule(analyze(read.input, options.policy), read.folders);
  return { ...verdict, warnings: [...verdict.warnings, ...read.warnings] };
}

/** What is analysed, and the folders in which the nodes' rules lie. */
export interface ReadInput {
  readonly input: AnalysisInput;
  readonly folders: readonly SnapshotFolder[];
  /** What is to be said of the input itself, one line each. */
  readonly warnings: readonly string[];
}

/** Reads captures and snapshots. @throws StalesumError `bad-input` */
export async function readInput(
  sources: Sources,
  tunnelPorts: readonly number[],
  options?: ReadingOptions,
): Promise<ReadInput> {
  if (sources.captures.filter(({ path }) => path === '-').length > 1) {
    throw new StalesumError('usage', 'expected - (standard input) once, found it twice');
  }
  const run = sources.recording === undefined ? undefined : await readRunFile(sources.recording);
  // A run that was cut short before its first capture is one all the same.
  if (sources.captures.length === 0 && (!run || run.phase === 'complete')) {
    throw new StalesumError('bad-input', 'no capture to analyse: the folder holds none');
  }
  const ports = new Set([...tunnelPortsOf(run), ...tunnelPorts]);
  const found = await withRotatedSets(sources.captures);
  const reader = new CaptureReader({ ...options, tunnelPorts: ports });
  const reading = { reader, tunnelPorts: ports, run, allowEmpty: found.length > 1 };
  const captures: CaptureInput[] = [];
  try {
    for (const source of found) captures.push(...(await readCaptures(source, reading)));
  } finally {
    await reader.close();
  }
  const folders = await Promise.all(
    sources.nodes.map(async ({ folder, node }) => ({
      folder,
      node,
      snapshot: await readNodeSnapshot(folder, node),
    })),
  );
  const snapshots = folders.flatMap(({ snapshot }) => snapshot ?? []);
  return {
    input: { captures, snapshots, run: run && runRecordOf(run) },
    folders,
    warnings: [...analysisWarnings(run), ...sources.warnings],
  };
}

/** A reason is there only if the run is over. */
function analysisWarnings(run: RunFile | undefined): string[] {
  if (run?.phase !== 'analysing' || run.reason === null) return [];
  return [`the recording is whole, but the run came no further than that: ${run.reason}`];
}
