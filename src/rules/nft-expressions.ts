/** Expressions, sets and marks of nftables, from the shapes of libnftables-json(5). */
import { addressNumber, addressPattern, canonicalAddress } from './address.js';
import { protocolPattern } from './iptables-conditions.js';
import type {
  Condition,
  Datum,
  Element,
  Elements,
  Endpoints,
  Expression,
  Field,
  Pattern,
  PortRange,
  Verdict,
} from './model.js';
import { isList, isObject, type Json, type JsonObject } from './nft-json.js';

/** Left side of a match: what is asked of, and what must hold before it can be. */
export interface Key {
  readonly expression: Expression;
  /** `tcp dport` asks for tcp first, `ip saddr` for IPv4 (nft adds these itself). */
  readonly needs: readonly Condition[];
}

export function unknownKey(json: Json | undefined): Key {
  return { expression: { kind: 'unknown', text: textOf(json) }, needs: [] };
}

/** JSON in the fewest words, for messages. */
export function textOf(json: Json | undefined): string {
  if (isObject(json) && typeof json.unknown === 'string') return json.unknown;
  return json === undefined ? 'nothing' : JSON.stringify(json);
}

function field(name: Field, needs: readonly Condition[] = []): Key {
  return { expression: { kind: 'field', field: name }, needs };
}

export function compileKey(json: Json): Key {
  if (!isObject(json)) return unknownKey(json);
  const [name] = Object.keys(json);
  const body = name === undefined ? undefined : json[name];
  switch (name) {
    case 'meta':
      return isObject(body) ? metaKey(body, json) : unknownKey(json);
    case 'payload':
      return isObject(body) ? payloadKey(body, json) : unknownKey(json);
    case 'ct':
      return isObject(body) ? conntrackKey(body, json) : unknownKey(json);
    case 'fib':
      return isObject(body) ? fibKey(body, json) : unknownKey(json);
    case 'numgen':
    case 'jhash':
    case 'symhash':
      return { expression: { kind: 'dice', text: textOf(json) }, needs: [] };
    case '&':
      return maskedKey(body, json);
    case 'concat': {
      const parts = isList(body) ? body.map(compileKey) : [];
      return {
        expression: { kind: 'concat', parts: parts.map(({ expression }) => expression) },
        needs: parts.flatMap(({ needs }) => needs),
      };
    }
    default:
      return unknownKey(json);
  }
}

function metaKey({ key }: JsonObject, json: Json): Key {
  switch (key) {
    case 'mark':
      return field('mark');
    case 'l4proto':
      return field('protocol');
    case 'nfproto':
    case 'protocol':
      return field('family');
    case 'iif':
    case 'iifname':
      return field('inInterface');
    case 'oif':
    case 'oifname':
      return field('outInterface');
    case 'random':
      return { expression: { kind: 'dice', text: 'meta random' }, needs: [] };
    default:
      return unknownKey(json);
  }
}

function payloadKey({ protocol, field: name }: JsonObject, json: Json): Key {
  const needs = typeof protocol === 'string' ? dependency(protocol) : [];
  switch (name) {
    case 'saddr':
      return isIp(protocol) ? field('source', needs) : unknownKey(json);
    case 'daddr':
      return isIp(protocol) ? field('destination', needs) : unknownKey(json);
    case 'protocol':
    case 'nexthdr':
      return isIp(protocol) ? field('protocol', needs) : unknownKey(json);
    case 'sport':
      return field('sourcePort', needs);
    case 'dport':
      return field('destinationPort', needs);
    case 'flags':
      return protocol === 'tcp' ? field('tcpFlags', needs) : unknownKey(json);
    default: {
      // Whatever it asks of another protocol's header, our packets do not have it.
      const { expression } = unknownKey(json);
      return { expression, needs };
    }
  }
}

function isIp(protocol: Json | undefined): boolean {
  return protocol === 'ip' || protocol === 'ip6';
}

function dependency(protocol: string): Condition[] {
  const only = (name: Field, value: string): Condition => ({
    kind: 'is',
    left: { kind: 'field', field: name },
    right: { kind: 'these', elements: [{ pattern: { kind: 'exact', value }, datum: null }] },
    negated: false,
    text: protocol,
  });
  switch (protocol) {
    case 'ip':
    case 'ip6':
      return [only('family', protocol)];
    case 'th':
    case 'ether':
    case 'vlan':
      return [];
    default:
      return [only('protocol', protocol)];
  }
}

function conntrackKey({ key, dir }: JsonObject, json: Json): Key {
  if (dir !== undefined) return unknownKey(json);
  switch (key) {
    case 'state':
      return field('ctState');
    case 'status':
      return field('ctStatus');
    case 'mark':
      return field('ctMark');
    default:
      return unknownKey(json);
  }
}

/** `fib saddr . oif type` asks one device, as `--limit-iface-out` does. */
function fibKey({ result, flags }: JsonObject, json: Json): Key {
  const asked = isList(flags) ? flags.map(String) : [String(flags)];
  if (result !== 'type' || asked.includes('mark')) return unknownKey(json);
  const limit = asked.includes('oif') ? 'OnOut' : asked.includes('iif') ? 'OnIn' : '';
  if (asked.includes('daddr')) return field(`destinationType${limit}`);
  return asked.includes('saddr') ? field(`sourceType${limit}`) : unknownKey(json);
}

function maskedKey(body: Json | undefined, json: Json): Key {
  if (!isList(body) || body.length !== 2) return unknownKey(json);
  const { expression, needs } = compileKey(body[0] ?? null);
  const mask = body[1];
  if (expression.kind === 'dice') return { expression, needs };
  const isMark =
    expression.kind === 'field' && (expression.field === 'mark' || expression.field === 'ctMark');
  if (!isMark || typeof mask !== 'number') return { ...unknownKey(json), needs };
  const { field: name } = expression as { readonly field: 'mark' | 'ctMark' };
  return { expression: { kind: 'masked', field: name, mask }, needs };
}

/** A constant as a pattern of values of the packet; `undefined` for what is none. */
export function compilePattern(json: Json): Pattern | undefined {
  if (typeof json === 'number') return { kind: 'exact', value: json };
  if (typeof json === 'string') return wordPattern(json);
  if (!isObject(json)) return undefined;
  if (isObject(json.prefix)) {
    const { addr, len } = json.prefix;
    return addressPattern(`${String(addr)}/${String(len)}`);
  }
  if (isList(json.range)) return rangePattern(json.range);
  if (isObject(json.elem)) return compilePattern(json.elem.val ?? null);
  if (isList(json.concat)) {
    const parts = json.concat.map(compilePattern);
    const known = parts.filter(part => part !== undefined);
    return known.length === parts.length ? { kind: 'concat', parts: known } : undefined;
  }
  return undefined;
}

function wordPattern(text: string): Pattern | undefined {
  if (text === '*') return { kind: 'any' };
  if (text.startsWith('@') || text.startsWith('$')) return undefined;
  if (text.endsWith('*')) return { kind: 'beginning', text: text.slice(0, -1) };
  const address = canonicalAddress(text);
  return address === undefined ? named(text) : { kind: 'exact', value: address };
}

/** `ipv4` and `ip` are the same family. */
function named(text: string): Pattern {
  switch (text) {
    case 'ipv4':
      return { kind: 'exact', value: 'ip' };
    case 'ipv6':
      return { kind: 'exact', value: 'ip6' };
    default:
      return { kind: 'exact', value: text };
  }
}

function rangePattern([first, last]: readonly Json[]): Pattern | undefined {
  if (typeof first === 'number' && typeof last === 'number') {
    return { kind: 'numbers', low: first, high: last };
  }
  const [low, high] = [addressNumber(String(first)), addressNumber(String(last))];
  if (low === undefined || high === undefined) return undefined;
  return { kind: 'addresses', low, high, of: String(first).includes(':') ? 6 : 4 };
}

/** Elements of a set or a map; one that cannot be read leaves a datum that says so. */
export function compileElements(list: readonly Json[]): Element[] {
  return list.map(entry => {
    const [key, value] = isList(entry) ? [entry[0] ?? null, entry[1]] : [entry, undefined];
    const pattern = compilePattern(key);
    if (!pattern)
      return { pattern: { kind: 'any' }, datum: { kind: 'unknown', text: textOf(key) } };
    return { pattern, datum: value === undefined ? null : compileDatum(value) };
  });
}

function compileDatum(json: Json): Datum {
  const verdict = compileVerdict(json);
  if (verdict) return { kind: 'verdict', verdict };
  const target = compileEndpoints(json);
  return target ? { kind: 'target', target } : { kind: 'unknown', text: textOf(json) };
}

/** `{"goto": {"target": NAME}}`, `{"accept": null}`; `undefined` for anything else. */
export function compileVerdict(json: Json): Verdict | undefined {
  if (!isObject(json)) return undefined;
  const [kind] = Object.keys(json);
  const body = kind === undefined ? undefined : json[kind];
  switch (kind) {
    case 'accept':
    case 'drop':
    case 'reject':
    case 'return':
    case 'continue':
    case 'queue':
      return { kind };
    case 'jump':
    case 'goto': {
      const target = isObject(body) ? body.target : undefined;
      return typeof target === 'string' ? { kind, chain: target } : undefined;
    }
    default:
      return undefined;
  }
}

/** An address, a range of them, or address and port joined. */
export function compileEndpoints(json: Json): Endpoints | undefined {
  if (isObject(json) && isList(json.concat)) {
    const [address, port] = json.concat;
    const of = address === undefined ? undefined : compileEndpoints(address);
    const ports = compilePorts(port);
    return of && ports ? { ...of, ports } : undefined;
  }
  const pattern = compilePattern(json);
  if (pattern?.kind === 'exact' && typeof pattern.value === 'string') {
    const address = canonicalAddress(pattern.value);
    return address === undefined ? undefined : { addresses: [address, address], ports: null };
  }
  if (isObject(json) && isList(json.range)) {
    const [low, high] = json.range.map(end => canonicalAddress(String(end)));
    if (low !== undefined && high !== undefined) return { addresses: [low, high], ports: null };
  }
  return undefined;
}

export function compilePorts(json: Json | undefined): PortRange | undefined {
  if (typeof json === 'number') return { low: json, high: json };
  if (isObject(json) && isList(json.range)) {
    const [low, high] = json.range;
    if (typeof low === 'number' && typeof high === 'number') return { low, high };
  }
  return undefined;
}

/** The right side of a match, or a map. `undefined` for what is no constant. */
export function compileRight(json: Json, keyField: Field | undefined): Elements | undefined {
  if (typeof json === 'string' && json.startsWith('@')) {
    return { kind: 'named', name: json.slice(1) };
  }
  const list = isObject(json) && isList(json.set) ? json.set : isList(json) ? json : [json];
  const elements = compileElements(list);
  if (elements.some(({ datum }) => datum?.kind === 'unknown')) return undefined;
  if (keyField !== 'protocol') return { kind: 'these', elements };
  return {
    kind: 'these',
    elements: elements.map(({ pattern, datum }) => ({
      pattern: pattern.kind === 'exact' ? protocolPattern(String(pattern.value)) : pattern,
      datum,
    })),
  };
}
