/**
 * The key of a redaction. It stays with whoever redacts: with it, later copies name the same things in
 * the same way, and each replacement can be led back; without it, nobody can.
 */
import { createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { messageOf, StalesumError } from '../../errors.js';
import type { AddressKeys } from './address-map.js';
import { KEY_LENGTH } from './prefix-preserving.js';

const HEADER = 'stalesum-redact-key/1';
const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

export interface RedactionKey {
  /** Derived for one purpose; keys of different purposes tell nothing of each other. */
  derive(purpose: string, length?: number): Uint8Array;
  readonly path: string;
  /** Whether it was made just now. */
  readonly isNew: boolean;
  /** Whether others on this machine may read it. */
  readonly isExposed: boolean;
}

/** Where the key is unless somebody says otherwise: with the user's settings, not with the evidence. */
export function defaultKeyPath(): string {
  const settings = process.env.XDG_CONFIG_HOME || join(homedir(), '.config');
  return join(settings, 'stalesum', 'redact.key');
}

/**
 * Reads the key, or makes one with mode 0600 where there is none.
 *
 * @throws StalesumError `bad-input` for a file that is no key, `not-permitted` if it may not be read,
 *   `write-failed` if it cannot be made
 */
export async function loadKey(path: string): Promise<RedactionKey> {
  const found = await readKey(path);
  if (found) return keyOf(found, path, false, await isExposed(path));
  const secret = randomBytes(KEY_LENGTH);
  await writeKey(path, secret);
  return keyOf(secret, path, true, false);
}

/** A key that is in no file. */
export function keyOf(
  secret: Uint8Array,
  path = '',
  isNew = false,
  isExposed = false,
): RedactionKey {
  return {
    derive: (purpose, length = KEY_LENGTH) =>
      new Uint8Array(hkdfSync('sha256', secret, '', `stalesum redact ${purpose}`, length)),
    path,
    isNew,
    isExposed,
  };
}

/** The keys of an address map. */
export function addressKeys(key: RedactionKey): AddressKeys {
  return {
    ipv4: key.derive('ipv4'),
    ipv6: key.derive('ipv6'),
    group: key.derive('group'),
    mac: key.derive('mac'),
  };
}

/** A keyed hash for one purpose. */
export function keyedHash(
  key: RedactionKey,
  purpose: string,
): (text: string | Uint8Array) => Buffer {
  const derived = key.derive(purpose);
  return text => createHmac('sha256', derived).update(text).digest();
}

async function readKey(path: string): Promise<Uint8Array | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'latin1');
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    const kind = code === 'EACCES' || code === 'EPERM' ? 'not-permitted' : 'bad-input';
    throw new StalesumError(kind, `${path}: the key cannot be read: ${messageOf(thrown)}`);
  }
  const [, digits] = new RegExp(`^${HEADER} ([0-9a-f]{${2 * KEY_LENGTH}})\\s*$`).exec(text) ?? [];
  if (digits === undefined) {
    throw new StalesumError(
      'bad-input',
      `${path}: expected a key ("${HEADER}" and ${2 * KEY_LENGTH} hexadecimal digits)`,
      'Name a file that is not there, and a key is made.',
    );
  }
  return Buffer.from(digits, 'hex');
}

async function writeKey(path: string, secret: Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, 'wx', OWNER_ONLY);
    try {
      await file.writeFile(`${HEADER} ${Buffer.from(secret).toString('hex')}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (thrown) {
    throw new StalesumError(
      'write-failed',
      `${path}: the key cannot be made: ${messageOf(thrown)}`,
    );
  }
}

async function isExposed(path: string): Promise<boolean> {
  return ((await stat(path)).mode & OTHERS) !== 0;
}
