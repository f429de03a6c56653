/** What the options of iptables become. */
import type { IpSets } from './ipset.js';
import { type Option, optionText } from './iptables-words.js';
import type { AddressFamily, Condition, Field, Origin, Pattern } from './model.js';

/** Where the rule stands, for faults and for what depends on it. */
export interface RuleContext extends Origin {
  readonly family: AddressFamily;
  /** Sets whose members were saved. */
  readonly ipsets: IpSets;
}

/** `field` is one of the patterns, or none of them if the option was negated. */
export function is(field: Field, patterns: readonly Pattern[], option: Option): Condition {
  return {
    kind: 'is',
    left: { kind: 'field', field },
    right: { kind: 'these', elements: patterns.map(pattern => ({ pattern, datum: null })) },
    negated: option.negated,
    text: optionText(option),
  };
}

export function unknown(option: Option): Condition {
  return { kind: 'unknown', text: optionText(option) };
}

/** Protocols by the name that packets carry here; others by number never match them. */
export function protocolPattern(name: string): Pattern {
  switch (name) {
    case 'all':
    case '0':
      return { kind: 'any' };
    case '6':
      return { kind: 'exact', value: 'tcp' };
    case '17':
      return { kind: 'exact', value: 'udp' };
    default:
      return { kind: 'exact', value: name };
  }
}

const shared = new Map<string, Condition>();
/** A cluster's rules ask for the same few protocols, ports and interfaces, thousands of times. */
const MOST_SHARED = 1000;

/** The condition of an option that means the same wherever it stands: one record for all of them. */
export function sharedCondition(
  match: string,
  option: Option,
  compile: (option: Option) => Condition,
): Condition {
  if (option.values.length !== 1) return compile(option);
  const key = `${match} ${option.negated ? '!' : ''}${option.name} ${option.values[0]}`;
  const known = shared.get(key);
  if (known) return known;
  const condition = compile(option);
  if (shared.size < MOST_SHARED) shared.set(key, condition);
  return condition;
}
