/**
 * Bundles opened for reading, be they folders or archives. What is done with one afterwards sees a
 * folder. A bundle that has `SHA256SUMS` is held against it first: evidence that was altered is none.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openingFault } from '../capture-file/file.js';
import { StalesumError } from '../errors.js';
import { makePrivateFolder, removePrivateFolder } from './private-folder.js';
import { checkSums, SUMS_FILE, type SumsCheck } from './sums.js';

export interface OpenBundle {
  /** As it was named. */
  readonly path: string;
  /** Where its files lie: the folder itself, or a private copy of what the archive holds. */
  readonly folder: string;
  /** Whether its files were held against its SHA256SUMS; false where it has none. */
  readonly verified: boolean;
  /** One line each, for people: files that were put beside the evidence. */
  readonly warnings: readonly string[];
}

/** Whether a path is taken for an archive, by its name. */
export function isArchiveName(path: string): boolean {
  return /\.(tar\.gz|tgz|tar)$/i.test(path);
}

/**
 * Opens a bundle, hands it on, and takes the private copy away afterwards. Faults that name a file of
 * the copy come out naming it in the archive.
 *
 * @throws StalesumError `bad-input` if there is no such folder or archive, if the archive is damaged or
 *   hostile, or if a file is not the one that SHA256SUMS names
 */
export async function withBundle<T>(
  path: string,
  use: (bundle: OpenBundle) => Promise<T>,
): Promise<T> {
  if (!isArchiveName(path)) return use(await verified(path, path));
  const found = await stat(path).catch(thrown => {
    throw openingFault(path, thrown);
  });
  // A folder may be called as it likes.
  if (found.isDirectory()) return use(await verified(path, path));
  const copy = makePrivateFolder();
  let folder = copy;
  try {
    const { unpackArchive } = await import('./archive-read.js');
    await unpackArchive(path, copy);
    folder = await topOf(copy);
    return await use(await verified(path, folder));
  } catch (thrown) {
    throw renamed(thrown, [folder, copy], path);
  } finally {
    removePrivateFolder(copy);
  }
}

/** The only folder of an archive, as archives of bundles have one; else the copy itself. */
async function topOf(copy: string): Promise<string> {
  const entries = await readdir(copy, { withFileTypes: true });
  const [only] = entries;
  const isTop = entries.length === 1 && only?.isDirectory() && !isNodeFolder(only.name);
  return isTop ? join(copy, only!.name) : copy;
}

/** Opens a folder. @throws StalesumError `bad-input` as above */
export async function verified(path: string, folder: string): Promise<OpenBundle> {
  const check = await checkSums(folder);
  if (!check) return { path, folder, verified: false, warnings: [] };
  const faults = faultsOf(check);
  if (faults.length > 0) {
    throw new StalesumError(
      'bad-input',
      `${path}: not as ${SUMS_FILE} has it: ${faults.join('; ')}`,
      `What was altered is no evidence. To look at it all the same, name its captures one by one, or remove ${SUMS_FILE}.`,
    );
  }
  const warnings = beside(check).map(name => `${path}: ${name} was added after ${SUMS_FILE}`);
  return { path, folder, verified: true, warnings };
}

/** What would be read as evidence is a fault where it was added; notes and reports beside it are not. */
function faultsOf({ changed, missing, added }: SumsCheck): string[] {
  return [
    ...listed('changed', changed),
    ...listed('missing', missing),
    ...listed('added', added.filter(isEvidence)),
  ];
}

function beside({ added }: SumsCheck): readonly string[] {
  return added.filter(name => !isEvidence(name));
}

const NAMED = 5;

function listed(what: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return [`${what}: ${names.slice(0, NAMED).join(', ')}${more}`];
}

function isEvidence(name: string): boolean {
  const [top = '', ...below] = name.split('/');
  return name === 'run.json' || name === 'verdict.json' || (below.length > 0 && isNodeFolder(top));
}

function isNodeFolder(name: string): boolean {
  return /^node-[\w.-]+$/.test(name);
}

function renamed(thrown: unknown, folders: readonly string[], path: string): unknown {
  if (!(thrown instanceof StalesumError)) return thrown;
  const message = folders.reduce((text, folder) => text.replaceAll(folder, path), thrown.message);
  return new StalesumError(thrown.kind, message, thrown.remedy);
}
