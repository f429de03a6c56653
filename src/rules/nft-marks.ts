/** What nftables sets a mark to: and, or, xor of marks and constants. */
import type { MarkExpression } from './model.js';
import { isList, isObject, type Json } from './nft-json.js';
import { invert } from './numbers.js';

const ALL_BITS = 0xffffffff;

/** What a mark is set to; `undefined` if it is not and, or, xor of marks and constants. */
export function compileMark(json: Json | undefined): MarkExpression | undefined {
  if (typeof json === 'number') return { constant: json >>> 0, terms: [] };
  if (!isObject(json)) return undefined;
  const [name = ''] = Object.keys(json);
  const body = json[name];
  if ((name === 'meta' || name === 'ct') && isObject(body) && body.key === 'mark') {
    return { constant: 0, terms: [{ field: name === 'meta' ? 'mark' : 'ctMark', mask: ALL_BITS }] };
  }
  if (!isList(body)) return undefined;
  const operands = body.map(compileMark);
  const known = operands.filter(operand => operand !== undefined);
  if (known.length !== operands.length) return undefined;
  const combine = Object.hasOwn(MARK_OPERATORS, name) ? MARK_OPERATORS[name] : undefined;
  return combine && known.reduce<MarkExpression | undefined>(combineWith(combine), undefined);
}

type Combine = (a: MarkExpression, b: MarkExpression) => MarkExpression | undefined;

function combineWith(combine: Combine) {
  return (sum: MarkExpression | undefined, next: MarkExpression, index: number) =>
    index === 0 ? next : sum && combine(sum, next);
}

const MARK_OPERATORS: Readonly<Record<string, Combine>> = {
  '^': (a, b) => ({
    constant: (a.constant ^ b.constant) >>> 0,
    terms: [...a.terms, ...b.terms],
  }),
  '&': (a, b) => {
    if (b.terms.length > 0) return a.terms.length > 0 ? undefined : masked(b, a.constant);
    return masked(a, b.constant);
  },
  '|': (a, b) => {
    // With a constant, x | c is (x & ~c) ^ c; without one, both must have bits of their own.
    if (b.terms.length === 0) return withBits(a, b.constant);
    if (a.terms.length === 0) return withBits(b, a.constant);
    if ((bitsOf(a) & bitsOf(b)) !== 0) return undefined;
    return { constant: (a.constant ^ b.constant) >>> 0, terms: [...a.terms, ...b.terms] };
  },
};

function masked({ constant, terms }: MarkExpression, mask: number): MarkExpression {
  return {
    constant: (constant & mask) >>> 0,
    terms: terms.map(term => ({ ...term, mask: (term.mask & mask) >>> 0 })),
  };
}

function withBits(value: MarkExpression, bits: number): MarkExpression {
  const { constant, terms } = masked(value, invert(bits));
  return { constant: (constant ^ bits) >>> 0, terms };
}

function bitsOf({ constant, terms }: MarkExpression): number {
  return terms.reduce((bits, { mask }) => bits | mask, constant);
}
