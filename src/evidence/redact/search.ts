/** The search through the whole copy for anything original, before it is delivered. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RUN_FILE } from '../run-record.js';
import { isFormatWord } from './names.js';
import { isFormatLine, textKind } from './node-text.js';
import { searchCapture } from './search-captures.js';
import { addressesLeft, wordsLeft } from './search-text.js';
import type { Replacing } from './text.js';

const CAPTURE = /\.(pcap|pcapng|cap|dmp|ntar)\d*(\.gz)?$/i;
const SHORTEST_CAPTURE = 24;
const MOST_FINDINGS = 20;

export interface CopySearch {
  readonly folder: string;
  /** Files that are made of what is in the copy, in sentences of our own: no name can be in them. */
  readonly madeAnew: ReadonlySet<string>;
  readonly tunnelPorts: ReadonlySet<number>;
  readonly by: Replacing;
  /** Names of services as they stood, with their namespaces: `shop/web`. */
  readonly services: ReadonlySet<string>;
}

/** What is left of the original, one line each; bounded. Empty is what is wanted. */
export async function searchCopy(search: CopySearch): Promise<string[]> {
  const found: string[] = [];
  for (const name of await filesBelow(search.folder)) {
    if (found.length >= MOST_FINDINGS) break;
    for (const what of await searchFile(search, name)) found.push(`${name}: ${what}`);
  }
  return found.slice(0, MOST_FINDINGS);
}

async function searchFile(search: CopySearch, name: string): Promise<string[]> {
  const { folder, by, madeAnew, tunnelPorts } = search;
  const path = join(folder, name);
  const ofName = [...namesIn(name, by), ...wholesIn(search, name)];
  if (CAPTURE.test(name)) {
    if ((await stat(path)).size < SHORTEST_CAPTURE) return ofName;
    const { left, names, comments } = await searchCapture(path, by.addresses, tunnelPorts);
    const wholes = wholesIn(search, [...names, ...comments].join('\n'));
    return [...ofName, ...left, ...namesIn(names.join('\n'), by), ...wholes];
  }
  const text = await readFile(path, 'utf8');
  const found = [...ofName, ...wholesIn(search, text)];
  if (madeAnew.has(name)) return found;
  if (name === RUN_FILE) return [...found, ...namesIn(withoutScenario(text), by)];
  const kind = textKind(name.split('/').at(-1)!, text);
  const lines = kind === undefined ? [text] : text.split('\n');
  for (const line of lines) {
    if (kind !== undefined && isFormatLine(kind, line)) continue;
    found.push(...namesIn(line, by));
  }
  return found;
}

/** Addresses, and services with their namespaces. */
function wholesIn({ by, services }: CopySearch, text: string): string[] {
  const lower = text.toLowerCase();
  return [
    ...addressesLeft(text, by.addresses).map(address => `the address ${address}`),
    ...[...services]
      .filter(service => lower.includes(service.toLowerCase()))
      .map(service => `the name ${service}`),
  ];
}

function namesIn(text: string, { names }: Replacing): string[] {
  return wordsLeft(text, names.replacements, isFormatWord).map(word => `the name ${word}`);
}

/** The name and title of a lab's scenario are our own. */
function withoutScenario(run: string): string {
  const own = ['scenario', 'title'];
  return JSON.stringify(JSON.parse(run), (key, value: unknown) =>
    own.includes(key) ? undefined : value,
  );
}

async function filesBelow(folder: string, below = ''): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
    const name = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) names.push(...(await filesBelow(folder, name)));
    else names.push(name);
  }
  return names.sort();
}
