/** Whether a condition holds for a packet: yes, no, or a question. */
import type { Network } from '../snapshot/network.js';
import { addressNumber, inPrefix } from './address.js';
import type {
  Condition,
  Element,
  Elements,
  Expression,
  Field,
  NamedSet,
  Pattern,
  PortRange,
  Value,
} from './model.js';
import type { Packet } from './packet.js';
import { addressType, addressTypeOn } from './routing.js';

/** `chance`: some packets yes, others no. `unknown`: nobody can tell from what was saved. */
export type Truth = 'yes' | 'no' | 'chance' | 'unknown';

type Sets = ReadonlyMap<string, NamedSet>;

export function holds(condition: Condition, packet: Packet, network: Network, sets: Sets): Truth {
  switch (condition.kind) {
    case 'always':
      return 'yes';
    case 'never':
      return 'no';
    case 'chance':
      return 'chance';
    case 'unknown':
      return 'unknown';
    case 'is': {
      if (lacksConnection(condition.left, packet)) return 'no';
      const truth = isIn(condition.left, condition.right, packet, network, sets);
      return condition.negated ? not(truth) : truth;
    }
  }
}

/**
 * Without an entry of conntrack its mark and status cannot be asked for, and the rule does not match,
 * negated or not (nft_ct_get_eval(), connmark_mt(), conntrack_mt()). Its state always can.
 */
function lacksConnection(expression: Expression, { tracking }: Packet): boolean {
  return tracking !== 'tracked' && asksConnection(expression);
}

function asksConnection(expression: Expression): boolean {
  switch (expression.kind) {
    case 'field':
      return expression.field === 'ctMark' || expression.field === 'ctStatus';
    case 'masked':
      return expression.field === 'ctMark';
    case 'concat':
      return expression.parts.some(asksConnection);
    case 'dice':
    case 'unknown':
      return false;
  }
}

function not(truth: Truth): Truth {
  if (truth === 'yes') return 'no';
  return truth === 'no' ? 'yes' : truth;
}

/** Whether any element covers the value. */
function isIn(
  left: Expression,
  right: Elements,
  packet: Packet,
  network: Network,
  sets: Sets,
): Truth {
  const only =
    right.kind === 'these' && right.elements.length === 1 ? right.elements[0] : undefined;
  // Nearly every rule of iptables asks for one value.
  if (only && !isAsked(left)) return covers(only.pattern, left, packet, network);
  const found = lookUp(left, right, packet, network, sets);
  if (found === 'unknown' || found === 'chance') return found;
  return found === undefined ? 'no' : 'yes';
}

function isAsked({ kind }: Expression): boolean {
  return kind === 'dice' || kind === 'unknown';
}

/**
 * The element of a set or map that covers the packet's value; `undefined` if there is none. Of several
 * the first, as overlapping ones are no part of a map.
 */
export function lookUp(
  left: Expression,
  elements: Elements,
  packet: Packet,
  network: Network,
  sets: Sets,
): Element | 'chance' | 'unknown' | undefined {
  if (lacksConnection(left, packet)) return undefined;
  if (left.kind === 'dice') return 'chance';
  if (left.kind === 'unknown') return 'unknown';
  const list = elementsIn(elements, sets);
  if (list === undefined) return 'unknown';
  if (list === 'dynamic') return 'chance';
  const { exact, others } = indexed(list);
  const key = exactKey(left, packet, network);
  const direct = key === undefined ? undefined : exact.get(key);
  if (direct) return direct;
  let doubt: 'chance' | 'unknown' | undefined;
  for (const element of key === undefined ? list : others) {
    const truth = covers(element.pattern, left, packet, network);
    if (truth === 'yes') return element;
    if (truth !== 'no') doubt = truth;
  }
  return doubt;
}

function elementsIn(elements: Elements, sets: Sets): readonly Element[] | 'dynamic' | undefined {
  if (elements.kind === 'these') return elements.elements;
  const set = sets.get(elements.name);
  return set?.dynamic ? 'dynamic' : set?.elements;
}

interface Index {
  readonly exact: ReadonlyMap<string, Element>;
  readonly others: readonly Element[];
}

const indices = new WeakMap<readonly Element[], Index>();

/** A cluster's services make maps of thousands, looked up for every one of them. */
function indexed(list: readonly Element[]): Index {
  const known = indices.get(list);
  if (known) return known;
  const exact = new Map<string, Element>();
  const others: Element[] = [];
  for (const element of list) {
    const key = patternKey(element.pattern);
    if (key === undefined) others.push(element);
    else if (!exact.has(key)) exact.set(key, element);
  }
  const index = { exact, others };
  indices.set(list, index);
  return index;
}

function patternKey(pattern: Pattern): string | undefined {
  if (pattern.kind === 'exact') return `${pattern.value} `;
  if (pattern.kind !== 'concat') return undefined;
  const keys = pattern.parts.map(patternKey);
  return keys.includes(undefined) ? undefined : keys.join('');
}

/** The value as a key, where it is one value. */
function exactKey(left: Expression, packet: Packet, network: Network): string | undefined {
  if (left.kind === 'concat') {
    const keys = left.parts.map(part => exactKey(part, packet, network));
    return keys.includes(undefined) ? undefined : keys.join('');
  }
  const values = valuesOf(left, packet, network);
  const [value] = Array.isArray(values) ? values : [];
  return Array.isArray(values) && values.length === 1 ? `${value} ` : undefined;
}

function covers(pattern: Pattern, left: Expression, packet: Packet, network: Network): Truth {
  if (pattern.kind === 'any') return 'yes';
  if (left.kind === 'concat') {
    if (pattern.kind !== 'concat' || pattern.parts.length !== left.parts.length) return 'unknown';
    const truths = left.parts.map((part, index) =>
      covers(pattern.parts[index] ?? { kind: 'any' }, part, packet, network),
    );
    if (truths.includes('no')) return 'no';
    return truths.find(truth => truth !== 'yes') ?? 'yes';
  }
  if (left.kind === 'masked') {
    return coversValue(pattern, (packet[left.field] & left.mask) >>> 0) ? 'yes' : 'no';
  }
  if (left.kind === 'field' && isPlain(left.field)) {
    return coversValue(pattern, packet[left.field]) ? 'yes' : 'no';
  }
  const values = valuesOf(left, packet, network);
  if (values === undefined) return 'unknown';
  if (!Array.isArray(values)) return coversRange(pattern, values as PortRange);
  return values.some(value => coversValue(pattern, value)) ? 'yes' : 'no';
}

type PlainField =
  | 'protocol'
  | 'source'
  | 'destination'
  | 'inInterface'
  | 'outInterface'
  | 'family'
  | 'destinationPort'
  | 'mark'
  | 'ctMark';

/** Whether the packet has the field as one value of its own. */
function isPlain(field: Field): field is PlainField {
  switch (field) {
    case 'protocol':
    case 'source':
    case 'destination':
    case 'inInterface':
    case 'outInterface':
    case 'family':
    case 'destinationPort':
    case 'mark':
    case 'ctMark':
      return true;
    default:
      return false;
  }
}

/** A port that is one of many: all of them, none of them, or some. */
function coversRange(pattern: Pattern, { low, high }: PortRange): Truth {
  const wanted =
    pattern.kind === 'numbers'
      ? pattern
      : pattern.kind === 'exact'
        ? { low: Number(pattern.value), high: Number(pattern.value) }
        : undefined;
  if (!wanted) return 'unknown';
  if (wanted.low <= low && high <= wanted.high) return 'yes';
  return wanted.high < low || high < wanted.low ? 'no' : 'chance';
}

function coversValue(pattern: Pattern, value: Value): boolean {
  switch (pattern.kind) {
    case 'any':
      return true;
    case 'exact':
      return pattern.value === value;
    case 'numbers':
      return typeof value === 'number' && pattern.low <= value && value <= pattern.high;
    case 'beginning':
      return String(value).startsWith(pattern.text);
    case 'prefix':
      return inPrefix(String(value), pattern);
    case 'addresses': {
      const number = addressNumber(String(value));
      const sameFamily = String(value).includes(':') === (pattern.of === 6);
      return sameFamily && number !== undefined && pattern.low <= number && number <= pattern.high;
    }
    case 'concat':
      return false;
  }
}

type Values = readonly Value[] | PortRange | undefined;

function valuesOf(left: Expression, packet: Packet, network: Network): Values {
  switch (left.kind) {
    case 'field':
      return fieldOf(left.field, packet, network);
    case 'masked':
      return [(packet[left.field] & left.mask) >>> 0];
    case 'concat':
    case 'dice':
    case 'unknown':
      return undefined;
  }
}

function fieldOf(field: Field, packet: Packet, network: Network): Values {
  if (isPlain(field)) return [packet[field]];
  switch (field) {
    case 'sourcePort': {
      const { low, high } = packet.sourcePort;
      return low === high ? [low] : packet.sourcePort;
    }
    case 'ctState':
      return states(packet);
    case 'ctStatus':
      return [
        ...(packet.sourceTranslated ? ['snat'] : []),
        ...(packet.destinationTranslated ? ['dnat'] : []),
      ];
    case 'sourceType':
      return [addressType(network, packet.source)];
    case 'destinationType':
      return [addressType(network, packet.destination)];
    case 'sourceTypeOnIn':
      return [addressTypeOn(network, packet.source, packet.inInterface)];
    case 'sourceTypeOnOut':
      return [addressTypeOn(network, packet.source, packet.outInterface)];
    case 'destinationTypeOnIn':
      return [addressTypeOn(network, packet.destination, packet.inInterface)];
    case 'destinationTypeOnOut':
      return [addressTypeOn(network, packet.destination, packet.outInterface)];
    case 'tcpFlags':
      return ['syn', 2];
  }
}

/** xt_conntrack.c: before conntrack has seen a packet it counts as invalid. */
function states({ tracking, sourceTranslated, destinationTranslated }: Packet): string[] {
  if (tracking === 'not yet') return ['invalid'];
  if (tracking === 'untracked') return ['untracked'];
  return ['new', ...(sourceTranslated ? ['snat'] : []), ...(destinationTranslated ? ['dnat'] : [])];
}
