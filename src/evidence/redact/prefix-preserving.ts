/**
 * A keyed permutation of addresses that keeps prefixes: two addresses that share their first k bits,
 * and no more, are mapped to two that share their first k bits, and no more.
 *
 * It is Crypto-PAn (Xu, Fan, Ammar, Moon: "Prefix-Preserving IP Address Anonymization", ICNP 2002): bit i
 * is turned or not by the first bit of AES(the i bits in front of it, filled up with a secret pad). Every
 * prefix-preserving permutation has that form, a decision for each node of the tree of prefixes; so a
 * block of addresses is mapped onto itself by never turning a bit on the way to it, and the whole stays a
 * prefix-preserving permutation.
 */
import { createCipheriv } from 'node:crypto';

/** Bytes of a key: half is AES's, half makes the pad. */
export const KEY_LENGTH = 32;

const BLOCK_LENGTH = 16;

/** Addresses that begin with `bits` bits of `prefix`. */
export interface AddressBlock {
  readonly prefix: Uint8Array;
  readonly bits: number;
  /** - `own`: mapped onto itself; - `kept`: each of its addresses is left as it is */
  readonly kind: 'own' | 'kept';
}

/** Maps an address of up to 16 bytes to another of the same length; its first `held` bits stay. */
export type Permutation = (address: Uint8Array, held?: number) => Uint8Array;

/** The permutation of a key of `KEY_LENGTH` bytes: Crypto-PAn as published. */
export function cryptoPan(key: Uint8Array): Permutation {
  return permutation(key, [], false);
}

/**
 * The permutation that maps each block onto itself. The first bit that may be turned always is: so no
 * address stays what it is, but those that are kept.
 */
export function prefixPreserving(key: Uint8Array, blocks: readonly AddressBlock[]): Permutation {
  return permutation(key, blocks, true);
}

function permutation(
  key: Uint8Array,
  blocks: readonly AddressBlock[],
  turnsFirst: boolean,
): Permutation {
  const encrypt = aes(key.subarray(0, BLOCK_LENGTH));
  const pad = encrypt(key.subarray(BLOCK_LENGTH, KEY_LENGTH));
  return (address, held = 0) => {
    const input = Uint8Array.from(pad);
    const output = Uint8Array.from(address);
    let isFirst = turnsFirst;
    for (let bit = 0; bit < address.length * 8; bit++) {
      if (bit >= held && !isHeld(address, bit, blocks)) {
        const turn = isFirst ? 0x80 : turnOf(encrypt(input));
        output[bit >> 3]! ^= turn >> (bit & 7);
        isFirst = false;
      }
      setBit(input, bit, bitOf(address, bit));
    }
    return output;
  };
}

/** The first bit of what AES made, where it stands in a byte. */
function turnOf(encrypted: Uint8Array): number {
  return encrypted[0]! & 0x80;
}

function aes(key: Uint8Array): (block: Uint8Array) => Uint8Array {
  const cipher = createCipheriv('aes-128-ecb', key, null);
  cipher.setAutoPadding(false);
  return block => cipher.update(block);
}

/** Whether bit `bit` must stay: it leads to a block, or is inside one that is kept. */
function isHeld(address: Uint8Array, bit: number, blocks: readonly AddressBlock[]): boolean {
  return blocks.some(
    ({ prefix, bits, kind }) =>
      (bit < bits || kind === 'kept') && sharesBits(address, prefix, Math.min(bit, bits)),
  );
}

/** Whether two addresses have the same first `bits` bits. */
export function sharesBits(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  const bytes = bits >> 3;
  for (let i = 0; i < bytes; i++) if (a[i] !== b[i]) return false;
  const rest = bits & 7;
  return rest === 0 || ((a[bytes]! ^ b[bytes]!) & (0xff00 >> rest) & 0xff) === 0;
}

function bitOf(bytes: Uint8Array, bit: number): number {
  return (bytes[bit >> 3]! >> (7 - (bit & 7))) & 1;
}

function setBit(bytes: Uint8Array, bit: number, value: number): void {
  const mask = 0x80 >> (bit & 7);
  bytes[bit >> 3] = value === 1 ? bytes[bit >> 3]! | mask : bytes[bit >> 3]! & ~mask;
}
