/**
 * What is done with a recording once its verdict is there: its captures are annotated, the files for people
 * are written, one step after the other, then the sums over all of them, and an archive is packed.
 */
import { join } from 'node:path';
import type { VerdictDocument } from '../analysis/verdict.js';
import { type BundlePlace, packPlace } from '../evidence/bundle-place.js';
import { setPhase } from '../evidence/run-record.js';
import { VERDICT_FILE } from '../evidence/stored-verdict.js';
import { writeSums } from '../evidence/sums.js';
import { writeWhole } from '../write-whole.js';
import { annotateCaptures } from './annotate.js';

export interface FinishedBundle {
  /** Folder of the recording. */
  readonly folder: string;
  /** As it is saved: the hashes of its captures are those of the files as they lie there now. */
  readonly verdict: VerdictDocument;
}

/** Writes one or several files into the folder; returns their names. */
export type FinishingStep = (bundle: FinishedBundle) => Promise<readonly string[]>;

/** In this order. */
const STEPS: readonly FinishingStep[] = [saveVerdict, saveReports];

export interface Finished {
  readonly verdict: VerdictDocument;
  /** What is in the bundle, in a few words. */
  readonly contents: string;
}

/** Finishes the bundle of a run. @throws StalesumError `write-failed` */
export async function finishBundle(
  place: BundlePlace,
  verdict: VerdictDocument,
): Promise<Finished> {
  const { folder } = place;
  const annotated = await annotateCaptures(folder, verdict);
  const written = await writeFiles({ folder, verdict: annotated });
  await setPhase(folder, 'complete');
  await writeSums(folder);
  await packPlace(place);
  const captures =
    verdict.captures.length === 1 ? '1 capture' : `${verdict.captures.length} captures`;
  return {
    verdict: annotated,
    contents: [...written, captures, 'snapshots, SHA256SUMS'].join(', '),
  };
}

/**
 * The same for a folder that is no run's, and is not packed here: a redacted copy. Returns the names of what
 * was written into it. @throws StalesumError `write-failed`
 */
export async function finishFolder({ folder, verdict }: FinishedBundle): Promise<string[]> {
  const annotated = await annotateCaptures(folder, verdict);
  const written = await writeFiles({ folder, verdict: annotated });
  await writeSums(folder);
  return written;
}

async function writeFiles(bundle: FinishedBundle): Promise<string[]> {
  const written: string[] = [];
  for (const step of STEPS) written.push(...(await step(bundle)));
  return written;
}

async function saveVerdict({ folder, verdict }: FinishedBundle): Promise<readonly string[]> {
  await writeWhole(join(folder, VERDICT_FILE), `${JSON.stringify(verdict, null, 2)}\n`);
  return [VERDICT_FILE];
}

async function saveReports(bundle: FinishedBundle): Promise<readonly string[]> {
  const { writeReports } = await import('./write-reports.js');
  return writeReports(bundle);
}
