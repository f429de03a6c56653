/**
 * The text of `nft list ruleset` (with or without -a) and files for `nft -f` that are written like it:
 * tables with sets, maps and chains. Read into the objects that `nft -j` would list.
 */

import { readElements } from './nft-expression-text.js';
import type { Json, JsonObject, NftObject } from './nft-json.js';
import { readStatements } from './nft-rule-text.js';
import { NftCursor, splitNft } from './nft-words.js';

const FAMILIES = new Set(['ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev']);

/** @throws StalesumError `bad-input` with file and line */
export function readNftText(text: string, file: string): NftObject[] {
  const cursor = new NftCursor(splitNft(text, file), file);
  const objects: NftObject[] = [];
  for (cursor.skipEnds(); !cursor.done; cursor.skipEnds()) readCommand(cursor, text, objects);
  return objects;
}

/** A table, or one of the commands that only make room for it. */
function readCommand(cursor: NftCursor, text: string, objects: NftObject[]): void {
  const command = cursor.next('"table"').text;
  if (command === 'table') readTable(cursor, text, objects);
  else if (command === 'add' && cursor.take('table')) readTable(cursor, text, objects);
  else if (['flush', 'delete', 'destroy'].includes(command)) {
    while (cursor.peek() && cursor.peek()?.kind !== 'end') cursor.next('a word');
  } else {
    cursor.back(cursor.position - 1);
    throw cursor.fault('expected "table", as "nft list ruleset" writes it');
  }
}

function readTable(cursor: NftCursor, text: string, objects: NftObject[]): void {
  const line = cursor.peek()?.line ?? null;
  const word = cursor.next('a family or the name of a table').text;
  const named = FAMILIES.has(word) && cursor.peek()?.kind !== 'end' && !cursor.sees('{');
  const family = named ? word : 'ip';
  const name = named ? cursor.next('the name of a table').text : word;
  const flags: string[] = [];
  const place = objects.length;
  if (cursor.take('{')) {
    for (cursor.skipEnds(); !cursor.take('}'); cursor.skipEnds()) {
      readTableEntry(cursor, text, { family, table: name }, objects, flags);
    }
  }
  const body = { family, name, flags };
  objects.splice(place, 0, { kind: 'table', body, line });
}

function readTableEntry(
  cursor: NftCursor,
  text: string,
  owner: JsonObject,
  objects: NftObject[],
  flags: string[],
): void {
  const word = cursor.next('"chain", "set", "map" or "}" of the table');
  switch (word.text) {
    case 'chain':
      readChain(cursor, text, owner, objects);
      break;
    case 'set':
    case 'map':
      objects.push(readSet(cursor, owner, word.line));
      break;
    case 'comment':
      cursor.next('a comment');
      break;
    case 'flags':
      flags.push(...wordsToEnd(cursor));
      break;
    default:
      // Counters, quotas, limits, flowtables, helpers: nothing that a packet's way depends on.
      skipBlock(cursor);
  }
}

function wordsToEnd(cursor: NftCursor): string[] {
  const words: string[] = [];
  while (cursor.peek() && cursor.peek()?.kind !== 'end' && !cursor.sees('}')) {
    const { text } = cursor.next('a word');
    if (text !== ',') words.push(text);
  }
  return words;
}

function skipBlock(cursor: NftCursor): void {
  while (!cursor.sees('{')) cursor.next('"{"');
  let depth = 0;
  do {
    cursor.skipEnds();
    const { text, kind } = cursor.next('"}"');
    if (kind === 'sign' && text === '{') depth += 1;
    if (kind === 'sign' && text === '}') depth -= 1;
  } while (depth > 0);
}

function readSet(cursor: NftCursor, owner: JsonObject, line: number): NftObject {
  const name = cursor.next('a name').text;
  const flags: string[] = [];
  let elements: readonly Json[] = [];
  cursor.expect('{');
  for (cursor.skipEnds(); !cursor.take('}'); cursor.skipEnds()) {
    const { text } = cursor.next('"elements", "type", "flags" or "}" of the set');
    if (text === 'elements') {
      cursor.expect('=');
      elements = readElements(cursor);
    } else if (text === 'flags') flags.push(...wordsToEnd(cursor));
    else wordsToEnd(cursor);
  }
  return { kind: 'set', body: { ...owner, name, flags, elem: elements }, line };
}

function readChain(cursor: NftCursor, text: string, owner: JsonObject, objects: NftObject[]): void {
  const { text: name, line } = cursor.next('the name of a chain');
  const place = objects.length;
  let base: JsonObject = {};
  cursor.expect('{');
  for (cursor.skipEnds(); !cursor.take('}'); cursor.skipEnds()) {
    if (cursor.sees('type') && !cursor.sees('set', 1)) base = { ...base, ...readHook(cursor) };
    else if (cursor.take('policy')) base = { ...base, policy: cursor.next('a policy').text };
    else if (cursor.take('comment')) cursor.next('a comment');
    else objects.push(readRule(cursor, text, { ...owner, chain: name }));
  }
  objects.splice(place, 0, { kind: 'chain', body: { ...owner, name, ...base }, line });
}

/** `type nat hook postrouting priority srcnat - 5` */
function readHook(cursor: NftCursor): JsonObject {
  cursor.expect('type');
  const type = cursor.next('a type of chain').text;
  cursor.expect('hook');
  const hook = cursor.next('a hook').text;
  while (cursor.peek() && !cursor.sees('priority')) cursor.next('"priority"');
  cursor.expect('priority');
  const words = wordsToEnd(cursor);
  if (words.length === 0) throw cursor.fault('expected a priority');
  return { type, hook, prio: words.join(' ') };
}

/** A rule is a line; its braces may hold further lines. */
function readRule(cursor: NftCursor, text: string, owner: JsonObject): NftObject {
  const begin = cursor.position;
  let depth = 0;
  let end = begin;
  for (let word = cursor.peek(0); word; word = cursor.peek(end - begin)) {
    if (word.kind === 'sign' && word.text === '{') depth += 1;
    if (word.kind === 'sign' && word.text === '}') {
      if (depth === 0) break;
      depth -= 1;
    }
    if (word.kind === 'end' && depth === 0) break;
    end += 1;
  }
  const words = cursor.words.slice(begin, end);
  const first = words[0];
  const last = words.at(-1);
  if (!first || !last) throw cursor.fault('expected a rule');
  if (depth > 0) {
    cursor.back(end);
    throw cursor.fault('expected "}"');
  }
  const isBroken = words.some(({ kind }) => kind === 'end');
  const own = new NftCursor(
    isBroken ? words.filter(({ kind }) => kind !== 'end') : words,
    cursor.file,
  );
  const expr = readStatements(own, text);
  cursor.back(end);
  return {
    kind: 'rule',
    body: { ...owner, expr },
    line: first.line,
    text: text.slice(first.from, last.to).replace(/\s+/g, ' '),
  };
}
