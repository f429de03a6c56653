/** Predictions: every way that a flow's first packet can take, and what they have in common. */

import type { KubeProxy } from '../snapshot/kube-proxy.js';
import { formatEndpoint } from '../wire/address.js';
import { familyOf } from './address.js';
import { type ChecksumFacts, judge } from './checksum-fate.js';
import type { Ruleset } from './model.js';
import { hexMark } from './numbers.js';
import { type Choice, type Explored, explore } from './oracle.js';
import { type Outcome, outcomeOf, placeOf } from './outcome.js';
import type { PredictedStep, Prediction, RuleReference } from './prediction.js';
import { recommendFor } from './recommend.js';
import type { KnownSender } from './sender.js';
import { stripVolatile } from './text.js';
import type { Flow } from './two-passes.js';
import type { UnreadRules } from './unread.js';
import type { Step } from './walk.js';

/** Ways of one flow that are tried; past it the answer is uncertain. */
const MOST_WAYS = 2048;
/** And so many rules in all of them together: a file made to keep us busy does not. */
const MOST_RULES = 5_000_000;

/** IPVS is followed after net/netfilter/ipvs/ip_vs_core.c; no kernel with it was at hand to measure. */
const IPVS_UNMEASURED =
  'uncertain: IPVS chooses the endpoint, and what it does was read in its sources but never measured; by them';

type Runs = Explored<Outcome>['runs'];

export interface PredictionFacts extends ChecksumFacts {
  readonly ruleset: Ruleset;
  readonly unread: UnreadRules;
  readonly kubeProxy: KubeProxy | undefined;
}

/** Predicts what becomes of one flow. */
export function predict(
  flow: Flow,
  service: string | null,
  sender: KnownSender,
  facts: PredictionFacts,
): Prediction {
  let rules = 0;
  const explored = explore(
    oracle => outcomeOf(flow, sender, oracle),
    MOST_WAYS,
    ({ rulesMet }) => {
      rules += rulesMet;
      return rules > MOST_RULES;
    },
  );
  const tunnelled = explored.runs.filter(({ result }) => result.journey.kind === 'tunnelled');
  const relevant = tunnelled.length > 0 ? tunnelled : explored.runs;
  const shown = worst(relevant);
  const question = deciding(relevant);
  const agrees = question === undefined && shown.doubt === null;
  const unmeasured = tunnelled.some(
    ({ result: { journey } }) => journey.kind === 'tunnelled' && journey.byIpvs,
  );
  const unread = unreadOnTheWay(flow, tunnelled, facts.unread);
  const certain = agrees && explored.complete && !unmeasured && unread === undefined;
  const rewritten = certain ? shown.rewritten : null;
  const fate = judge(flow, shown, tunnelled.length > 0, certain, facts);
  return {
    flow: {
      source: shown.journey.inner?.source ?? flow.from,
      target: formatEndpoint(flow.address, flow.port),
      protocol: flow.protocol,
      from: flow.from,
      service,
      endpoints: endpointsOf(tunnelled),
    },
    verdict: fate.verdict,
    certain,
    outerSourcePortRewritten: rewritten,
    decidingRule: decidingRule(question, shown),
    steps: shown.steps.map(predictedStep),
    because: because(explored, tunnelled, shown, question, {
      fate: fate.because,
      reservation:
        unread === undefined ? (unmeasured ? IPVS_UNMEASURED : '') : withoutRules(unread),
    }),
    recommendations: recommendFor(fate.verdict, shown, question, facts.ruleset, facts.kubeProxy),
    assumptions: [...sender.assumptions, ...fate.assumptions],
    outcomes: certain || unread !== undefined ? [] : outcomesOf(relevant, question),
  };
}

/** What was not read of the rules that the packet passes, within the tunnel or around it. */
function unreadOnTheWay(flow: Flow, tunnelled: Runs, unread: UnreadRules): string | undefined {
  const outer = tunnelled.flatMap(({ result: { journey } }) =>
    journey.kind === 'tunnelled' ? [journey.outer.source] : [],
  );
  const families = new Set([flow.address, ...outer].map(familyOf));
  const texts = [...families].flatMap(family => unread.get(family) ?? []);
  return texts.length > 0 ? texts.join('; ') : undefined;
}

function withoutRules(unread: string): string {
  return `uncertain: ${unread}; by those that were`;
}

/** The way to show: one that is not understood, else one with the rewrite, else the first. */
function worst(runs: Runs): Outcome {
  const results = runs.map(({ result }) => result);
  const found =
    results.find(({ doubt }) => doubt !== null) ??
    results.find(({ rewritten, addressRewritten }) => rewritten === true || addressRewritten) ??
    results[0];
  if (!found) throw new Error('no way was walked');
  return found;
}

function resultKey({ rewritten, addressRewritten }: Outcome): string {
  return `${rewritten} ${addressRewritten}`;
}

/**
 * The question on which the result hangs: where two ways with different results part, as late as
 * possible. `undefined` if all have the same.
 */
function deciding(runs: Runs): Choice | undefined {
  let best: { choice: Choice; depth: number } | undefined;
  for (const [index, run] of runs.entries()) {
    // Ways are tried in the order of their answers, so the closest relatives are neighbours.
    const previous = runs[index - 1];
    if (!previous || resultKey(previous.result) === resultKey(run.result)) continue;
    const depth = run.choices.findIndex(
      (choice, at) => choice.taken !== previous.choices[at]?.taken,
    );
    const choice = run.choices[depth];
    if (choice && (!best || depth > best.depth)) best = { choice, depth };
  }
  return best?.choice;
}

function decidingRule(question: Choice | undefined, { deciding: step, doubt }: Outcome) {
  const rule = doubt?.rule ?? question?.rule;
  if (rule) {
    const reference: RuleReference = {
      pass: step?.pass ?? 'inner',
      table: '',
      chain: rule.chain,
      rule: stripVolatile(rule.text),
      line: rule.line,
      file: rule.file,
    };
    return reference;
  }
  return step ? referenceOf(step) : null;
}

function referenceOf({ pass, table, chain, rule, line, file }: Step): RuleReference {
  return { pass, table, chain, rule: stripVolatile(rule), line, file };
}

function predictedStep(step: Step): PredictedStep {
  const { pass, table, chain, line, file, effect } = step;
  const rule = stripVolatile(step.rule);
  return { pass, table, chain, rule, line, file, effect, mark: hexMark(step.mark) };
}

function endpointsOf(tunnelled: Runs): string[] {
  const endpoints = tunnelled.map(({ result: { journey } }) =>
    journey.inner ? formatEndpoint(journey.inner.destination, journey.inner.destinationPort) : '',
  );
  return [...new Set(endpoints)].sort();
}

function because(
  { complete, runs }: Explored<Outcome>,
  tunnelled: Runs,
  shown: Outcome,
  question: Choice | undefined,
  { fate, reservation }: { readonly fate: string; readonly reservation: string },
): string {
  if (reservation !== '') {
    const found = because({ complete, runs }, tunnelled, shown, question, {
      fate: '',
      reservation: '',
    });
    return `${reservation}: ${found}`;
  }
  if (shown.doubt) {
    const { rule, text } = shown.doubt;
    return `uncertain: ${placeOf(rule)} in chain ${rule.chain} is not understood (${text})`;
  }
  if (question) return `uncertain: ${questionText(question)}`;
  const rule = shown.deciding;
  const by = rule ? `decided by ${rule.chain} (${placeOf(rule)})` : '';
  const elsewhere = runs.length - tunnelled.length;
  const some =
    tunnelled.length > 0 && elsewhere > 0
      ? '; some of its endpoints are not behind the tunnel'
      : '';
  const limit = complete ? '' : `; only ${runs.length} of its possible ways were walked`;
  return `${[shown.because, by, fate].filter(part => part !== '').join('; ')}${some}${limit}`;
}

function questionText({ kind, text, rule, answers }: Choice): string {
  const where = rule ? `${placeOf(rule)}: ` : '';
  switch (kind) {
    case 'order':
      return `it depends on ${text}, which no saved file tells: ${answers.join(', or ')}. --order says it`;
    case 'unknown':
      return `${where}whether "${text}" holds is not known, and it decides`;
    case 'dice':
      return `${where}"${text}" holds for some packets and not for others, and it decides`;
  }
}

function outcomesOf(runs: Runs, question: Choice | undefined): Prediction['outcomes'] {
  const seen = new Map<string, Prediction['outcomes'][number]>();
  for (const { choices, result } of runs) {
    const answer = choices.find(
      choice => question && choice.text === question.text && choice.rule === question.rule,
    );
    const condition = answer ? (answer.answers[answer.taken] ?? '') : result.because;
    const key = `${condition} ${result.rewritten}`;
    seen.set(key, { if: condition, outerSourcePortRewritten: result.rewritten });
  }
  return [...seen.values()].slice(0, 16);
}
