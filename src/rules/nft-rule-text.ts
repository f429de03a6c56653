/** Statements of a rule in nft's language, read into the shapes of libnftables-json(5). */
import { StalesumError } from '../errors.js';
import { readElements, readKey, readValue, readVerdict } from './nft-expression-text.js';
import type { Json } from './nft-json.js';
import type { NftCursor } from './nft-words.js';

const OPERATORS = ['==', '!=', '<', '>', '<=', '>='];

/** Words at which reading starts again behind something that is not known. */
const FAMILIAR = new Set(
  'accept drop return continue jump goto queue reject masquerade snat dnat redirect notrack counter'.split(
    ' ',
  ),
);

/** The statements of one rule; what is not known becomes `{"unknown": "its words"}`. */
export function readStatements(cursor: NftCursor, text: string): Json[] {
  const statements: Json[] = [];
  while (!cursor.done) {
    const start = cursor.position;
    const statement = attempt(cursor);
    if (statement !== undefined) statements.push(statement);
    else {
      cursor.back(start);
      statements.push({ unknown: skipToFamiliar(cursor, text) });
    }
  }
  return statements;
}

function attempt(cursor: NftCursor): Json | undefined {
  try {
    return readStatement(cursor);
  } catch (thrown) {
    // A rule in words of a newer nft is a rule that is not known, not a broken file.
    if (thrown instanceof StalesumError) return undefined;
    throw thrown;
  }
}

function skipToFamiliar(cursor: NftCursor, text: string): string {
  const first = cursor.next('a statement');
  let last = first;
  for (let word = cursor.peek(); word && !FAMILIAR.has(word.text); word = cursor.peek()) {
    last = cursor.next('a statement');
  }
  return text.slice(first.from, last.to).replace(/\s+/g, ' ');
}

function readStatement(cursor: NftCursor): Json | undefined {
  const verdict = readVerdict(cursor);
  if (verdict !== undefined) return verdict;
  const word = cursor.peek();
  if (word?.kind === 'word') {
    cursor.next('a statement');
    const statement = statementNamed(word.text, cursor);
    if (statement !== undefined) return statement;
    cursor.back(cursor.position - 1);
  }
  return readAboutKey(cursor);
}

function statementNamed(name: string, cursor: NftCursor): Json | undefined {
  switch (name) {
    case 'counter':
      return { counter: readCounter(cursor) };
    case 'comment':
      return { comment: cursor.next('a comment').text };
    case 'notrack':
      return { notrack: null };
    case 'masquerade':
      return { masquerade: readNat(cursor) };
    case 'redirect':
      return { redirect: readNat(cursor) };
    case 'snat':
    case 'dnat':
      return { [name]: readNat(cursor) };
    case 'reject':
      skipReject(cursor);
      return { reject: null };
    case 'queue':
      while (!cursor.done) cursor.next('an option of queue');
      return { queue: null };
    case 'limit':
      return { limit: readLimit(cursor) };
    case 'log':
      skipLog(cursor);
      return { log: null };
    case 'xt':
      return {
        xt: { type: cursor.next('match or target').text, name: cursor.next('a name').text },
      };
    case 'update':
    case 'add':
    case 'delete':
      if (!cursor.peek()?.text.startsWith('@')) return undefined;
      return { set: { op: name, set: cursor.next('a set').text, elem: readSetUpdate(cursor) } };
    default:
      return undefined;
  }
}

function readCounter(cursor: NftCursor): Json {
  if (cursor.take('name')) return cursor.next('the name of a counter').text;
  if (!cursor.take('packets')) return null;
  const packets = Number(cursor.next('a number').text);
  cursor.expect('bytes');
  return { packets, bytes: Number(cursor.next('a number').text) };
}

/** `[ip|ip6] [to] ADDRESS[:PORT] [random,fully-random,persistent]`, all of it optional. */
function readNat(cursor: NftCursor): Json {
  const family = cursor.take('ip6') ? 'ip6' : cursor.take('ip') ? 'ip' : null;
  cursor.take('prefix');
  const target = cursor.take('to') ? readNatTarget(cursor) : {};
  const flags: string[] = [];
  while (/^(random|fully-random|persistent)$/.test(cursor.peek()?.text ?? '')) {
    flags.push(cursor.next('a flag').text);
    cursor.take(',');
  }
  return { ...(family === null ? {} : { family }), ...target, flags };
}

function readNatTarget(cursor: NftCursor): { readonly [key: string]: Json } {
  if (cursor.take('[')) {
    const addr = cursor.next('an address').text;
    cursor.expect(']');
    const after = cursor.peek()?.text ?? '';
    if (!/^:[\d-]+$/.test(after)) return { addr };
    cursor.next('a port');
    return { addr, port: portValue(after.slice(1)) };
  }
  const word = cursor.peek();
  if (word?.text === ':') {
    cursor.next('":"');
    return { port: portValue(cursor.next('a port').text) };
  }
  const match = /^([\d.]+(?:-[\d.]+)?)?:(\d+(?:-\d+)?)$/.exec(word?.text ?? '');
  if (word && match) {
    cursor.next('an address');
    const port = portValue(match[2] ?? '');
    return match[1] === undefined ? { port } : { addr: addressValue(match[1]), port };
  }
  return { addr: readValue(cursor) };
}

function portValue(text: string): Json {
  const [low = '', high] = text.split('-');
  return high === undefined ? Number(low) : { range: [Number(low), Number(high)] };
}

function addressValue(text: string): Json {
  const [low = '', high] = text.split('-');
  return high === undefined ? low : { range: [low, high] };
}

function skipReject(cursor: NftCursor): void {
  if (!cursor.take('with')) return;
  while (!cursor.done && !cursor.sees('comment')) cursor.next('a kind of rejection');
}

/** `rate [over] 10/second [burst 5 packets]` */
function readLimit(cursor: NftCursor): Json {
  cursor.take('rate');
  cursor.take('over');
  let text = cursor.next('a rate').text;
  if (cursor.peek()?.text.includes('/')) text += ` ${cursor.next('a unit').text}`;
  if (cursor.take('burst')) {
    cursor.next('a number');
    cursor.next('a unit');
  }
  return text;
}

function skipLog(cursor: NftCursor): void {
  const options = /^(prefix|level|group|snaplen|queue-threshold|flags)$/;
  while (options.test(cursor.peek()?.text ?? '')) {
    const option = cursor.next('an option of log').text;
    cursor.next('its value');
    if (option === 'flags') while (cursor.take(',')) cursor.next('a flag');
    if (option === 'flags' && /^(sequence|options)/.test(cursor.peek()?.text ?? '')) {
      cursor.next('a flag');
    }
  }
}

function readSetUpdate(cursor: NftCursor): Json {
  cursor.expect('{');
  let depth = 1;
  while (depth > 0) {
    const { text } = cursor.next('"}"');
    if (text === '{') depth += 1;
    if (text === '}') depth -= 1;
  }
  return null;
}

/** `KEY set VALUE`, `KEY vmap MAP`, `KEY [OPERATOR] VALUE`. */
function readAboutKey(cursor: NftCursor): Json | undefined {
  const key = readKey(cursor);
  if (key === undefined) return undefined;
  if (cursor.take('set')) return { mangle: { key, value: readValue(cursor) } };
  if (cursor.take('vmap')) {
    const data: Json = cursor.sees('{') ? { set: readElements(cursor) } : cursor.next('a map').text;
    return { vmap: { key, data } };
  }
  const op = OPERATORS.find(operator => cursor.take(operator));
  return { match: { op: op ?? 'in', left: key, right: readValue(cursor) } };
}
