/** Statements of nftables, from the shapes of libnftables-json(5). */
import type { Condition, Elements, Field, Pattern, Statement, Table } from './model.js';
import {
  compileEndpoints,
  compileKey,
  compilePorts,
  compileRight,
  compileVerdict,
  type Key,
  textOf,
} from './nft-expressions.js';
import { isList, isObject, type Json, type JsonObject } from './nft-json.js';
import { compileMark } from './nft-marks.js';

/** Extensions of iptables that only note something. */
const HARMLESS_XT = new Set(['comment', 'nfacct', 'LOG', 'NFLOG', 'TRACE', 'AUDIT']);

/** Extensions that hold for some packets and not for others, whatever their values. */
const CHANCE_XT = new Set(['statistic', 'recent', 'limit', 'hashlimit', 'connlimit', 'quota']);

/** The statements that one statement of nft stands for: its conditions come before it. */
export function compileStatement(json: Json, family: Table['family']): Statement[] {
  if (!isObject(json)) return [{ kind: 'unknown', text: textOf(json) }];
  const verdict = compileVerdict(json);
  if (verdict) return [{ kind: 'verdict', verdict }];
  const [name = ''] = Object.keys(json);
  const body = json[name];
  switch (name) {
    case 'match':
      return isObject(body) ? compileMatch(body, family) : unknown(json);
    case 'vmap':
      return isObject(body) ? compileVerdictMap(body, family) : unknown(json);
    case 'mangle':
      return isObject(body) ? compileMangle(body) : unknown(json);
    case 'masquerade':
      return [{ kind: 'masquerade', ports: ports(body), random: isRandom(body) }];
    case 'redirect':
      return [{ kind: 'redirect', ports: ports(body) }];
    case 'snat':
    case 'dnat':
      return isObject(body) ? compileNat(name, body, family) : unknown(json);
    case 'notrack':
      return [{ kind: 'notrack' }];
    case 'xt':
      return compileXt(body, json);
    case 'limit':
    case 'quota':
    case 'meter':
    case 'ct count':
      return [match({ kind: 'chance', text: `${name} ${textOf(body)}` })];
    case 'comment':
    case 'counter':
      return [];
    case 'log':
    case 'set':
    case 'dup':
    case 'flow':
    case 'ct helper':
    case 'ct timeout':
    case 'ct expectation':
    case 'secmark':
      return [{ kind: 'harmless', text: name }];
    default:
      return unknown(json);
  }
}

function unknown(json: Json): Statement[] {
  return [{ kind: 'unknown', text: textOf(json) }];
}

function match(condition: Condition): Statement {
  return { kind: 'match', condition };
}

/** What nft asks first by itself; in a table of one family it need not ask for that family. */
function dependencies({ needs }: Key, family: Table['family']): Statement[] {
  return needs
    .filter(
      need =>
        family === 'inet' ||
        need.kind !== 'is' ||
        need.left.kind !== 'field' ||
        need.left.field !== 'family' ||
        need.text !== family,
    )
    .map(match);
}

function compileMatch({ op, left, right }: JsonObject, family: Table['family']): Statement[] {
  const key = compileKey(left ?? null);
  const condition = comparison(key, String(op), right ?? null, `${textOf(left)} ${String(op)}`);
  return [...dependencies(key, family), match(condition)];
}

function comparison(key: Key, op: string, right: Json, text: string): Condition {
  const said = `${text} ${textOf(right)}`;
  const { expression } = key;
  if (expression.kind === 'unknown') return { kind: 'unknown', text: said };
  if (expression.kind === 'dice') return { kind: 'chance', text: said };
  const is = (elements: Elements, negated: boolean): Condition => ({
    kind: 'is',
    left: expression,
    right: elements,
    negated,
    text: said,
  });
  const bound = typeof right === 'number' ? ordered(op, right) : undefined;
  if (bound) return is({ kind: 'these', elements: [{ pattern: bound, datum: null }] }, false);
  const elements = compileRight(right, fieldOf(expression));
  if (!elements || !['==', '!=', 'in'].includes(op)) return { kind: 'unknown', text: said };
  return is(elements, op === '!=');
}

function fieldOf(expression: Key['expression']): Field | undefined {
  return expression.kind === 'field' ? expression.field : undefined;
}

function ordered(op: string, bound: number): Pattern | undefined {
  const top = 0xffffffff;
  switch (op) {
    case '<':
      return { kind: 'numbers', low: 0, high: bound - 1 };
    case '<=':
      return { kind: 'numbers', low: 0, high: bound };
    case '>':
      return { kind: 'numbers', low: bound + 1, high: top };
    case '>=':
      return { kind: 'numbers', low: bound, high: top };
    default:
      return undefined;
  }
}

function compileVerdictMap({ key, data }: JsonObject, family: Table['family']): Statement[] {
  const compiled = compileKey(key ?? null);
  const map = compileRight(data ?? null, fieldOf(compiled.expression));
  if (!map) return [...dependencies(compiled, family), ...unknown({ vmap: { key: key ?? null } })];
  return [
    ...dependencies(compiled, family),
    { kind: 'verdict-map', key: compiled.expression, map },
  ];
}

/** `KEY set VALUE`. */
function compileMangle({ key, value }: JsonObject): Statement[] {
  const text = `set ${textOf(key)} to ${textOf(value)}`;
  if (!isObject(key)) return [{ kind: 'unknown', text }];
  const marked = markOf(key);
  if (marked) {
    const mark = compileMark(value);
    return [mark ? { kind: 'set-mark', field: marked, value: mark } : { kind: 'unknown', text }];
  }
  const { payload } = key;
  const moves =
    isObject(payload) && /^(saddr|daddr|sport|dport|checksum)$/.test(String(payload.field));
  return [moves ? { kind: 'unknown', text } : { kind: 'harmless', text }];
}

function markOf(key: JsonObject): 'mark' | 'ctMark' | undefined {
  if (isObject(key.meta) && key.meta.key === 'mark') return 'mark';
  return isObject(key.ct) && key.ct.key === 'mark' ? 'ctMark' : undefined;
}

function ports(body: Json | undefined) {
  return (isObject(body) && compilePorts(body.port)) || null;
}

function isRandom(body: Json | undefined): boolean {
  const flags = isObject(body) ? body.flags : undefined;
  const list = isList(flags) ? flags : [flags];
  return list.includes('random') || list.includes('fully-random');
}

function compileNat(name: 'snat' | 'dnat', body: JsonObject, family: Table['family']): Statement[] {
  const side = name === 'snat' ? 'source' : 'destination';
  const text = `${name} ${textOf(body)}`;
  const random = isRandom(body);
  const { addr } = body;
  if (isObject(addr) && isObject(addr.map)) {
    const { key, data } = addr.map;
    const compiled = compileKey(key ?? null);
    const map = compileRight(data ?? null, fieldOf(compiled.expression));
    if (!map) return [{ kind: 'nat', side, to: { kind: 'unknown', text }, random }];
    return [
      ...dependencies(compiled, family),
      { kind: 'nat', side, to: { kind: 'map', key: compiled.expression, map }, random },
    ];
  }
  const of = addr === undefined ? { addresses: null, ports: null } : compileEndpoints(addr);
  const port = body.port === undefined ? null : compilePorts(body.port);
  const to =
    of && port !== undefined
      ? ({ kind: 'fixed', target: { ...of, ports: port ?? of.ports } } as const)
      : ({ kind: 'unknown', text } as const);
  return [{ kind: 'nat', side, to, random }];
}

/** An extension of iptables, of which nft shows the name and, in JSON, no more (1.0.6). */
function compileXt(body: Json | undefined, json: Json): Statement[] {
  const name = isObject(body) ? String(body.name) : '';
  if (HARMLESS_XT.has(name)) return [{ kind: 'harmless', text: name }];
  if (CHANCE_XT.has(name)) return [match({ kind: 'chance', text: `iptables extension ${name}` })];
  const text = `iptables extension ${name}, which nft does not show in full`;
  const type = isObject(body) ? body.type : undefined;
  if (type === 'match') return [match({ kind: 'unknown', text })];
  return type === 'target' ? [{ kind: 'unknown', text }] : unknown(json);
}
