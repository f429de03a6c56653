/** Addresses as numbers, for prefixes and ranges. Addresses of packets are kept as canonical text. */
import { addressWords, formatAddress } from '../wire/address.js';
import type { AddressFamily, Pattern } from './model.js';

/** 4 or 6 by the look of it. */
export function familyOf(address: string): AddressFamily {
  return address.includes(':') ? 'ip6' : 'ip';
}

const numbers = new Map<string, bigint>();
/** Enough for the addresses of any one walk; past it we begin anew, so that memory stays flat. */
const REMEMBERED = 10_000;

/** The address as a number; `undefined` if the text is none. */
export function addressNumber(address: string): bigint | undefined {
  const known = numbers.get(address);
  if (known !== undefined) return known;
  const words = addressWords(address);
  if (!words) return undefined;
  const number = words.reduce((sum, word) => (sum << 16n) | BigInt(word), 0n);
  if (numbers.size >= REMEMBERED) numbers.clear();
  numbers.set(address, number);
  return number;
}

/** The text of an address, IPv6 in the form of RFC 5952. */
export function addressText(number: bigint, of: 4 | 6): string {
  const length = of === 4 ? 4 : 16;
  const view = new DataView(new ArrayBuffer(length));
  for (let at = length - 1, rest = number; at >= 0; at--, rest >>= 8n) {
    view.setUint8(at, Number(rest & 0xffn));
  }
  return formatAddress(view, 0, length);
}

/** The same address always in the same letters; `undefined` if it is none. */
export function canonicalAddress(text: string): string | undefined {
  const number = addressNumber(text);
  if (number === undefined) return undefined;
  return addressText(number, text.includes(':') ? 6 : 4);
}

/**
 * `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `fd00::/64` or a lone address, as a pattern; `undefined` if it is
 * none of them. A mask with gaps, which iptables allows, is none either.
 */
export function addressPattern(text: string): Pattern | undefined {
  const [address = '', length, more] = text.split('/');
  const number = addressNumber(address);
  if (number === undefined || more !== undefined) return undefined;
  const of = address.includes(':') ? 6 : 4;
  const width = of === 4 ? 32 : 128;
  const bits = length === undefined ? width : prefixLength(length, width);
  if (bits === undefined) return undefined;
  if (bits === 0) return { kind: 'any' };
  if (bits === width) return { kind: 'exact', value: addressText(number, of) };
  return { kind: 'prefix', network: number >> BigInt(width - bits), bits, of };
}

function prefixLength(text: string, width: number): number | undefined {
  if (/^\d{1,3}$/.test(text)) return Number(text) <= width ? Number(text) : undefined;
  const mask = addressNumber(text);
  if (mask === undefined) return undefined;
  const digits = mask.toString(2).padStart(width, '0');
  const match = /^(1*)0*$/.exec(digits);
  return digits.length === width && match ? (match[1] ?? '').length : undefined;
}

/** Whether an address lies in the prefix. */
export function inPrefix(
  address: string,
  { network, bits, of }: { readonly network: bigint; readonly bits: number; readonly of: 4 | 6 },
): boolean {
  if (address.includes(':') !== (of === 6)) return false;
  const number = addressNumber(address);
  return number !== undefined && number >> BigInt((of === 4 ? 32 : 128) - bits) === network;
}
