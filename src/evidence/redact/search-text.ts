/**
 * Looks for originals in a text of the copy. It finds addresses by their shapes, whatever stands around
 * them, and not as the replacing finds them: what that passed over is to be found here.
 */
import { isIPv6 } from 'node:net';
import { parseAddress } from './address-bytes.js';
import type { AddressKind, AddressMap } from './address-map.js';

/** Whether an address must not be there: an original that is not also what stands for another. */
export function isLeak(addresses: AddressMap, kind: AddressKind, address: Uint8Array): boolean {
  return addresses.isOriginal(kind, address) && !addresses.isWritten(kind, address);
}

/** Each begins anywhere: `(?=...)` so that overlapping ones are found as well. */
const IPV4_SHAPE = /(?<!\d)(?=(\d{1,3})[.-](\d{1,3})[.-](\d{1,3})[.-](\d{1,3})(?!\d))/g;
const MAC_SHAPE = /(?<![0-9a-f])(?=((?:[0-9a-f]{1,2}[:-]){5}[0-9a-f]{1,2})(?![0-9a-f]))/gi;
const CISCO_SHAPE = /(?<![0-9a-f])(?=((?:[0-9a-f]{4}\.){2}[0-9a-f]{4})(?![0-9a-f]))/gi;
const COLON_RUN = /[0-9a-f:]*:[0-9a-f:]*:[0-9a-f:.]*/gi;
const HEX_RUN = /(?<![0-9a-z])(?:0x|enx)?([0-9a-f]{7,32})(?![0-9a-z])/gi;

/** Original addresses that stand in the text, as they stand there. */
export function addressesLeft(text: string, addresses: AddressMap): string[] {
  const left: string[] = [];
  const check = (kind: AddressKind, address: Uint8Array | undefined, shown: string) => {
    if (address && isLeak(addresses, kind, address)) left.push(shown);
  };
  for (const [, ...octets] of text.matchAll(IPV4_SHAPE)) {
    check('ip', parseAddress(octets.join('.')), octets.join('.'));
  }
  for (const [, mac = ''] of text.matchAll(MAC_SHAPE)) {
    const bytes = mac.split(/[:-]/).map(digits => Number.parseInt(digits, 16));
    check('mac', Uint8Array.from(bytes), mac);
  }
  for (const [, mac = ''] of text.matchAll(CISCO_SHAPE)) {
    check('mac', Buffer.from(mac.replaceAll('.', ''), 'hex'), mac);
  }
  for (const [run] of text.matchAll(COLON_RUN)) {
    for (const part of ipv6Within(run)) check('ip', parseAddress(part), part);
  }
  for (const [shown, digits = ''] of text.matchAll(HEX_RUN)) {
    const bytes = Buffer.from(digits.length === 7 ? `0${digits}` : digits, 'hex');
    if (bytes.length === 6) check('mac', bytes, shown);
    if (bytes.length !== 4 && bytes.length !== 16) continue;
    check('ip', bytes, shown);
    if (bytes.length === 4) check('ip', Buffer.from(bytes).reverse(), shown);
  }
  return left;
}

/** The run itself, or what of it is an address when groups are taken off its ends: a port, a full stop. */
function ipv6Within(run: string): string[] {
  const groups = run.replace(/\.+$/, '').split(':');
  for (let length = groups.length; length > 2; length--) {
    const found: string[] = [];
    for (let from = 0; from + length <= groups.length; from++) {
      const part = groups.slice(from, from + length).join(':');
      if (isIPv6(part)) found.push(part);
    }
    if (found.length > 0) return found;
  }
  return [];
}

const WORD = /[\p{L}\p{M}\p{N}]+/gu;

/** Words of the text that were replaced, in lower case. */
export function wordsLeft(
  text: string,
  replaced: ReadonlyMap<string, string>,
  isAllowed: (word: string) => boolean,
): string[] {
  return Array.from(text.matchAll(WORD), ([word]) => word).filter(
    word => replaced.has(word.toLowerCase()) && !isAllowed(word),
  );
}
