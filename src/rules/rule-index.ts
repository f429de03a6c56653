/** The rules of a long chain that a destination can match: KUBE-SERVICES has thousands. */
import type { Chain, Rule } from './model.js';

const SHORT = 64;

interface Index {
  readonly byDestination: ReadonlyMap<string, readonly number[]>;
  readonly others: readonly number[];
}

const indices = new WeakMap<Chain, Index>();

/** The chain's rules in order, without those that ask for another destination. */
export function rulesFor(chain: Chain, destination: string): readonly Rule[] {
  if (chain.rules.length <= SHORT) return chain.rules;
  const index = indices.get(chain) ?? build(chain);
  const own = index.byDestination.get(destination) ?? [];
  return [...own, ...index.others]
    .sort((a, b) => a - b)
    .flatMap(number => chain.rules[number] ?? []);
}

function build(chain: Chain): Index {
  const byDestination = new Map<string, number[]>();
  const others: number[] = [];
  for (const [number, rule] of chain.rules.entries()) {
    const destination = destinationOf(rule);
    if (destination === undefined) others.push(number);
    else if (!byDestination.get(destination)?.push(number))
      byDestination.set(destination, [number]);
  }
  const index = { byDestination, others };
  indices.set(chain, index);
  return index;
}

/** The one destination that a rule asks for, among the conditions it begins with. */
export function destinationOf(rule: Rule): string | undefined {
  for (const statement of rule.statements) {
    if (statement.kind !== 'match') return undefined;
    const { condition } = statement;
    if (condition.kind !== 'is') return undefined;
    const { left, right, negated } = condition;
    if (left.kind !== 'field' || left.field !== 'destination' || negated) continue;
    const [element, more] = right.kind === 'these' ? right.elements : [];
    const pattern = element?.pattern;
    if (pattern?.kind === 'exact' && !more) return String(pattern.value);
  }
  return undefined;
}
