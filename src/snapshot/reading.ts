/**
 * One reading of a node: a command, what it printed, and when. A command that is missing or refused
 * leaves a gap that says so, and nothing that a parser could take for an answer.
 */
import { messageOf } from '../errors.js';
import type { Node } from '../node/node.js';

export interface Reading {
  /** What the output is called in a node's folder. */
  readonly file: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Many nodes have no such thing, and nothing is amiss without it. */
  readonly optional?: boolean;
  /** Its exit code says nothing, as with grep over files that come and go. */
  readonly mayFail?: boolean;
  /** Turns what was printed into what is kept. */
  readonly shape?: (output: string) => string;
}

/** What is kept beside the output: one line of `readings.jsonl`. */
export interface ReadingRecord {
  readonly file: string;
  /** As somebody would type it. */
  readonly command: string;
  /** UTC, by the clock of the machine that asked: ISO 8601. */
  readonly at: string;
  /** Why there is no output; null if there is. */
  readonly gap: string | null;
  /** The gap means nothing. */
  readonly optional: boolean;
}

export interface ReadingAnswer {
  readonly record: ReadingRecord;
  /** `undefined` where there is a gap. */
  readonly text: string | undefined;
}

/** At once on one node: sshd allows ten sessions in a connection. */
const AT_ONCE = 8;
const timeoutSeconds = 10;
/** Characters of a command that a message bears. */
const LONGEST_COMMAND = 60;

/** Takes readings, several at once; answers in their order. */
export async function takeReadings(
  node: Node,
  readings: readonly Reading[],
): Promise<ReadingAnswer[]> {
  const answers: ReadingAnswer[] = [];
  const next = readings.entries();
  const work = async () => {
    for (const [index, reading] of next) answers[index] = await takeReading(node, reading);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return answers;
}

export async function takeReading(node: Node, reading: Reading): Promise<ReadingAnswer> {
  const { file, command, args, optional = false, mayFail = false, shape = asItIs } = reading;
  const at = new Date().toISOString();
  const record = { file, command: commandText(command, args), at, optional };
  try {
    const { stdout } = await node.run(command, args, { timeoutSeconds, mayFail });
    return { record: { ...record, gap: null }, text: shape(stdout) };
  } catch (thrown) {
    return { record: { ...record, gap: messageOf(thrown) }, text: undefined };
  }
}

function asItIs(output: string): string {
  return output;
}

function commandText(command: string, args: readonly string[]): string {
  const quoted = args.map(arg => (/^[\w./:=@,+%-]+$/.test(arg) ? arg : `'${arg}'`));
  return [command, ...quoted].join(' ');
}

/** Lines of `grep -H`, `path:text`, as `path text`. */
export function withoutColons(output: string): string {
  return output.replace(/^(\/[^:\n]+):/gm, '$1 ');
}

/** What is missing, for people; empty if nothing is. */
export function gapsOf(answers: readonly ReadingAnswer[]): string[] {
  return answers.flatMap(({ record: { gap, command, optional } }) =>
    gap === null || optional ? [] : [gapText(command, gap)],
  );
}

/** A long command is in the record; the gap says enough. */
function gapText(command: string, gap: string): string {
  return command.length > LONGEST_COMMAND ? gap : `${command}: ${gap}`;
}
