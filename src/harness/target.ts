/** Targets as a user writes them: `10.96.0.10:80`, `[fd00::1]:53`, `svc/NAMESPACE/NAME:PORT`, `pod/...`. */
import { StalesumError } from '../errors.js';
import { isNamespaceName, isObjectName, parsePort } from '../kubernetes/names.js';
import { printable } from '../output.js';
import { addressWords } from '../wire/address.js';

export interface AddressTarget {
  readonly kind: 'address';
  readonly address: string;
  readonly port: number;
}

/** What the cluster's API is asked about. */
export interface ObjectTarget {
  readonly kind: 'service' | 'pod';
  readonly namespace: string;
  readonly name: string;
  /** Its number, or its name. */
  readonly port: number | string;
}

export type TargetDescription = AddressTarget | ObjectTarget;

export const TARGET_FORMS = 'IP:PORT, svc/NAMESPACE/NAME:PORT or pod/NAMESPACE/NAME:PORT';

/** @throws StalesumError `usage` for what is none */
export function parseTarget(text: string): TargetDescription {
  const target = parseObject(text) ?? parseAddress(text);
  if (target) return target;
  throw new StalesumError(
    'usage',
    `"${printable(text)}" is no target; expected ${TARGET_FORMS}, as in 10.96.0.10:80 or svc/default/web:80`,
  );
}

function parseAddress(text: string): AddressTarget | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([\d.]+)):(\d{1,5})$/i.exec(text);
  const address = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  if (!addressWords(address) || port < 1 || port > 65535) return undefined;
  return { kind: 'address', address, port };
}

function parseObject(text: string): ObjectTarget | undefined {
  const match = /^(svc|service|pod)\/([^/:]+)\/([^/:]+):([^/:]+)$/.exec(text);
  if (!match) return undefined;
  const [, kind, namespace = '', name = '', portText = ''] = match;
  const port = parsePort(portText);
  if (!isNamespaceName(namespace) || !isObjectName(name) || port === undefined) return undefined;
  return { kind: kind === 'pod' ? 'pod' : 'service', namespace, name, port };
}

/** As a user writes it, for messages. */
export function objectText({ kind, namespace, name, port }: ObjectTarget): string {
  return `${kind === 'pod' ? 'pod' : 'svc'}/${namespace}/${name}:${port}`;
}
