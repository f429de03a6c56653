/**
 * Shapes of libnftables' JSON (libnftables-json(5)). nft's own language is read into the same shapes,
 * so that there is one meaning for both.
 */
import { ruleFault } from './fault.js';

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

export function isObject(json: Json | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

export function isList(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json);
}

/** One thing of a ruleset, as `nft -j` lists them, with the place where it was read. */
export type NftObject =
  | { readonly kind: 'table'; readonly body: JsonObject; readonly line: number | null }
  | { readonly kind: 'chain'; readonly body: JsonObject; readonly line: number | null }
  | { readonly kind: 'set'; readonly body: JsonObject; readonly line: number | null }
  | {
      readonly kind: 'rule';
      readonly body: JsonObject;
      readonly line: number | null;
      readonly text: string;
    };

/**
 * The things that `nft -j list ruleset` lists. Kinds that no packet meets are left out.
 *
 * @throws StalesumError `bad-input`
 */
export function readNftJson(text: string, file: string): NftObject[] {
  let json: Json;
  try {
    json = JSON.parse(text) as Json;
  } catch {
    throw ruleFault(
      file,
      null,
      'not JSON, or cut off: expected the output of "nft -j list ruleset"',
    );
  }
  const list = isObject(json) ? json.nftables : undefined;
  if (!isList(list)) throw ruleFault(file, null, 'expected {"nftables": [...]}');
  return list.flatMap((entry, index) => nftObject(entry, index, file));
}

function nftObject(entry: Json, index: number, file: string): NftObject[] {
  const [kind] = isObject(entry) ? Object.keys(entry) : [];
  const body = isObject(entry) && kind !== undefined ? entry[kind] : undefined;
  if (!isObject(body)) {
    throw ruleFault(file, null, `nftables[${index}]: expected an object such as {"rule": {...}}`);
  }
  switch (kind) {
    case 'table':
    case 'chain':
      return [{ kind, body, line: null }];
    case 'set':
    case 'map':
      return [{ kind: 'set', body, line: null }];
    case 'rule':
      return [{ kind, body, line: null, text: jsonRuleText(body) }];
    default:
      return [];
  }
}

/** A rule of JSON has no text of its own; its handle finds it in `nft -a list ruleset`. */
function jsonRuleText({ handle, expr }: JsonObject): string {
  const parts = isList(expr) ? expr.map(part => JSON.stringify(part)) : [];
  return `${parts.join(' ')}${typeof handle === 'number' ? ` # handle ${handle}` : ''}`;
}
