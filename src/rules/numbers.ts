/** Numbers as rules write them: marks with masks, ports with ranges. */
import type { PortRange } from './model.js';

const ALL_BITS = 0xffffffff;

/** A 32-bit number, decimal, hexadecimal or octal as strtoul(3) takes them. */
export function parseNumber(text: string): number | undefined {
  const octal = /^0[0-7]+$/.test(text);
  if (!octal && !/^(0[xX][0-9a-fA-F]{1,16}|\d{1,10})$/.test(text)) return undefined;
  const value = octal ? Number.parseInt(text, 8) : Number(text);
  return value <= ALL_BITS ? value : undefined;
}

/** `0x4000/0x4000`; without a mask, all bits. */
export function parseMask(text: string): { value: number; mask: number } | undefined {
  const [first = '', second, more] = text.split('/');
  const value = parseNumber(first);
  const mask = second === undefined ? ALL_BITS : parseNumber(second);
  if (value === undefined || mask === undefined || more !== undefined) return undefined;
  return { value, mask };
}

/** `80`, `1024:65535`, `:80`, `80:` (with the separator given). */
export function parsePorts(text: string, separator: ':' | '-'): PortRange | undefined {
  const [first = '', last = first, more] = text.split(separator);
  if (more !== undefined || (first === '' && last === '')) return undefined;
  const low = first === '' ? 0 : parsePort(first);
  const high = last === '' ? 65535 : parsePort(last);
  return low === undefined || high === undefined || low > high ? undefined : { low, high };
}

function parsePort(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65535 ? Number(text) : undefined;
}

/** All bits but these, as an unsigned number. */
export function invert(mask: number): number {
  return ~mask >>> 0;
}

/** `0x4000`. */
export function hexMark(mark: number): string {
  return `0x${mark.toString(16)}`;
}
