/** Texts of the command line turned into values; each refuses with what it expected. */
import { InvalidArgumentError } from 'commander';
import { VERDICTS, type VerdictName } from '../analysis/verdict.js';

export function verdictList(text: string): VerdictName[] {
  const known: readonly string[] = VERDICTS;
  const names = text.split(',').map(name => name.trim());
  const wrong = names.find(name => !known.includes(name));
  if (wrong !== undefined) {
    throw new InvalidArgumentError(
      `"${wrong}" is no verdict; verdicts are ${VERDICTS.join(', ')}.`,
    );
  }
  return names as VerdictName[];
}

export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) {
    throw new InvalidArgumentError('expected a number of seconds above 0.');
  }
  return value;
}

export function attempts(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 1000) {
    throw new InvalidArgumentError('expected a whole number from 1 to 1000.');
  }
  return count;
}

export function collectPort(text: string, ports: number[]): number[] {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new InvalidArgumentError('expected a port from 1 to 65535.');
  }
  return [...ports, port];
}

/** `10.96.0.10:53`, `[fd00::1]:53`. */
export function endpoint(text: string): { address: string; port: number } {
  const match = /^(?:\[([0-9a-f:.]+)\]|([\d.]+)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  if (!match || port < 1 || port > 65535) {
    throw new InvalidArgumentError('expected an address and a port, as in 10.96.0.10:53.');
  }
  return { address: match[1] ?? match[2] ?? '', port };
}

export function collect(value: string, values: string[]): string[] {
  return [...values, value];
}
