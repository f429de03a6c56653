/** A bundle from outside of the run that fills it: its beginning, and what is left if that run ends early. */
import { readdir, rm } from 'node:fs/promises';
import type { BundlePlace } from './bundle-place.js';
import { NEW_RUN, RUN_FILE, readRunFile, setPhase, writeRunFile } from './run-record.js';
import { SUMS_FILE, writeSums } from './sums.js';

/** Says in a new folder that a run has begun. @throws StalesumError `write-failed` */
export function beginBundle(folder: string): Promise<void> {
  return writeRunFile(folder, NEW_RUN);
}

/**
 * Looks after a bundle whose run has ended: what is unfinished says so, and one without any evidence is
 * taken away again.
 *
 * @param ending how the run ended, for the record
 * @returns where the evidence of an unfinished run lies, for the user; `undefined` if all is well, or if
 *   there is none
 */
export async function leaveBundle(
  { folder, archive }: BundlePlace,
  ending: string,
): Promise<string | undefined> {
  try {
    const run = await readRunFile(folder);
    // The folder of an archive is gone when that is packed.
    if (!run) return undefined;
    const names = await readdir(folder);
    const isWhole = run.phase === 'complete' && names.includes(SUMS_FILE);
    if (isWhole && archive === undefined) return undefined;
    if (names.every(name => name === RUN_FILE)) {
      await rm(folder, { recursive: true });
      return undefined;
    }
    if (run.phase === 'recording') await setPhase(folder, 'interrupted', ending);
    if (run.phase === 'analysing') await setPhase(folder, 'analysing', ending);
    if (run.phase !== 'complete') await writeSums(folder);
  } catch {
    // A disk that is full stays so; the record that is there is true, if less exact.
  }
  return `evidence so far: ${folder}  (stalesum analyze ${folder})`;
}
