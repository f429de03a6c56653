/**
 * `SHA256SUMS`: the hash of every file of a bundle, as `sha256sum` writes and checks them. It is written
 * last, so that a folder that has one is whole.
 */
import { createReadStream } from 'node:fs';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, StalesumError } from '../errors.js';
import { newSha256 } from '../sha256.js';
import { writeWhole } from '../write-whole.js';

export const SUMS_FILE = 'SHA256SUMS';

/** No list of ours is longer; what is longer is not read into memory. */
const LARGEST_LIST = 16 << 20;
const DEEPEST = 8;

/** What became of a bundle's files since its sums were written. Paths relative to it, with `/`. */
export interface SumsCheck {
  /** Whose bytes are others, or that are no plain files any more. */
  readonly changed: readonly string[];
  readonly missing: readonly string[];
  /** That the list does not name. */
  readonly added: readonly string[];
}

/** Hashes all files of the folder and writes the list. @throws StalesumError `write-failed` */
export async function writeSums(folder: string): Promise<void> {
  const { files } = await filesBelow(folder);
  const lines: string[] = [];
  for (const name of files) {
    if (name === SUMS_FILE) continue;
    lines.push(sumsLine(await sha256Of(join(folder, name)), name));
  }
  await writeWhole(join(folder, SUMS_FILE), lines.join(''));
}

/**
 * Holds the folder's files against its list; `undefined` if it has none.
 *
 * @throws StalesumError `bad-input` for a list that cannot be read, with the line
 */
export async function checkSums(folder: string): Promise<SumsCheck | undefined> {
  const expected = await readSums(folder);
  if (!expected) return undefined;
  const { files, others } = await filesBelow(folder);
  const present = new Set(files);
  const changed: string[] = [];
  const missing: string[] = [];
  for (const [name, hash] of expected) {
    if (others.includes(name)) changed.push(name);
    else if (!present.has(name)) missing.push(name);
    else if ((await sha256Of(join(folder, name))) !== hash) changed.push(name);
  }
  const added = [...files, ...others].filter(name => name !== SUMS_FILE && !expected.has(name));
  return { changed, missing, added };
}

/** The list by file name; `undefined` if there is none. @throws StalesumError `bad-input` */
export async function readSums(folder: string): Promise<ReadonlyMap<string, string> | undefined> {
  const path = join(folder, SUMS_FILE);
  let text: string;
  try {
    const found = await lstat(path);
    if (!found.isFile()) throw new Error('it is no plain file');
    if (found.size > LARGEST_LIST) throw new Error(`it is longer than ${LARGEST_LIST} bytes`);
    text = await readFile(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new StalesumError('bad-input', `${path}: cannot be read: ${messageOf(thrown)}`);
  }
  const sums = new Map<string, string>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue;
    const found = parseLine(line);
    if (!found) {
      throw new StalesumError(
        'bad-input',
        `${path}: line ${index + 1}: expected 64 hexadecimal digits, two spaces and a file name`,
      );
    }
    sums.set(found.name, found.hash);
  }
  return sums;
}

/** A backslash in front says that the name's backslashes and line ends are escaped (sha256sum(1)). */
function sumsLine(hash: string, name: string): string {
  const escaped = name.replace(/[\\\n\r]/g, special => ESCAPES[special] ?? special);
  return `${escaped === name ? '' : '\\'}${hash}  ${escaped}\n`;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r' };
const UNESCAPED: Readonly<Record<string, string>> = { '\\\\': '\\', '\\n': '\n', '\\r': '\r' };

function parseLine(line: string): { hash: string; name: string } | undefined {
  const [, escaped, hash, name] = /^(\\?)([0-9a-fA-F]{64}) [ *](.+)$/.exec(line) ?? [];
  if (hash === undefined || name === undefined) return undefined;
  const plain = escaped ? name.replace(/\\[\\nr]/g, pair => UNESCAPED[pair] ?? pair) : name;
  return { hash: hash.toLowerCase(), name: plain.replace(/^\.\//, '') };
}

/** All plain files, and all else that is no folder (links, pipes), sorted. Links are not followed. */
async function filesBelow(folder: string): Promise<{ files: string[]; others: string[] }> {
  const files: string[] = [];
  const others: string[] = [];
  const walk = async (below: string, depth: number): Promise<void> => {
    if (depth > DEEPEST) {
      throw new StalesumError(
        'bad-input',
        `${join(folder, below)}: deeper than ${DEEPEST} folders`,
      );
    }
    for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
      const name = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) await walk(name, depth + 1);
      else if (entry.isFile()) files.push(name);
      else others.push(name);
    }
  };
  await walk('', 0);
  return { files: files.sort(), others: others.sort() };
}

/** SHA-256 of a file, in hex. @throws StalesumError `bad-input` */
export async function sha256Of(path: string): Promise<string> {
  const hash = newSha256();
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      hash.update(chunk as Buffer);
    }
  } catch (thrown) {
    throw new StalesumError('bad-input', `${path}: cannot be read: ${messageOf(thrown)}`);
  }
  return hash.digest('hex');
}
