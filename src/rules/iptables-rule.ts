/** One rule of iptables-save as statements: its own conditions, its matches, its target. */
import { addressPattern } from './address.js';
import { ruleFault } from './fault.js';
import {
  is,
  protocolPattern,
  type RuleContext,
  sharedCondition,
  unknown,
} from './iptables-conditions.js';
import { compileMatch } from './iptables-matches.js';
import { compileTarget } from './iptables-targets.js';
import { firstValue, type Option, splitOptions } from './iptables-words.js';
import type { Condition, Pattern, Statement } from './model.js';

interface Group {
  readonly name: string;
  readonly options: Option[];
}

/** Statements of the rule behind `-A CHAIN`, which ends at `from`. @throws StalesumError `bad-input` */
export function compileRule(text: string, from: number, at: RuleContext): Statement[] {
  const conditions: Condition[] = [];
  const groups: Group[] = [];
  let target: (Group & { readonly goto: boolean }) | undefined;
  let protocol = '';
  for (const option of splitOptions(text, from, at)) {
    const owner = target ?? groups.at(-1);
    switch (option.name) {
      case '-m':
      case '--match':
        if (target) throw ruleFault(at.file, at.line, 'expected no -m behind the target');
        groups.push({ name: firstValue(option, at), options: [] });
        break;
      case '-j':
      case '--jump':
      case '-g':
      case '--goto':
        if (target) throw ruleFault(at.file, at.line, 'expected one target, found a second');
        target = { name: firstValue(option, at), options: [], goto: /^--?g/.test(option.name) };
        break;
      case '-p':
      case '--protocol':
        protocol = firstValue(option, at);
        conditions.push(sharedCondition('', option, asked => basic(asked, at)));
        break;
      case '-i':
      case '-o':
        conditions.push(sharedCondition('', option, asked => basic(asked, at)));
        break;
      case '-s':
      case '-d':
      case '-f':
        conditions.push(basic(option, at));
        break;
      default:
        // Without -m, an option belongs to the protocol's own match.
        if (owner) owner.options.push(option);
        else groups.push({ name: protocol, options: [option] });
    }
  }
  for (const { name, options } of groups) conditions.push(...compileMatch(name, options, at));
  const statements: Statement[] = [];
  for (const condition of conditions) {
    if (condition.kind !== 'always') statements.push({ kind: 'match', condition });
  }
  if (target) statements.push(compileTarget(target.name, target.options, target.goto, at));
  return statements;
}

/** The conditions that every rule of iptables can have. */
function basic(option: Option, at: RuleContext): Condition {
  const value = option.name === '-f' ? '' : firstValue(option, at);
  switch (option.name) {
    case '-s':
    case '-d': {
      const pattern = addressPattern(value);
      if (!pattern) {
        if (/^[0-9a-f.:]+\/[0-9a-f.:]+$/i.test(value)) return unknown(option);
        throw ruleFault(
          at.file,
          at.line,
          `expected an address after ${option.name}, found "${value}"`,
        );
      }
      return is(option.name === '-s' ? 'source' : 'destination', [pattern], option);
    }
    case '-i':
      return is('inInterface', [interfacePattern(value)], option);
    case '-o':
      return is('outInterface', [interfacePattern(value)], option);
    case '-f':
      // Packets are whole here: they are small, and conntrack puts fragments together.
      return option.negated ? { kind: 'always' } : { kind: 'never' };
    default:
      return is('protocol', [protocolPattern(value)], option);
  }
}

/** `eth0`, or `cali+` for every name that begins so. */
function interfacePattern(name: string): Pattern {
  if (name === '+') return { kind: 'any' };
  if (name.endsWith('+')) return { kind: 'beginning', text: name.slice(0, -1) };
  return { kind: 'exact', value: name };
}
