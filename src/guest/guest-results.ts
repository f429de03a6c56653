/** What the guest wrote, unpacked where the user wanted it. */
import { cp, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { TarHeader } from 'modern-tar';
import { unpackTar } from 'modern-tar/fs';
import { messageOf, StalesumError } from '../errors.js';

/**
 * Unpacks the guest's archive: what is called `0` in it goes to the first output, and so on.
 *
 * @param pieces of a `.tar.gz`
 * @param outputs absolute paths on this machine, in the order that the guest was given
 * @throws StalesumError `write-failed`
 */
export async function placeResults(
  pieces: readonly Uint8Array[],
  outputs: readonly string[],
): Promise<void> {
  try {
    const folder = await mkdtemp(join(tmpdir(), 'stalesum-results-'));
    try {
      const filter = ({ type }: TarHeader) => type === 'file' || type === 'directory';
      await pipeline(Readable.from(pieces), createGunzip(), unpackTar(folder, { filter }));
      for (const [index, output] of outputs.entries()) {
        const source = join(folder, String(index));
        if (await exists(source)) await cp(source, output, { recursive: true });
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  } catch (thrown) {
    throw new StalesumError('write-failed', `what the guest wrote: ${messageOf(thrown)}`);
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
