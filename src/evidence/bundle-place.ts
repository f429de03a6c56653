/** Where `--out` leads: a folder, or by its name an archive, which is a folder beside it until the end. */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { messageOf, StalesumError } from '../errors.js';

export interface BundlePlace {
  /** As it was named. */
  readonly path: string;
  /** Where files are written while the bundle is made. */
  readonly folder: string;
  /** What it is packed into at the end. */
  readonly archive: string | undefined;
}

const ARCHIVE = /\.(tar\.gz|tgz)$/i;

/** @throws StalesumError `usage` for a kind of archive that is not written */
export function bundlePlace(path: string): BundlePlace {
  if (ARCHIVE.test(path)) {
    return { path, folder: path.replace(ARCHIVE, '.partial'), archive: path };
  }
  if (/\.(tar|zip|tar\.\w+|tbz2?|txz|7z)$/i.test(path)) {
    throw new StalesumError(
      'usage',
      `${path}: expected a folder, or an archive named .tar.gz or .tgz`,
    );
  }
  return { path, folder: path, archive: undefined };
}

/** Makes the place. @throws StalesumError `usage` if something is there already; `write-failed` */
export async function makePlace(place: BundlePlace): Promise<void> {
  await assertFree(place);
  await makeFolder(place.folder).catch(thrown => {
    throw new StalesumError('write-failed', `${place.folder}: ${messageOf(thrown)}`);
  });
}

/** @throws StalesumError `usage` if something is there already; `write-failed` if a file is in the way */
export async function assertFree({ folder, archive }: BundlePlace): Promise<void> {
  if (archive !== undefined && (await exists(archive))) {
    throw new StalesumError('usage', `${archive}: there is such a file already`);
  }
  const names = await readdir(folder).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return [];
    throw new StalesumError('write-failed', `${folder}: ${messageOf(thrown)}`);
  });
  if (names.length === 0) return;
  const whose = archive === undefined ? '' : ': an interrupted run left it';
  throw new StalesumError('usage', `${folder}: the folder for the bundle is not empty${whose}`);
}

/** Packs an archive's folder and takes it away; nothing to do for a bundle that is a folder. */
export async function packPlace({ folder, archive }: BundlePlace): Promise<void> {
  if (archive === undefined) return;
  const { packFolder } = await import('./archive-write.js');
  await packFolder(folder, archive, basename(archive).replace(ARCHIVE, ''));
  await rm(folder, { recursive: true }).catch(thrown => {
    throw new StalesumError('write-failed', `${folder}: ${messageOf(thrown)}`);
  });
}

/**
 * With the folders that it is in. (mkdir's own `recursive` never ends in /proc, where a folder that is
 * there says that it is not as soon as one is to be made in it.)
 */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    const isThere = code === 'EEXIST' && (await stat(path)).isDirectory();
    if (isThere) return;
    const parent = dirname(path);
    if (code !== 'ENOENT' || parent === path || (await exists(parent))) throw thrown;
    await makeFolder(parent);
    await mkdir(path);
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
