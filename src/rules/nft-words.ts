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

/** Signs of two letters first; a lone `.` and `:` are words of their own. */
const WORD =
  /\\\n|\n|[^\S\n]+|#[^\n]*|"([^"\n]*)"|(")|!=|==|<=|>=|<<|>>|[{}();,=<>&|^[\]]|[^\s{}();,=<>&|^[\]"!#]+|./g;

/**
 * Cuts the text up. Ends of lines and `;` both come out as `end`, since both end a statement; whoever
 * reads a list passes over them.
 *
 * @throws StalesumError `bad-input` for a quote that is not closed.
 */
export function splitNft(text: string, file: string): NftWord[] {
  const words: NftWord[] = [];
  let line = 1;
  for (const match of text.matchAll(WORD)) {
    const [found, quoted, open] = match;
    const at = { line, from: match.index, to: match.index + found.length };
    if (open !== undefined) throw ruleFault(file, line, 'the quote is not closed');
    if (found === '\n' || found === '\\\n') {
      line += 1;
      if (found === '\n') words.push({ ...at, text: found, kind: 'end' });
    } else if (quoted !== undefined) words.push({ ...at, text: quoted, kind: 'quoted' });
    else if (found === ';') words.push({ ...at, text: found, kind: 'end' });
    else if (found.startsWith('# xt_') && !found.startsWith('# xt_comment')) {
      // An extension of iptables that this nft could not show: it must not be lost with the comments.
      words.push({ ...at, text: found.slice(2), kind: 'word' });
    } else if (/^\s|^#/.test(found)) continue;
    else if (/^[{}(),=<>&|^[\]!]/.test(found)) words.push({ ...at, text: found, kind: 'sign' });
    else words.push(...splitColon({ ...at, text: found, kind: 'word' }));
  }
  return words;
}

/** `0:` at the end of a key is a key and a colon; `::` is an address. */
function splitColon(word: NftWord): NftWord[] {
  const { text, to } = word;
  if (text.length < 2 || !text.endsWith(':') || text.endsWith('::')) return [word];
  return [
    { ...word, text: text.slice(0, -1), to: to - 1 },
    { ...word, text: ':', from: to - 1 },
  ];
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
