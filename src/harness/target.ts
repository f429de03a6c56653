/** Targets as a user writes them: `10.96.0.10:80`, `[fd00::1]:53`. */
import { StalesumError } from '../errors.js';
import { printable } from '../output.js';
import { addressWords } from '../wire/address.js';

export type TargetDescription = {
  readonly kind: 'address';
  readonly address: string;
  readonly port: number;
};

/** @throws StalesumError `usage` for what is no address with a port */
export function parseTarget(text: string): TargetDescription {
  const match = /^(?:\[([0-9a-f:.]+)\]|([\d.]+)):(\d{1,5})$/i.exec(text);
  const address = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  if (addressWords(address) && port >= 1 && port <= 65535)
    return { kind: 'address', address, port };
  throw new StalesumError(
    'usage',
    `"${printable(text)}" is no target; expected an address and a port, as in 10.96.0.10:80`,
  );
}
