/** Faults of saved rule files: where, and what was expected there. */
import { StalesumError } from '../errors.js';
import { printable } from '../output.js';

const SHOWN = 60;

/** `file:line: what`, as compilers write it. */
export function ruleFault(file: string, line: number | null, what: string): StalesumError {
  const where = line === null ? file : `${file}:${line}`;
  return new StalesumError('bad-input', printable(`${where}: ${what}`));
}

/** A piece of the input, short enough for a message. */
export function excerpt(text: string): string {
  return text.length > SHOWN ? `"${text.slice(0, SHOWN)}..."` : `"${text}"`;
}
