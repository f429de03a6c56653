/** The rules of a long chain that a destination can match: KUBE-SERVICES has thousands. */
import type { Chain, Rule, Value } from './model.js';

const SHORT = 64;

/** Numbers of rules, in order. */
type Numbers = readonly number[];

interface Index {
  readonly byDestination: ReadonlyMap<string, Numbers>;
  /** Of rules that name no address: node ports. */
  readonly byPort: ReadonlyMap<number, Numbers>;
  readonly others: Numbers;
}

const indices = new WeakMap<Chain, Index>();
const NONE: Numbers = [];

/** The chain's rules in order, without those that ask for another destination, or another port. */
export function rulesFor(chain: Chain, destination: string, port: number): readonly Rule[] {
  if (chain.rules.length <= SHORT) return chain.rules;
  const { byDestination, byPort, others } = indices.get(chain) ?? build(chain);
  const own = merge(byDestination.get(destination) ?? NONE, byPort.get(port) ?? NONE);
  return merge(own, others).flatMap(number => chain.rules[number] ?? []);
}

function merge(a: Numbers, b: Numbers): Numbers {
  if (a.length === 0) return b;
  return b.length === 0 ? a : [...a, ...b].sort((x, y) => x - y);
}

function build(chain: Chain): Index {
  const byDestination = new Map<string, number[]>();
  const byPort = new Map<number, number[]>();
  const others: number[] = [];
  for (const [number, rule] of chain.rules.entries()) {
    const destination = valueAsked(rule, 'destination');
    const port = destination === undefined ? valueAsked(rule, 'destinationPort') : undefined;
    if (typeof destination === 'string') append(byDestination, destination, number);
    else if (typeof port === 'number') append(byPort, port, number);
    else others.push(number);
  }
  const index = { byDestination, byPort, others };
  indices.set(chain, index);
  return index;
}

function append<T>(lists: Map<T, number[]>, key: T, number: number): void {
  const list = lists.get(key);
  if (list) list.push(number);
  else lists.set(key, [number]);
}

/** The one value of a field that a rule asks for, among the conditions it begins with. */
function valueAsked(rule: Rule, field: 'destination' | 'destinationPort'): Value | undefined {
  for (const statement of rule.statements) {
    if (statement.kind !== 'match') return undefined;
    const { condition } = statement;
    if (condition.kind !== 'is') return undefined;
    const { left, right, negated } = condition;
    if (left.kind !== 'field' || left.field !== field || negated) continue;
    const [element, more] = right.kind === 'these' ? right.elements : [];
    const pattern = element?.pattern;
    if (more) continue;
    if (pattern?.kind === 'exact') return pattern.value;
    if (pattern?.kind === 'numbers' && pattern.low === pattern.high) return pattern.low;
  }
  return undefined;
}
