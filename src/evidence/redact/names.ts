/**
 * Names, word by word. What a name is cannot be known for sure, so the question is turned round: a word
 * stays if it is one of the formats' own, a number, or a device's usual name; every other is replaced, and
 * the same word by the same replacement wherever it stands, in capitals where it stood in capitals.
 */
import { COMMON_NAMES, DEVICE_NAMES, VOCABULARY } from './vocabulary.js';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
/** Length of a replacement; 40 of its bits tell names apart. */
const LENGTH = 9;
/** What kube-proxy makes of a service's name: 16 characters in chains of iptables, 8 in those of nftables. */
const HASH = /^(?=.*[A-Z])[A-Z0-9]{8}(?:[A-Z0-9]{8})?$/;

const NUMBER_WITH_UNIT =
  /^\d+(?:ms|us|ns|s|m|h|d|w|b|k|kb|g|mb|gb|bit|kbit|mbit|gbit|x|p|st|nd|rd|th)$/i;
/** Of systems' and packages' versions: v1, el7, fc39, deb12u1. */
const VERSION = /^(?:v|rc|el|fc|amzn|deb|u|r)\d+(?:u\d+)?$/i;
/** Where a device sits (systemd.net-naming-scheme(7)): its place on the bus says nothing of whose it is. */
const PREDICTABLE =
  /^(?:en|wl|ww|ib)(?:P\d+)?(?:p\d+s\d+|o\d+|s\d+)(?:f\d+)?(?:np\d+|n\d+)?(?:d\d+|v\d+)?$/;

export class NameMap {
  readonly #hash: (text: string) => Buffer;
  /** By the word in lower case. */
  readonly #replaced = new Map<string, string>();
  readonly #owners = new Map<string, string>();
  readonly #services = new Set<string>();

  /** @param hash a keyed hash of 16 bytes or more */
  constructor(hash: (text: string) => Buffer) {
    this.#hash = hash;
  }

  /** A word of a file: itself, or what stands for it. */
  word(word: string): string {
    return isFormatWord(word) ? word : this.replacement(word);
  }

  /** A word of a name (of a service, a namespace): there a format's own words are names too. */
  nameWord(word: string): string {
    const isCommon = COMMON_NAMES.has(word.toLowerCase()) || /^\d+$/.test(word);
    return isCommon ? word : this.replacement(word);
  }

  /** Takes note of a service that is named in full, with its namespace: `shop/web`. */
  noteService(service: string): void {
    if (service.split(/[^\p{L}\p{M}\p{N}]+/u).some(word => this.nameWord(word) !== word)) {
      this.#services.add(service);
    }
  }

  /** Services as they were named. Their words may be a format's own, so they are looked for whole. */
  get services(): ReadonlySet<string> {
    return this.#services;
  }

  /** What stands for a word. */
  replacement(word: string): string {
    const isHash = HASH.test(word);
    const lower = word.toLowerCase();
    let replacement = this.#replaced.get(lower);
    if (replacement === undefined) {
      replacement = this.#unused(lower, isHash ? word.length : LENGTH);
      this.#replaced.set(lower, replacement);
      this.#owners.set(replacement, lower);
    }
    return word === lower || word !== word.toUpperCase() ? replacement : replacement.toUpperCase();
  }

  /** All words that were replaced, in lower case, with what stands for them. */
  get replacements(): ReadonlyMap<string, string> {
    return this.#replaced;
  }

  /** Two words that are one in the copy would make one thing of two: then the second is hashed again. */
  #unused(word: string, length: number): string {
    for (let round = 0; ; round++) {
      const hash = this.#hash(round === 0 ? word : `${word} ${round}`);
      const letters = Array.from(hash.subarray(0, length - 1), byte => ALPHABET[byte & 31]);
      // Beginning so, it is neither a number nor hexadecimal digits.
      const replacement = `x${letters.join('')}`;
      if (!this.#owners.has(replacement) && !this.#replaced.has(replacement)) return replacement;
    }
  }
}

/** Whether a word is of the formats, or a number, or a device's usual name. */
export function isFormatWord(word: string): boolean {
  if (word.length === 1 || /^\d+$/.test(word) || NUMBER_WITH_UNIT.test(word)) return true;
  if (/^0x[0-9a-f]+$/i.test(word) || VERSION.test(word) || PREDICTABLE.test(word)) return true;
  const lower = word.toLowerCase();
  return VOCABULARY.has(lower) || DEVICE_NAMES.has(lower.replace(/\d+$/, ''));
}
