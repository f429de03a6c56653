/** Packs a folder into a `.tar.gz` with the folder's name as its only entry at the top. */
import { createWriteStream } from 'node:fs';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { packTar, type TarSource } from 'modern-tar/fs';
import { messageOf, StalesumError } from '../errors.js';
import { unfinishedName } from '../write-whole.js';

/**
 * Writes the archive beside its place and renames it once it is on disk.
 *
 * @param top name of the folder that it unpacks to
 * @throws StalesumError `write-failed`
 */
export async function packFolder(folder: string, archive: string, top: string): Promise<void> {
  const unfinished = unfinishedName(archive);
  try {
    const tar: Readable = packTar(await sourcesBelow(folder, top));
    await pipeline(tar, createGzip(), createWriteStream(unfinished, { mode: 0o666 }));
    const file = await open(unfinished, 'r+');
    await file.sync().finally(() => file.close());
    await rename(unfinished, archive);
  } catch (thrown) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw new StalesumError('write-failed', `${archive}: ${messageOf(thrown)}`);
  }
}

/** In order of their names, and owned by nobody: who packed it is no part of the evidence. */
async function sourcesBelow(folder: string, top: string): Promise<TarSource[]> {
  const sources: TarSource[] = [];
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const source = join(folder, entry.name);
    const target = `${top}/${entry.name}`;
    if (entry.isDirectory()) sources.push(...(await sourcesBelow(source, target)));
    else if (entry.isFile()) {
      const { mtime } = await stat(source);
      sources.push({ type: 'file', source, target, mtime, mode: 0o644, uid: 0, gid: 0 });
    }
  }
  return sources;
}
