/** A rule of iptables-save cut into options. */
import { excerpt, ruleFault } from './fault.js';
import type { Origin } from './model.js';

/** `! --ctstate RELATED,ESTABLISHED`: the values are what stands before the next option. */
export interface Option {
  readonly name: string;
  readonly negated: boolean;
  readonly values: readonly string[];
}

const [TAB, SPACE, QUOTE, MINUS] = [0x09, 0x20, 0x22, 0x2d];

/**
 * Options from left to right, beginning at `from`. Words stand between spaces; in double quotes, which
 * hide an option, a backslash takes the next character as it is: so xtables_save_string()
 * (libxtables/xtables.c) writes them.
 *
 * @throws StalesumError `bad-input` for a word that belongs to no option, or an open quote
 */
export function splitOptions(text: string, from: number, { file, line }: Origin): Option[] {
  const options: { name: string; negated: boolean; values: string[] }[] = [];
  let negated = false;
  for (let at = from; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === SPACE || code === TAB) {
      at += 1;
      continue;
    }
    const quoted = code === QUOTE;
    const end = quoted ? closingQuote(text, at) : endOfWord(text, at);
    if (end === undefined) {
      throw ruleFault(file, line, `the quote is not closed: ${excerpt(text)}`);
    }
    const word = quoted ? unquote(text, at + 1, end) : text.slice(at, end);
    at = quoted ? end + 1 : end;
    if (!quoted && word === '!') negated = true;
    else if (code === MINUS && isOption(word)) {
      options.push({ name: word, negated, values: [] });
      negated = false;
    } else {
      const option = options.at(-1);
      if (!option || negated) {
        throw ruleFault(file, line, `expected an option, found ${excerpt(word)}`);
      }
      option.values.push(word);
    }
  }
  if (negated) throw ruleFault(file, line, 'expected an option after "!"');
  return options;
}

function endOfWord(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charCodeAt(at) !== SPACE && text.charCodeAt(at) !== TAB) at += 1;
  return at;
}

function closingQuote(text: string, open: number): number | undefined {
  for (let at = open + 1; at < text.length; at++) {
    if (text[at] === '\\') at += 1;
    else if (text.charCodeAt(at) === QUOTE) return at;
  }
  return undefined;
}

function unquote(text: string, from: number, to: number): string {
  const inside = text.slice(from, to);
  return inside.includes('\\') ? inside.replace(/\\(.)/g, '$1') : inside;
}

function isOption(word: string): boolean {
  return /^(-[a-zA-Z]|--[a-z][\w-]*)$/.test(word);
}

/** The option's first value. @throws StalesumError `bad-input` if it has none */
export function firstValue({ name, values }: Option, { file, line }: Origin): string {
  const [value] = values;
  if (value === undefined) throw ruleFault(file, line, `expected a value after ${name}`);
  return value;
}

/** How the option is written, for messages. */
export function optionText({ name, negated, values }: Option): string {
  const text = values.length === 1 ? `${name} ${values[0]}` : [name, ...values].join(' ');
  return negated ? `! ${text}` : text;
}
