/**
 * Text with every address and every name replaced: addresses in all the spellings that tools print, and
 * words by `NameMap`. What is around them (spaces, punctuation, numbers) stays, so that whatever reads the
 * format reads the copy as well.
 */
import { equalBytes, formatIp, hexOf, masked, parseAddress } from './address-bytes.js';
import type { AddressMap } from './address-map.js';
import type { NameMap } from './names.js';

export interface Replacing {
  readonly addresses: AddressMap;
  readonly names: NameMap;
}

/**
 * What may be an address, tried in this order; and words. A MAC's digits may lack their leading zeros, as
 * in a bridge's identifier (`8000.2:aa:0:0:0:1`).
 */
const TOKEN = new RegExp(
  [
    '(?<mac>(?<![0-9A-Za-z:])(?:[0-9A-Fa-f]{1,2}:){5}[0-9A-Fa-f]{1,2}(?![0-9A-Za-z:]))',
    '(?<dashed>(?<![0-9A-Za-z-])(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}(?![0-9A-Za-z-]))',
    '(?<dotted>(?<![0-9A-Za-z.])(?:[0-9A-Fa-f]{4}\\.){2}[0-9A-Fa-f]{4}(?![0-9A-Za-z.]))',
    '(?<ipv6>(?<![0-9A-Za-z:.])(?:[0-9A-Fa-f]{0,4}:){2,8}(?:(?:\\d{1,3}\\.){3}\\d{1,3}|[0-9A-Fa-f]{1,4}(?!\\.\\d))?(?![0-9A-Za-z:]))(?:/(?<bits6>\\d{1,3})(?!\\d))?',
    '(?<first>(?<![0-9A-Za-z.])(?:\\d{1,3}\\.){3}\\d{1,3})-(?<last>(?:\\d{1,3}\\.){3}\\d{1,3}(?![0-9A-Za-z]|\\.\\d))',
    '(?<ipv4>(?<![0-9A-Za-z.])(?:\\d{1,3}\\.){3}\\d{1,3}(?![0-9A-Za-z]|\\.\\d))(?:/(?:(?<mask>(?:\\d{1,3}\\.){3}\\d{1,3})|(?<bits4>\\d{1,2}))(?![0-9A-Za-z]))?',
    '(?<quad>(?<![0-9A-Za-z]|\\d-)\\d{1,3}(?:-\\d{1,3}){3}(?![0-9A-Za-z]|-\\d))',
    '(?<word>[\\p{L}\\p{M}\\p{N}]+)',
  ].join('|'),
  'gu',
);

type Groups = Partial<Record<string, string>>;

/** The text with addresses and words replaced. */
export function redactText(text: string, by: Replacing): string {
  return replaceTokens(text, by, word => by.names.word(word));
}

/** The text with addresses replaced alone: for sentences of our own. */
export function redactAddresses(text: string, by: Replacing): string {
  return replaceTokens(text, by, word => word);
}

/** A name, or several: there a format's own words are names like any other. */
export function redactName(text: string, by: Replacing): string {
  return replaceTokens(text, by, word => by.names.nameWord(word));
}

function replaceTokens(text: string, by: Replacing, onWord: (word: string) => string): string {
  return text.replace(TOKEN, (token: string, ...rest) => {
    const groups = rest.at(-1) as Groups;
    const address = groups.word === undefined ? redactAddress(groups, by.addresses) : undefined;
    if (address !== undefined) return address;
    if (groups.word !== undefined) return hexAddress(token, by.addresses) ?? onWord(token);
    // Not an address after all: a time, a version.
    return token.replace(/[\p{L}\p{M}\p{N}]+/gu, word => onWord(word));
  });
}

function redactAddress(groups: Groups, addresses: AddressMap): string | undefined {
  const { mac, dashed, dotted, ipv6, bits6, first, last, ipv4, mask, bits4, quad } = groups;
  if (mac !== undefined) return macText(mac.split(':'), ':', addresses, mac);
  if (dashed !== undefined) return macText(dashed.split('-'), '-', addresses, dashed);
  if (dotted !== undefined) return ciscoText(dotted, addresses);
  if (ipv6 !== undefined) return prefixText(ipv6, bits6, 128, addresses);
  if (first !== undefined && last !== undefined) return rangeText(first, last, addresses);
  if (ipv4 !== undefined && mask !== undefined) {
    const network = prefixText(ipv4, maskBits(mask), 32, addresses);
    return network && `${network.split('/')[0]}/${mask}`;
  }
  if (ipv4 !== undefined) return prefixText(ipv4, bits4, 32, addresses);
  if (quad !== undefined) {
    const address = parseAddress(quad.replaceAll('-', '.'));
    return address && formatIp(addresses.ip(address)).replaceAll('.', '-');
  }
  return undefined;
}

function macText(
  parts: readonly string[],
  separator: string,
  addresses: AddressMap,
  text: string,
): string {
  const mapped = addresses.mac(Uint8Array.from(parts, part => Number.parseInt(part, 16)));
  const isPadded = parts.every(part => part.length === 2);
  const digits = Array.from(mapped, byte => byte.toString(16).padStart(isPadded ? 2 : 1, '0'));
  return inCaseOf(text, digits.join(separator));
}

function ciscoText(text: string, addresses: AddressMap): string {
  const mapped = hexOf(addresses.mac(Buffer.from(text.replaceAll('.', ''), 'hex')));
  return inCaseOf(text, mapped.replace(/(.{4})(?=.)/g, '$1.'));
}

/** An address with or without a prefix length. A network keeps its zeros behind the prefix. */
function prefixText(
  text: string,
  length: string | undefined,
  longest: number,
  addresses: AddressMap,
): string | undefined {
  const address = parseAddress(text);
  if (!address) return undefined;
  if (length === undefined) return inCaseOf(text, formatIp(addresses.ip(address)));
  const bits = Math.min(Number(length), longest);
  const isNetwork = equalBytes(masked(address, bits), address);
  const mapped = isNetwork ? addresses.network(address, bits) : addresses.ip(address);
  return `${inCaseOf(text, formatIp(mapped))}/${length}`;
}

function maskBits(mask: string): string | undefined {
  const bytes = parseAddress(mask);
  const [, ones] = /^(1*)0*$/.exec(bytes ? bitsOf(bytes) : '?') ?? [];
  return ones === undefined ? undefined : String(ones.length);
}

/** A range that is one block of addresses stays one; of another, only the two ends are known. */
function rangeText(first: string, last: string, addresses: AddressMap): string | undefined {
  const [low, high] = [parseAddress(first), parseAddress(last)];
  if (!low || !high) return undefined;
  const bits = blockBits(low, high);
  if (bits !== undefined) {
    const start = addresses.network(low, bits);
    const end = start.map((byte, index) => byte | (high[index]! ^ low[index]!));
    addresses.ip(high);
    addresses.noteWritten(end);
    return `${formatIp(start)}-${formatIp(end)}`;
  }
  const ends = [addresses.ip(low), addresses.ip(high)].sort(Buffer.compare);
  return ends.map(formatIp).join('-');
}

/** Length of the prefix that all addresses from `low` to `high`, and no others, have. */
function blockBits(low: Uint8Array, high: Uint8Array): number | undefined {
  const differ = low.map((byte, index) => byte ^ high[index]!);
  const [, same] = /^(0*)1*$/.exec(bitsOf(differ)) ?? [];
  const isStart = low.every((byte, index) => (byte & differ[index]!) === 0);
  return same !== undefined && isStart ? same.length : undefined;
}

function bitsOf(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(2).padStart(8, '0')).join('');
}

/**
 * Digits that are an address only to whoever knows it: hexadecimal (`0x0af40102`; in the order of the
 * machine, as /proc/net prints it; a MAC or IPv6 without separators).
 */
function hexAddress(word: string, addresses: AddressMap): string | undefined {
  const [, prefix = '', digits = ''] = /^(0x|enx)?([0-9a-f]{7,32})$/i.exec(word) ?? [];
  const bytes = Buffer.from(digits.padStart(digits.length === 7 ? 8 : 0, '0'), 'hex');
  const kind = bytes.length === 6 ? 'mac' : 'ip';
  const map = (address: Uint8Array) =>
    kind === 'mac' ? addresses.mac(address) : addresses.ip(address);
  if (![4, 6, 16].includes(bytes.length)) return undefined;
  if (prefix.toLowerCase() === 'enx' && bytes.length !== 6) return undefined;
  if (addresses.isOriginal(kind, bytes) || prefix.toLowerCase() === 'enx') {
    return inCaseOf(word, prefix + hexOf(map(bytes)));
  }
  const reversed = bytes.length === 4 ? Uint8Array.from(bytes).reverse() : undefined;
  if (!reversed || !addresses.isOriginal('ip', reversed)) return undefined;
  return inCaseOf(word, prefix + hexOf(map(reversed).reverse()));
}

/** In capitals where the original has them. */
function inCaseOf(original: string, text: string): string {
  return /[A-F]/.test(original) && !/[a-f]/.test(original)
    ? text.toUpperCase().replace('0X', '0x')
    : text;
}
