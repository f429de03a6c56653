/** What a bundle holds, and what is done with each file of it. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, StalesumError } from '../../errors.js';
import { RUN_FILE } from '../run-record.js';
import { SUMS_FILE } from '../sums.js';
import { type TextKind, textKind } from './node-text.js';

export interface PlannedCapture {
  /** Path from the bundle's folder, with `/`. */
  readonly name: string;
}

export interface PlannedText {
  readonly name: string;
  readonly kind: TextKind;
  readonly text: string;
}

export interface RedactionPlan {
  readonly captures: readonly PlannedCapture[];
  readonly texts: readonly PlannedText[];
  /** The text of run.json. */
  readonly run: string | undefined;
  /** Files that are not known, so that nobody can say what is in them. */
  readonly leftOut: readonly string[];
}

/** What is made anew from the copy. */
const MADE_ANEW: ReadonlySet<string> = new Set([
  'verdict.json',
  'report.md',
  'report.html',
  'commands.txt',
  'junit.xml',
  SUMS_FILE,
  'REDACTED.txt',
]);

const CAPTURE = /\.(pcap|pcapng|cap|dmp|ntar)\d*(\.gz)?$/i;
const LARGEST_TEXT = 64 << 20;
const DEEPEST = 4;

/** Looks through the folder. Links and other special files are left out. @throws StalesumError `bad-input` */
export async function planRedaction(folder: string): Promise<RedactionPlan> {
  const captures: PlannedCapture[] = [];
  const texts: PlannedText[] = [];
  const leftOut: string[] = [];
  let run: string | undefined;
  for (const { name, isFile } of await filesBelow(folder)) {
    const base = name.split('/').at(-1)!;
    if (MADE_ANEW.has(name)) continue;
    if (!isFile) leftOut.push(name);
    else if (CAPTURE.test(base)) captures.push({ name });
    else if (name === RUN_FILE) run = await readText(join(folder, name));
    else {
      const text = await readText(join(folder, name));
      const kind = text === undefined ? undefined : textKind(base, text);
      if (text === undefined || kind === undefined) leftOut.push(name);
      else texts.push({ name, kind, text });
    }
  }
  return { captures, texts, run, leftOut };
}

/** `undefined` for what is no text of a reasonable length. */
async function readText(path: string): Promise<string | undefined> {
  try {
    if ((await stat(path)).size > LARGEST_TEXT) return undefined;
    const text = await readFile(path, 'utf8');
    return text.includes('\0') ? undefined : text;
  } catch (thrown) {
    throw new StalesumError('bad-input', `${path}: ${messageOf(thrown)}`);
  }
}

async function filesBelow(folder: string): Promise<{ name: string; isFile: boolean }[]> {
  const found: { name: string; isFile: boolean }[] = [];
  const walk = async (below: string, depth: number): Promise<void> => {
    const path = join(folder, below);
    const entries = await readdir(path, { withFileTypes: true }).catch(thrown => {
      throw new StalesumError('bad-input', `${path}: expected a bundle: ${messageOf(thrown)}`);
    });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory() && depth < DEEPEST) await walk(name, depth + 1);
      else found.push({ name, isFile: entry.isFile() });
    }
  };
  await walk('', 1);
  return found;
}
