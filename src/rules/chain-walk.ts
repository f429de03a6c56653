/** One base chain, and the chains it leads to, as a packet meets them. */
import { StalesumError } from '../errors.js';
import { holds, lookUp } from './evaluate.js';
import { elementsOf } from './loops.js';
import type {
  Chain,
  Element,
  Elements,
  Endpoints,
  Rule,
  Statement,
  Table,
  Verdict,
} from './model.js';
import { masqueradeAddress, portFate, translateDestination, translateSource } from './nat.js';
import { hexMark } from './numbers.js';
import type { Packet } from './packet.js';
import { rulesFor } from './rule-index.js';
import type { Walk } from './walk.js';

/** How a base chain ended: the packet goes on, or not, or has its translation. */
export type ChainEnd = 'accept' | 'drop' | 'translated';

/** Chains that lead to one another again and again make more steps than any packet could take. */
const MOST_RULES = 500_000;

interface Frame {
  readonly chain: Chain;
  readonly rules: readonly Rule[];
  next: number;
}

type RuleEnd =
  | { readonly kind: 'next' }
  /** The rest of the rule is not for this packet, as when a map has no element for it. */
  | { readonly kind: 'break' }
  | { readonly kind: 'end'; readonly end: ChainEnd }
  | { readonly kind: 'return' }
  | { readonly kind: 'enter'; readonly chain: string; readonly comesBack: boolean };

const NEXT: RuleEnd = { kind: 'next' };
const BREAK: RuleEnd = { kind: 'break' };

/** Walks from the base chain's first rule to a verdict or its policy. */
export function walkBaseChain(chain: Chain, table: Table, packet: Packet, walk: Walk): ChainEnd {
  const callers: Frame[] = [];
  const policy = chain.base?.policy ?? 'accept';
  let frame = frameOf(chain, packet);
  for (;;) {
    const rule = frame.rules[frame.next++];
    const end: RuleEnd = rule ? meetRule(rule, table, packet, walk) : { kind: 'return' };
    if (end.kind === 'end') return end.end;
    if (end.kind === 'return') {
      const caller = callers.pop();
      if (!caller) return policy;
      frame = caller;
    } else if (end.kind === 'enter') {
      const target = table.chains.get(end.chain);
      if (!target) throw new StalesumError('internal', `chain ${end.chain} is not there`);
      if (end.comesBack) callers.push(frame);
      frame = frameOf(target, packet);
    }
  }
}

function frameOf(chain: Chain, packet: Packet): Frame {
  return { chain, rules: rulesFor(chain, packet.destination, packet.destinationPort), next: 0 };
}

/** The statements of one rule from left to right, until one does not hold or ends the rule. */
function meetRule(rule: Rule, table: Table, packet: Packet, walk: Walk): RuleEnd {
  walk.rulesMet += 1;
  if (walk.rulesMet > MOST_RULES) {
    throw new StalesumError(
      'bad-input',
      `${rule.file}:${rule.line ?? 0}: a packet would meet more than ${MOST_RULES} rules here`,
    );
  }
  const effects: string[] = [];
  let end = NEXT;
  for (const statement of rule.statements) {
    if (statement.kind === 'match') {
      const truth = holds(statement.condition, packet, walk.network, table.sets);
      if (truth === 'yes') continue;
      if (truth === 'no' || !decide(truth, statement, rule, packet, walk))
        return noteStep(effects, NEXT, rule, table, packet, walk);
      continue;
    }
    end = apply(statement, rule, table, packet, walk, effects);
    if (end.kind !== 'next') break;
  }
  if (effects.length === 0 && end.kind === 'next') effects.push('nothing');
  return noteStep(effects, end, rule, table, packet, walk);
}

function textOf(statement: Extract<Statement, { kind: 'match' }>): string {
  const { condition } = statement;
  return 'text' in condition ? condition.text : condition.kind;
}

function noteStep(
  effects: readonly string[],
  end: RuleEnd,
  rule: Rule,
  table: Table,
  packet: Packet,
  walk: Walk,
): RuleEnd {
  if (effects.length > 0) walk.note(rule, table, effects.join('; '), packet);
  return end;
}

/** A condition that is neither true nor false is asked about; the same one twice gets one answer. */
function decide(
  truth: 'chance' | 'unknown',
  statement: Extract<Statement, { kind: 'match' }>,
  rule: Rule,
  packet: Packet,
  walk: Walk,
): boolean {
  const text = textOf(statement);
  const answers = ['does not hold', 'holds'];
  if (truth === 'chance') return walk.oracle.ask({ kind: 'dice', text, rule, answers }) === 1;
  const { kind } = statement.condition;
  const { source, destination, outInterface } = packet;
  const same = `${walk.pass} ${kind} ${text} ${source} ${destination} ${outInterface}`;
  return walk.oracle.ask({ kind: 'unknown', text, rule, answers }, same) === 1;
}

function apply(
  statement: Exclude<Statement, { kind: 'match' }>,
  rule: Rule,
  table: Table,
  packet: Packet,
  walk: Walk,
  effects: string[],
): RuleEnd {
  switch (statement.kind) {
    case 'verdict':
      return applyVerdict(statement.verdict, rule, walk, effects);
    case 'verdict-map': {
      const element = pick(statement.key, statement.map, rule, table, packet, walk);
      if (!element) return BREAK;
      if (element.datum?.kind !== 'verdict') return doubt(rule, walk, effects);
      return applyVerdict(element.datum.verdict, rule, walk, effects);
    }
    case 'set-mark': {
      const reads = statement.value.terms.some(({ field }) => field === 'ctMark');
      // Without a connection there is nothing to write to, and reading ends the rule.
      if (packet.tracking !== 'tracked' && (reads || statement.field === 'ctMark')) {
        return reads ? BREAK : NEXT;
      }
      effects.push(setMark(statement, packet));
      return NEXT;
    }
    case 'masquerade': {
      const address = masqueradeAddress(packet, walk.network);
      if (address === undefined) {
        effects.push(`dropped: ${packet.outInterface} has no address to masquerade with`);
        return { kind: 'end', end: 'drop' };
      }
      return changeSource(statement, address, rule, packet, walk, effects);
    }
    case 'nat': {
      const target = targetOf(statement, rule, table, packet, walk);
      if (target === 'none') return BREAK;
      if (target === 'unknown') return doubt(rule, walk, effects);
      if (statement.side === 'destination') {
        effects.push(translateDestination(packet, target));
        return { kind: 'end', end: 'translated' };
      }
      const { ports, addresses } = target;
      const address = addresses?.[0] ?? packet.source;
      return changeSource(
        { ports, random: statement.random },
        address,
        rule,
        packet,
        walk,
        effects,
      );
    }
    case 'redirect': {
      const address = packet.family === 'ip' ? '127.0.0.1' : '::1';
      const { ports } = statement;
      effects.push(translateDestination(packet, { addresses: [address, address], ports }));
      return { kind: 'end', end: 'translated' };
    }
    case 'notrack':
      if (packet.tracking === 'not yet') packet.tracking = 'untracked';
      effects.push(packet.tracking === 'untracked' ? 'not tracked' : 'too late for notrack');
      return NEXT;
    case 'harmless':
      return NEXT;
    case 'unknown':
      return meetUnknown(statement.text, rule, walk, effects);
  }
}

/** It may be a condition that does not hold, or it may do anything. */
function meetUnknown(text: string, rule: Rule, walk: Walk, effects: string[]): RuleEnd {
  doubt(rule, walk, effects, text);
  return NEXT;
}

function doubt(rule: Rule, walk: Walk, effects: string[], text = rule.text): RuleEnd {
  walk.doubts.push({ rule, text });
  effects.push(`not understood: ${text}`);
  return NEXT;
}

function applyVerdict(verdict: Verdict, rule: Rule, walk: Walk, effects: string[]): RuleEnd {
  switch (verdict.kind) {
    case 'accept':
      effects.push('accepted by this base chain');
      return { kind: 'end', end: 'accept' };
    case 'drop':
      effects.push('dropped');
      return { kind: 'end', end: 'drop' };
    case 'reject':
      effects.push('rejected');
      return { kind: 'end', end: 'drop' };
    case 'queue':
      return doubt(rule, walk, effects, 'handed to a program by a queue');
    case 'return':
      effects.push('returns');
      return { kind: 'return' };
    case 'continue':
      return BREAK;
    case 'jump':
    case 'goto':
      effects.push(`${verdict.kind === 'jump' ? 'to' : 'on to'} ${verdict.chain}`);
      return { kind: 'enter', chain: verdict.chain, comesBack: verdict.kind === 'jump' };
  }
}

function setMark(
  { field, value }: Extract<Statement, { kind: 'set-mark' }>,
  packet: Packet,
): string {
  const before = packet[field];
  packet[field] =
    value.terms.reduce((sum, term) => sum ^ (packet[term.field] & term.mask), value.constant) >>> 0;
  const name = field === 'mark' ? 'mark' : 'connection mark';
  return `${name} ${hexMark(before)} -> ${hexMark(packet[field])}`;
}

function changeSource(
  { ports, random }: { readonly ports: Endpoints['ports']; readonly random: boolean },
  address: string,
  rule: Rule,
  packet: Packet,
  walk: Walk,
  effects: string[],
): RuleEnd {
  const fate = portFate(packet.sourcePort, ports, random);
  const rewritten =
    fate === 'rewritten' ||
    (fate === 'depends' &&
      walk.oracle.ask({
        kind: 'dice',
        text: `whether the source port is in ${ports?.low}-${ports?.high}`,
        rule,
        answers: ['it is, and stays', 'it is not, and is rewritten'],
      }) === 1);
  effects.push(translateSource(packet, address, ports, rewritten));
  walk.translatedBy = rule;
  return { kind: 'end', end: 'translated' };
}

function targetOf(
  { to }: Extract<Statement, { kind: 'nat' }>,
  rule: Rule,
  table: Table,
  packet: Packet,
  walk: Walk,
): Endpoints | 'none' | 'unknown' {
  switch (to.kind) {
    case 'fixed':
      return to.target;
    case 'unknown':
      return 'unknown';
    case 'map': {
      const element = pick(to.key, to.map, rule, table, packet, walk);
      if (!element) return 'none';
      return element.datum?.kind === 'target' ? element.datum.target : 'unknown';
    }
  }
}

/** The element of a map for this packet; where dice decide, each of them in turn. */
function pick(
  key: Parameters<typeof lookUp>[0],
  map: Elements,
  rule: Rule,
  table: Table,
  packet: Packet,
  walk: Walk,
): Element | undefined {
  const found = lookUp(key, map, packet, walk.network, table.sets);
  if (found !== 'chance' && found !== 'unknown') return found;
  const elements = elementsOf(map, table);
  // Dice always fall on an element; anything else may also find none.
  const none = key.kind === 'dice' ? [] : ['none of them'];
  const index = walk.oracle.ask({
    kind: found === 'chance' ? 'dice' : 'unknown',
    text: 'which element of the map is taken',
    rule,
    answers: [...elements.map((_, number) => `element ${number + 1}`), ...none],
  });
  return elements[index];
}
