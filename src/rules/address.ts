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

const [ZERO, NINE, DOT] = [0x30, 0x39, 0x2e];

/** Four numbers of at most three digits with dots between; `undefined` for anything else. */
function ipv4Number(text: string): number | undefined {
  let number = 0;
  let byte = 0;
  let digits = 0;
  let dots = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= ZERO && code <= NINE) {
      byte = byte * 10 + code - ZERO;
      digits += 1;
      if (digits > 3 || byte > 255) return undefined;
    } else if (code === DOT && digits > 0 && dots < 3) {
      number = number * 256 + byte;
      dots += 1;
      byte = 0;
      digits = 0;
    } else return undefined;
  }
  return dots === 3 && digits > 0 ? number * 256 + byte : undefined;
}

/** The address as a number; `undefined` if the text is none. */
export function addressNumber(address: string): bigint | undefined {
  if (!address.includes(':')) {
    const number = ipv4Number(address);
    return number === undefined ? undefined : BigInt(number);
  }
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
  if (of === 4) return ipv4Text(Number(number));
  const length = 16;
  const view = new DataView(new ArrayBuffer(length));
  for (let at = length - 1, rest = number; at >= 0; at--, rest >>= 8n) {
    view.setUint8(at, Number(rest & 0xffn));
  }
  return formatAddress(view, 0, length);
}

function ipv4Text(number: number): string {
  return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;
}

/** The same address always in the same letters; `undefined` if it is none. */
export function canonicalAddress(text: string): string | undefined {
  if (!text.includes(':')) {
    const number = ipv4Number(text);
    return number === undefined ? undefined : ipv4Text(number);
  }
  const number = addressNumber(text);
  if (number === undefined) return undefined;
  return addressText(number, 6);
}

/**
 * `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `fd00::/64` or a lone address, as a pattern; `undefined` if it is
 * none of them. A mask with gaps, which iptables allows, is none either.
 */
export function addressPattern(text: string): Pattern | undefined {
  const [address = '', length, more] = text.split('/');
  if (more === undefined && (length === undefined || length === '32')) {
    // By far the most of them, in a cluster with thousands of services.
    const lone = ipv4Number(address);
    if (lone !== undefined) return { kind: 'exact', value: ipv4Text(lone) };
  }
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
  if (of === 4) {
    const number = ipv4Number(address);
    // All 32 bits would be an exact pattern, and none of them any.
    return number !== undefined && number >>> (32 - bits) === Number(network);
  }
  const number = addressNumber(address);
  return number !== undefined && number >> BigInt(128 - bits) === network;
}
