/** Writes files so that whoever looks finds the old one or the new one, and never a part. */
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { messageOf, StalesumError } from './errors.js';

/** How a file is called until it is whole: hidden, and of no kind that anybody reads. */
export function unfinishedName(path: string): string {
  return join(dirname(path), `.${basename(path)}.partial`);
}

/** Writes a file beside its place, has it on disk, and renames it. @throws StalesumError `write-failed` */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const unfinished = unfinishedName(path);
  try {
    const file = await open(unfinished, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (thrown) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw new StalesumError('write-failed', `${path}: ${messageOf(thrown)}`);
  }
}
