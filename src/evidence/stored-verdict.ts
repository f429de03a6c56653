/** The `verdict.json` of a bundle, held against what its captures say now. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { VerdictDocument } from '../analysis/verdict.js';
import { messageOf } from '../errors.js';

export type StoredVerdict =
  | { readonly kind: 'absent' }
  | { readonly kind: 'same' }
  /** Places of the document that differ, as `flows[0].verdict`; bounded. */
  | { readonly kind: 'differs'; readonly places: readonly string[] }
  | { readonly kind: 'unreadable'; readonly reason: string };

export const VERDICT_FILE = 'verdict.json';
const LARGEST = 64 << 20;
const MOST_PLACES = 20;
/** How it was asked for, and with which version, is no difference of the evidence. */
const NOT_COMPARED: ReadonlySet<string> = new Set(['tool', 'exitCode']);

/** Compares; never throws for what the file holds. */
export async function compareStored(
  folder: string,
  verdict: VerdictDocument,
): Promise<StoredVerdict> {
  const path = join(folder, VERDICT_FILE);
  try {
    const { size } = await stat(path);
    if (size > LARGEST) return { kind: 'unreadable', reason: `longer than ${LARGEST} bytes` };
    const stored: unknown = JSON.parse(await readFile(path, 'utf8'));
    const now: unknown = JSON.parse(JSON.stringify(verdict));
    const places = differences(withoutIgnored(stored), withoutIgnored(now), '');
    return places.length === 0 ? { kind: 'same' } : { kind: 'differs', places };
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'absent' };
    return { kind: 'unreadable', reason: messageOf(thrown) };
  }
}

function withoutIgnored(document: unknown): unknown {
  if (!isRecord(document)) return document;
  return Object.fromEntries(Object.entries(document).filter(([key]) => !NOT_COMPARED.has(key)));
}

/** Only the document that was just made is walked: what a stored one has beyond it is one place. */
function differences(stored: unknown, now: unknown, at: string): string[] {
  if (Array.isArray(now) && Array.isArray(stored) && now.length === stored.length) {
    return now
      .flatMap((value, index) => differences(stored[index], value, `${at}[${index}]`))
      .slice(0, MOST_PLACES);
  }
  if (isRecord(now) && isRecord(stored)) {
    const missing = Object.keys(stored).some(key => !Object.hasOwn(now, key));
    const within = Object.entries(now).flatMap(([key, value]) => {
      const place = at === '' ? key : `${at}.${key}`;
      return differences(Object.hasOwn(stored, key) ? stored[key] : undefined, value, place);
    });
    return [...(missing ? [`${at || 'the document'} (more keys)`] : []), ...within].slice(
      0,
      MOST_PLACES,
    );
  }
  return Object.is(stored, now) ? [] : [at || 'the document'];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
