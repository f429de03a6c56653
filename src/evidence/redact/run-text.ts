/** `run.json`: addresses and names as in any JSON, but for a title that is a scenario of the lab's own. */
import { messageOf, StalesumError } from '../../errors.js';
import { RUN_FILE } from '../run-record.js';
import { redactTextOf } from './node-text.js';
import { type Replacing, redactAddresses } from './text.js';

/** The text redacted. @throws StalesumError `bad-input` */
export async function redactRun(text: string, by: Replacing): Promise<string> {
  const original = parse(text);
  const { scenario, title } = original;
  const { SCENARIOS } = await import('../../lab/scenarios.js');
  const isOurs = SCENARIOS.some(
    known => known.name === scenario && withoutAddresses(known.title) === withoutAddresses(title),
  );
  const theirs = isOurs ? { ...original, scenario: null, title: null } : original;
  const redacted = parse(redactTextOf('json', JSON.stringify(theirs), by));
  const own = isOurs ? { scenario, title: redactAddresses(String(title), by) } : {};
  return `${JSON.stringify({ ...redacted, ...own }, null, 2)}\n`;
}

/** In a copy of a copy they are others. */
function withoutAddresses(title: unknown): string {
  return String(title).replace(/\d+(?:\.\d+){3}/g, '*');
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
    throw new Error('it is no object');
  } catch (thrown) {
    throw new StalesumError('bad-input', `${RUN_FILE}: expected JSON: ${messageOf(thrown)}`);
  }
}
