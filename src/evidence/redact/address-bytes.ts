/** Addresses as text and as bytes in network order. */
import { isIPv4, isIPv6 } from 'node:net';
import { addressWords, formatAddress } from '../../wire/address.js';

/** The 4 or 16 bytes of an IP address; `undefined` if the text is none. */
export function parseAddress(text: string): Uint8Array | undefined {
  if (!isIPv4(text) && !isIPv6(text)) return undefined;
  const words = addressWords(text);
  return words && Uint8Array.from(words.flatMap(word => [word >> 8, word & 0xff]));
}

/** As text; IPv6 in the form of RFC 5952. */
export function formatIp(address: Uint8Array): string {
  const view = new DataView(address.buffer, address.byteOffset, address.length);
  return formatAddress(view, 0, address.length);
}

/** The address with all bits behind the first `bits` zero. */
export function masked(address: Uint8Array, bits: number): Uint8Array {
  return address.map(
    (byte, index) => byte & (0xff00 >> Math.min(Math.max(bits - index * 8, 0), 8)),
  );
}

export function hexOf(bytes: Uint8Array, separator = ''): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join(separator);
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
