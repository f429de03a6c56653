/**
 * Addresses as text, and the bytes they stand for: a capture of many flows names few of them, so each is
 * kept once.
 */
import type { CapturedFrame } from '../capture-file/frame.js';
import { formatAddress } from '../wire/address.js';
import { copyOfBytes } from '../wire/bytes.js';

export interface KnownAddress {
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** Beyond so many, in which nothing repeats, none is looked up any more. */
const MAX_KNOWN = 8192;

export class KnownAddresses {
  readonly #known = new Map<string, KnownAddress>();

  /** The address at `at` of the frame's buffer, of 4 or 16 bytes. */
  at({ view, bytes }: CapturedFrame, at: number, length: number): KnownAddress {
    const text = formatAddress(view, at, length);
    const known = this.#known.get(text);
    if (known) return known;
    const address = { text, bytes: copyOfBytes(bytes, at, at + length) };
    if (this.#known.size < MAX_KNOWN) this.#known.set(text, address);
    return address;
  }
}
