/** What one walk came to: whether the outer datagram is translated again, and which rule decided. */
import type { Rule } from './model.js';
import { hexMark } from './numbers.js';
import type { Oracle } from './oracle.js';
import { type Flow, type Journey, type Sender, walkBothPasses } from './two-passes.js';
import { type Step, Walk } from './walk.js';

export interface Outcome {
  readonly journey: Journey;
  readonly steps: readonly Step[];
  /** Null where a rule that is not understood was met. */
  readonly rewritten: boolean | null;
  readonly addressRewritten: boolean;
  readonly deciding: Step | null;
  /** Why, beginning in lower case. */
  readonly because: string;
  readonly doubt: { readonly rule: Rule; readonly text: string } | null;
  /** How many rules the packet met, matching or not. */
  readonly rulesMet: number;
}

export function outcomeOf(flow: Flow, sender: Sender, oracle: Oracle): Outcome {
  const walk = new Walk(sender.network, oracle);
  const journey = walkBothPasses(flow, sender, walk);
  const doubt = walk.doubts[0] ?? null;
  const found = decide(journey, walk);
  const translated = journey.kind === 'tunnelled' ? journey.outer : undefined;
  return {
    journey,
    steps: walk.steps,
    rewritten: doubt ? null : (translated?.portRewritten ?? false),
    addressRewritten: translated?.addressRewritten ?? false,
    deciding: found.step ?? null,
    because: found.because,
    doubt,
    rulesMet: walk.rulesMet,
  };
}

interface Decision {
  readonly step: Step | undefined;
  readonly because: string;
}

function decide(journey: Journey, walk: Walk): Decision {
  const { steps } = walk;
  if (journey.kind === 'not-tunnelled') return { step: steps.at(-1), because: journey.because };
  const { outer, carried } = journey;
  const second = lastWhere(steps, step => step.pass === 'outer' && isTranslation(step));
  if (second) return translatedAgain(second, journey, steps);
  if (outer.tracking === 'untracked') {
    const step = lastWhere(
      steps,
      found => found.pass === 'outer' && /not tracked/.test(found.effect),
    );
    return { step, because: 'the outer datagram is not tracked, so no NAT rule sees it' };
  }
  const cleared = lastWhere(steps, clearsBits);
  if (cleared) {
    const where =
      cleared.pass === 'inner' ? 'before the packet enters the tunnel' : 'on the outer datagram';
    return { step: cleared, because: `the masquerade mark is taken off ${where}` };
  }
  if (carried === 0) return neverMarked(steps);
  return markWithoutMatch(carried, steps);
}

function translatedAgain(
  step: Step,
  { outer, carried }: Extract<Journey, { kind: 'tunnelled' }>,
  steps: readonly Step[],
): Decision {
  const first = lastWhere(steps, found => found.pass === 'inner' && isTranslation(found));
  const left =
    first && carried !== 0
      ? `; it still carries mark ${hexMark(carried)}, as the inner packet was masqueraded by ${first.chain} (${placeOf(first)})`
      : '';
  return { step, because: `${secondSnat(outer.portRewritten, outer.addressRewritten)}${left}` };
}

/** `file:line`; of JSON the file alone. */
export function placeOf({ file, line }: { readonly file: string; readonly line: number | null }) {
  return line === null ? file : `${file}:${line}`;
}

function secondSnat(port: boolean, address: boolean): string {
  if (port) {
    const also = address ? ', and its source address as well' : '';
    return `the outer datagram gets a second SNAT, with a new source port${also}`;
  }
  return address
    ? 'the outer datagram gets another source address; its port stays'
    : 'the outer datagram is translated a second time, but keeps its port';
}

/** The mark is carried, and yet no rule translates the outer datagram. */
function markWithoutMatch(carried: number, steps: readonly Step[]): Decision {
  const accepted = lastWhere(
    steps,
    ({ pass, hook, effect }) =>
      pass === 'outer' && hook === 'postrouting' && /accepted by|returns/.test(effect),
  );
  const mark = hexMark(carried);
  if (accepted && /accepted/.test(accepted.effect)) {
    return {
      step: accepted,
      because: `the outer datagram carries mark ${mark}, but is accepted before a rule masquerades it`,
    };
  }
  const first = lastWhere(steps, step => step.pass === 'inner' && isTranslation(step));
  const which = first ? 'the rule that masqueraded the inner packet' : 'no rule';
  return {
    step: accepted ?? first,
    because: first
      ? `the outer datagram carries mark ${mark}, but ${which} does not match it`
      : `the outer datagram carries mark ${mark}, and ${which} translates it`,
  };
}

function neverMarked(steps: readonly Step[]): Decision {
  const first = lastWhere(steps, step => step.pass === 'inner' && isTranslation(step));
  if (first) {
    return {
      step: first,
      because: 'the packet is masqueraded once, and carries no mark into the tunnel',
    };
  }
  return {
    step: lastWhere(steps, ({ pass, hook }) => pass === 'inner' && hook === 'postrouting'),
    because: 'the packet is neither marked nor masqueraded',
  };
}

export function isTranslation({ effect }: Step): boolean {
  return /\bsource (stays|[0-9a-f.:]+ ->)/.test(effect);
}

/** Whether the step took bits off the mark and put none on. */
function clearsBits({ effect }: Step): boolean {
  const match = /(?:^|; )mark (0x[0-9a-f]+) -> (0x[0-9a-f]+)/.exec(effect);
  if (!match) return false;
  const [before, after] = [Number(match[1]), Number(match[2])];
  return (before & ~after) !== 0;
}

function lastWhere(steps: readonly Step[], wanted: (step: Step) => boolean): Step | undefined {
  return steps.findLast(wanted);
}
