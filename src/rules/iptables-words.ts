/** A rule of iptables-save cut into words, and the words into options. */
import { excerpt, ruleFault } from './fault.js';
import type { Origin } from './model.js';

export interface Word {
  readonly text: string;
  /** Written in quotes, so never an option. */
  readonly quoted: boolean;
}

/**
 * Words between spaces; in double quotes a backslash takes the next character as it is, which is how
 * xtables_save_string() (libxtables/xtables.c) writes them.
 *
 * @throws StalesumError `bad-input` for a quote that is not closed.
 */
export function splitWords(text: string, { file, line }: Origin): Word[] {
  const words: Word[] = [];
  const pattern = /"((?:[^"\\]|\\.)*)"|(")|(\S+)/g;
  for (const [found, quoted, open, plain] of text.matchAll(pattern)) {
    if (open !== undefined) {
      throw ruleFault(file, line, `the quote is not closed: ${excerpt(text)}`);
    }
    if (quoted !== undefined) words.push({ text: quoted.replace(/\\(.)/g, '$1'), quoted: true });
    else words.push({ text: plain ?? found, quoted: false });
  }
  return words;
}

/** `! --ctstate RELATED,ESTABLISHED`: the values are what stands before the next option. */
export interface Option {
  readonly name: string;
  readonly negated: boolean;
  readonly values: readonly string[];
}

/** Options from left to right. @throws StalesumError `bad-input` for a word that belongs to none */
export function splitOptions(words: readonly Word[], { file, line }: Origin): Option[] {
  const options: { name: string; negated: boolean; values: string[] }[] = [];
  let negated = false;
  for (const word of words) {
    if (!word.quoted && word.text === '!') negated = true;
    else if (isOption(word)) {
      options.push({ name: word.text, negated, values: [] });
      negated = false;
    } else {
      const option = options.at(-1);
      if (!option || negated) {
        throw ruleFault(file, line, `expected an option, found ${excerpt(word.text)}`);
      }
      option.values.push(word.text);
    }
  }
  if (negated) throw ruleFault(file, line, 'expected an option after "!"');
  return options;
}

function isOption({ text, quoted }: Word): boolean {
  return !quoted && /^(-[a-zA-Z]|--[a-z][\w-]*)$/.test(text);
}

/** The option's first value. @throws StalesumError `bad-input` if it has none */
export function firstValue({ name, values }: Option, { file, line }: Origin): string {
  const [value] = values;
  if (value === undefined) throw ruleFault(file, line, `expected a value after ${name}`);
  return value;
}

/** How the option is written, for messages. */
export function optionText({ name, negated, values }: Option): string {
  return [...(negated ? ['!'] : []), name, ...values].join(' ');
}
