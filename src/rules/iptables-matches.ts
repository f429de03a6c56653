/**
 * The matches of iptables (`-m NAME ...`) as conditions; semantics after net/netfilter/xt_*.c and
 * iptables-extensions(8). What is not listed becomes an unknown condition with its text.
 */
import { addressNumber } from './address.js';
import { ruleFault } from './fault.js';
import { setKey } from './ipset.js';
import { is, type RuleContext, sharedCondition, unknown } from './iptables-conditions.js';
import { firstValue, type Option, optionText } from './iptables-words.js';
import type { Condition, Field, Pattern } from './model.js';
import { parseMask, parsePorts } from './numbers.js';

/** Conditions of one match; all of them must hold. @throws StalesumError `bad-input` */
export function compileMatch(
  name: string,
  options: readonly Option[],
  at: RuleContext,
): Condition[] {
  const each = (compile: (option: Option) => Condition) => options.map(compile);
  switch (name) {
    case 'comment':
    case 'nfacct':
    case 'tcpmss':
      return name === 'tcpmss' ? [whole(name, options)] : [];
    case 'tcp':
    case 'udp':
    case 'sctp':
    case 'udplite':
    case 'dccp':
      return each(option => sharedCondition(name, option, asked => transport(asked, at)));
    case 'multiport':
      return each(option => multiport(option, at));
    case 'mark':
      return each(option =>
        sharedCondition(name, option, asked => markCondition('mark', asked, at)),
      );
    case 'connmark':
      return each(option => markCondition('ctMark', option, at));
    case 'conntrack':
    case 'state':
      return each(option => conntrack(option, at));
    case 'addrtype':
      return addressTypes(options, at);
    case 'iprange':
      return each(option => addressRange(option, at));
    case 'statistic':
      return [isCertain(options) ? { kind: 'always' } : chance(name, options)];
    case 'recent':
      return [isRecentUpdate(options) ? { kind: 'always' } : chance(name, options)];
    case 'limit':
    case 'hashlimit':
    case 'connlimit':
    case 'connbytes':
    case 'quota':
    case 'time':
    case 'cpu':
      return [chance(name, options)];
    case 'icmp':
    case 'icmp6':
    case 'icmpv6':
      // Reached only by packets of that protocol, and none of ours is.
      return [{ kind: 'never' }];
    case 'set':
      return ipset(options, at);
    case 'physdev':
      return each(physdev);
    case 'rpfilter':
      // Our packets arrive by the way that leads back.
      return [options.some(option => option.name === '--invert') ? { kind: 'never' } : always];
    default:
      return [whole(name, options)];
  }
}

const always: Condition = { kind: 'always' };

function whole(name: string, options: readonly Option[]): Condition {
  return { kind: 'unknown', text: ['-m', name, ...options.map(optionText)].join(' ') };
}

function chance(name: string, options: readonly Option[]): Condition {
  return { kind: 'chance', text: ['-m', name, ...options.map(optionText)].join(' ') };
}

function isCertain(options: readonly Option[]): boolean {
  const probability = options.find(({ name }) => name === '--probability')?.values[0];
  return probability !== undefined && Number(probability) >= 1;
}

/** `--set` alone notes the address and is true (xt_recent.c). */
function isRecentUpdate(options: readonly Option[]): boolean {
  return options.some(({ name, negated }) => name === '--set' && !negated);
}

function transport(option: Option, at: RuleContext): Condition {
  switch (option.name) {
    case '--sport':
    case '--source-port':
      return portsCondition('sourcePort', [firstValue(option, at)], option);
    case '--dport':
    case '--destination-port':
      return portsCondition('destinationPort', [firstValue(option, at)], option);
    case '--tcp-flags':
      return tcpFlags(option, at);
    case '--syn':
      return fixed(true, option);
    default:
      return unknown(option);
  }
}

/** The first packet of a connection has SYN and nothing else: flags masked must be what is asked. */
function tcpFlags(option: Option, at: RuleContext): Condition {
  const [mask, wanted] = option.values;
  if (mask === undefined || wanted === undefined) {
    throw ruleFault(at.file, at.line, 'expected a mask and flags after --tcp-flags');
  }
  const inMask = mask === 'ALL' || mask.split(',').includes('SYN');
  return fixed(wanted === (inMask ? 'SYN' : 'NONE'), option);
}

function fixed(holds: boolean, { negated }: Option): Condition {
  return holds !== negated ? { kind: 'always' } : { kind: 'never' };
}

function multiport(option: Option, at: RuleContext): Condition {
  const lists = firstValue(option, at).split(',');
  switch (option.name) {
    case '--sports':
    case '--source-ports':
      return portsCondition('sourcePort', lists, option);
    case '--dports':
    case '--destination-ports':
      return portsCondition('destinationPort', lists, option);
    default:
      return unknown(option);
  }
}

function portsCondition(field: Field, texts: readonly string[], option: Option): Condition {
  const patterns: Pattern[] = [];
  for (const text of texts) {
    const ports = parsePorts(text, ':');
    if (!ports) return unknown(option);
    patterns.push({ kind: 'numbers', ...ports });
  }
  return is(field, patterns, option);
}

/** `(mark & mask) == value` (xt_mark.c). */
function markCondition(field: 'mark' | 'ctMark', option: Option, at: RuleContext): Condition {
  if (option.name !== '--mark') return unknown(option);
  const parsed = parseMask(firstValue(option, at));
  if (!parsed) {
    throw ruleFault(at.file, at.line, `expected a mark after --mark, found "${option.values[0]}"`);
  }
  return {
    kind: 'is',
    left: { kind: 'masked', field, mask: parsed.mask },
    right: {
      kind: 'these',
      elements: [{ pattern: { kind: 'exact', value: parsed.value }, datum: null }],
    },
    negated: option.negated,
    text: optionText(option),
  };
}

function conntrack(option: Option, at: RuleContext): Condition {
  switch (option.name) {
    case '--ctstate':
    case '--state':
      return is('ctState', words(firstValue(option, at)), option);
    case '--ctstatus':
      if (/NONE/.test(firstValue(option, at))) return unknown(option);
      return is('ctStatus', words(firstValue(option, at)), option);
    case '--ctdir':
      return fixed(firstValue(option, at) === 'ORIGINAL', option);
    default:
      return unknown(option);
  }
}

/** `--limit-iface-out` is no condition of its own: it narrows the others to one device (xt_addrtype.c). */
function addressTypes(options: readonly Option[], at: RuleContext): Condition[] {
  const limits = options.filter(({ name }) => name.startsWith('--limit-iface-'));
  const on = LIMITS[limits[0]?.name ?? ''] ?? '';
  return options
    .filter(option => !limits.includes(option))
    .map(option => addressType(option, on, at));
}

const LIMITS: Readonly<Record<string, 'OnIn' | 'OnOut'>> = {
  '--limit-iface-in': 'OnIn',
  '--limit-iface-out': 'OnOut',
};

function addressType(option: Option, on: '' | 'OnIn' | 'OnOut', at: RuleContext): Condition {
  switch (option.name) {
    case '--src-type':
      return is(`sourceType${on}`, words(firstValue(option, at)), option);
    case '--dst-type':
      return is(`destinationType${on}`, words(firstValue(option, at)), option);
    default:
      return unknown(option);
  }
}

function words(list: string): Pattern[] {
  return list.split(',').map(word => ({ kind: 'exact', value: word.toLowerCase() }));
}

function addressRange(option: Option, at: RuleContext): Condition {
  const [first = '', last = first] = firstValue(option, at).split('-');
  const [low, high] = [addressNumber(first), addressNumber(last)];
  if (low === undefined || high === undefined) return unknown(option);
  const pattern: Pattern = { kind: 'addresses', low, high, of: first.includes(':') ? 6 : 4 };
  switch (option.name) {
    case '--src-range':
      return is('source', [pattern], option);
    case '--dst-range':
      return is('destination', [pattern], option);
    default:
      return unknown(option);
  }
}

/**
 * What a set holds is not saved with the rules, but by `ipset save`. Without that one is known by what
 * it is for: in IPVS mode kube-proxy keeps the cluster's service addresses in KUBE-CLUSTER-IP, and
 * those are local addresses there.
 */
function ipset(options: readonly Option[], at: RuleContext): Condition[] {
  return options.map(option => {
    const [name = '', directions = ''] = option.values;
    const text = `-m set ${optionText(option)}`;
    if (option.name !== '--match-set' || options.length > 1) return { kind: 'unknown', text };
    const set = at.ipsets.get(name);
    if (!set && /^KUBE-(6-)?CLUSTER-IP$/.test(name) && directions.startsWith('dst')) {
      return is('destinationType', [{ kind: 'exact', value: 'local' }], option);
    }
    if (!set) return { kind: 'unknown', text: `${text}: its members were not saved (ipset save)` };
    const left = setKey(set, directions);
    if (set.doubt !== null) return { kind: 'unknown', text: `${text}: ${set.doubt}` };
    if (!left) return { kind: 'unknown', text };
    const right = { kind: 'these', elements: set.elements } as const;
    return { kind: 'is', left, right, negated: option.negated, text };
  });
}

/** Our packets are routed, not bridged; which port of a bridge they came in by is not known. */
function physdev(option: Option): Condition {
  return option.name === '--physdev-is-bridged' ? fixed(false, option) : unknown(option);
}
