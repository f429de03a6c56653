/**
 * What a walk cannot know, it asks; and every answer is tried. A walk is a plain function of the answers
 * it gets, so all its ways are seen by running it again and again, each time with the next answers.
 */
import type { Rule } from './model.js';

export type ChoiceKind =
  /** Dice, time or history of the packets: each answer happens to some packet. */
  | 'dice'
  /** Which base chain was registered last. */
  | 'order'
  /** A condition that is not understood. */
  | 'unknown';

export interface Question {
  readonly kind: ChoiceKind;
  /** What is asked, for people. */
  readonly text: string;
  readonly rule: Rule | null;
  /** The answers, for people. */
  readonly answers: readonly string[];
}

export interface Choice extends Question {
  readonly taken: number;
}

export class Oracle {
  readonly #script: readonly number[];
  readonly #choices: Choice[] = [];
  readonly #remembered = new Map<string, number>();

  constructor(script: readonly number[]) {
    this.#script = script;
  }

  get choices(): readonly Choice[] {
    return this.#choices;
  }

  /** Answers a question. One with a `key` is answered the same whenever it comes again in this walk. */
  ask(question: Question, key?: string): number {
    const known = key === undefined ? undefined : this.#remembered.get(key);
    if (known !== undefined) return known;
    const taken = this.#script[this.#choices.length] ?? 0;
    this.#choices.push({ ...question, taken });
    if (key !== undefined) this.#remembered.set(key, taken);
    return taken;
  }
}

export interface Explored<T> {
  readonly runs: readonly { readonly choices: readonly Choice[]; readonly result: T }[];
  /** False if there were more ways than were tried. */
  readonly complete: boolean;
}

/**
 * Runs the walk for every combination of answers, at most `limit` times.
 *
 * @param enough Asked after each way; true ends the search as if the limit were met.
 */
export function explore<T>(
  walk: (oracle: Oracle) => T,
  limit: number,
  enough: (result: T) => boolean = () => false,
): Explored<T> {
  const runs: { choices: readonly Choice[]; result: T }[] = [];
  let script: readonly number[] | undefined = [];
  while (script && runs.length < limit) {
    const oracle: Oracle = new Oracle(script);
    const result = walk(oracle);
    runs.push({ choices: oracle.choices, result });
    script = nextScript(oracle.choices);
    if (enough(result)) break;
  }
  return { runs, complete: script === undefined };
}

/** The last answer that has an alternative left is changed; `undefined` when all were tried. */
function nextScript(choices: readonly Choice[]): number[] | undefined {
  for (let index = choices.length - 1; index >= 0; index--) {
    const choice = choices[index];
    if (choice && choice.taken + 1 < choice.answers.length) {
      return [...choices.slice(0, index).map(({ taken }) => taken), choice.taken + 1];
    }
  }
  return undefined;
}
