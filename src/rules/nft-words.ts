/** The words of nft's language, each with its line. */
import { ruleFault } from './fault.js';

export interface NftWord {
  readonly text: string;
  readonly kind: 'word' | 'quoted' | 'sign' | 'end';
  readonly line: number;
  /** Where it begins and ends in the whole text. */
  readonly from: number;
  readonly to: number;
}

/** What a character begins; a lone `.` and `:` are words of their own. */
const [WORD, BLANK, NEWLINE, SIGN, SEMICOLON, QUOTE, COMMENT] = [0, 1, 2, 3, 4, 5, 6];

const CLASSES = classes();

function classes(): Uint8Array {
  const table = new Uint8Array(128);
  for (const blank of ' \t\r\v\f') table[blank.charCodeAt(0)] = BLANK;
  for (const sign of '{}(),=<>&|^[]!') table[sign.charCodeAt(0)] = SIGN;
  table['\n'.charCodeAt(0)] = NEWLINE;
  table[';'.charCodeAt(0)] = SEMICOLON;
  table['"'.charCodeAt(0)] = QUOTE;
  table['#'.charCodeAt(0)] = COMMENT;
  return table;
}

function classAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code < 128) return CLASSES[code] ?? WORD;
  return /\s/.test(text.charAt(at)) ? BLANK : WORD;
}

/** Some 50 for each service of a cluster. Past it memory would go, and nothing else come. */
const MOST_WORDS = 8_000_000;

/**
 * Cuts the text up. Ends of lines and `;` both come out as `end`, since both end a statement; whoever
 * reads a list passes over them.
 *
 * @throws StalesumError `bad-input` for a quote that is not closed.
 */
export function splitNft(text: string, file: string): NftWord[] {
  const words: NftWord[] = [];
  let line = 1;
  for (let from = 0; from < text.length; ) {
    let to = from + 1;
    switch (classAt(text, from)) {
      case BLANK:
        break;
      case NEWLINE:
        pushEnd(words, line, from);
        line += 1;
        break;
      case SEMICOLON:
        pushEnd(words, line, from);
        break;
      case SIGN:
        to = endOfSign(text, from);
        words.push({ text: text.slice(from, to), kind: 'sign', line, from, to });
        break;
      case QUOTE: {
        const close = text.indexOf('"', to);
        if (close < 0 || text.slice(to, close).includes('\n')) {
          throw ruleFault(file, line, 'the quote is not closed');
        }
        to = close + 1;
        words.push({ text: text.slice(from + 1, close), kind: 'quoted', line, from, to });
        break;
      }
      case COMMENT: {
        to = endOfLine(text, from);
        const comment = text.slice(from, to);
        // An extension of iptables that this nft could not show: it must not be lost with the comments.
        if (comment.startsWith('# xt_') && !comment.startsWith('# xt_comment')) {
          words.push({ text: comment.slice(2), kind: 'word', line, from, to });
        }
        break;
      }
      default:
        if (text.startsWith('\\\n', from)) {
          // The statement goes on in the next line.
          to = from + 2;
          line += 1;
        } else {
          while (to < text.length && classAt(text, to) === WORD) to += 1;
          pushWord(words, text.slice(from, to), line, from, to);
        }
    }
    from = to;
    if (words.length > MOST_WORDS) throw ruleFault(file, line, 'more words than any ruleset has');
  }
  return words;
}

/** One end is as good as many. */
function pushEnd(words: NftWord[], line: number, from: number): void {
  if (words.at(-1)?.kind === 'end') return;
  words.push({ text: '\n', kind: 'end', line, from, to: from + 1 });
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

/** `!=`, `==`, `<=`, `>=`, `<<` and `>>` are one sign each. */
function endOfSign(text: string, from: number): number {
  const first = text.charAt(from);
  const second = text.charAt(from + 1);
  const pair = second === '=' ? '!=<>'.includes(first) : second === first && '<>'.includes(first);
  return from + (pair ? 2 : 1);
}

/** `0:` at the end of a key is a key and a colon; `::` is an address. */
function pushWord(words: NftWord[], text: string, line: number, from: number, to: number): void {
  if (text.length < 2 || !text.endsWith(':') || text.endsWith('::')) {
    words.push({ text, kind: 'word', line, from, to });
    return;
  }
  words.push({ text: text.slice(0, -1), kind: 'word', line, from, to: to - 1 });
  words.push({ text: ':', kind: 'word', line, from: to - 1, to });
}

/** Reads words one after another. */
export class NftCursor {
  readonly words: readonly NftWord[];
  readonly file: string;
  #next = 0;

  constructor(words: readonly NftWord[], file: string) {
    this.words = words;
    this.file = file;
  }

  get position(): number {
    return this.#next;
  }

  back(position: number): void {
    this.#next = position;
  }

  /** The word `ahead` words further on; `undefined` behind the last. */
  peek(ahead = 0): NftWord | undefined {
    return this.words[this.#next + ahead];
  }

  /** Whether the next word is this one, unquoted. */
  sees(text: string, ahead = 0): boolean {
    const word = this.peek(ahead);
    return word !== undefined && word.kind !== 'quoted' && word.text === text;
  }

  /** Takes the next word if it is this one. */
  take(text: string): boolean {
    if (!this.sees(text)) return false;
    this.#next += 1;
    return true;
  }

  next(what: string): NftWord {
    const word = this.peek();
    if (!word || word.kind === 'end') throw this.fault(`expected ${what}`);
    this.#next += 1;
    return word;
  }

  expect(text: string): void {
    if (!this.take(text)) throw this.fault(`expected "${text}"`);
  }

  /** Passes over ends of lines and semicolons. */
  skipEnds(): void {
    while (this.peek()?.kind === 'end') this.#next += 1;
  }

  get done(): boolean {
    return this.#next >= this.words.length;
  }

  fault(what: string) {
    const word = this.peek();
    const line = word?.line ?? this.words.at(-1)?.line ?? 1;
    const found = word === undefined ? 'the end of the file' : foundText(word);
    return ruleFault(this.file, line, `${what}, found ${found}`);
  }
}

function foundText({ kind, text }: NftWord): string {
  return kind === 'end' ? 'the end of the line' : `"${text}"`;
}
