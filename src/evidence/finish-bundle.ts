/**
 * What is done with a recording once its verdict is there: the files for people are written into it, one
 * step after the other, and at last the sums over all of them.
 */
import { join } from 'node:path';
import type { VerdictDocument } from '../analysis/verdict.js';
import { writeSums } from './sums.js';
import { writeWhole } from './write-whole.js';

export const VERDICT_FILE = 'verdict.json';

export interface FinishedBundle {
  /** Folder of the recording. */
  readonly folder: string;
  readonly verdict: VerdictDocument;
}

/** Writes one or several files into the folder. */
export type FinishingStep = (bundle: FinishedBundle) => Promise<void>;

/** In this order. Each is loaded only when a bundle is finished. */
const STEPS: readonly FinishingStep[] = [saveVerdict];

/** Finishes the bundle. @throws StalesumError `write-failed` */
export async function finishBundle(bundle: FinishedBundle): Promise<void> {
  for (const step of STEPS) await step(bundle);
  await writeSums(bundle.folder);
}

async function saveVerdict({ folder, verdict }: FinishedBundle): Promise<void> {
  await writeWhole(join(folder, VERDICT_FILE), `${JSON.stringify(verdict, null, 2)}\n`);
}
