/** Expressions of nft's language, read into the shapes of libnftables-json(5). */
import type { Json } from './nft-json.js';
import type { NftCursor } from './nft-words.js';

/** `meta` keys that may stand without `meta` (src/parser_bison.y, meta_key_unqualified). */
const BARE_META = new Set([
  'mark',
  'iif',
  'iifname',
  'iiftype',
  'iifgroup',
  'oif',
  'oifname',
  'oiftype',
  'oifgroup',
  'skuid',
  'skgid',
  'nftrace',
  'rtclassid',
  'ibriport',
  'ibrname',
  'obriport',
  'obrname',
  'pkttype',
  'cpu',
  'cgroup',
  'ipsec',
]);

const HEADERS = new Set([
  'ip',
  'ip6',
  'tcp',
  'udp',
  'th',
  'sctp',
  'udplite',
  'dccp',
  'icmp',
  'icmpv6',
  'ether',
  'arp',
  'vlan',
  'ah',
  'esp',
  'comp',
  'igmp',
]);

/** The operators by strength, weakest first, each with its words. */
const OPERATORS: readonly { readonly sign: string; readonly words: readonly string[] }[] = [
  { sign: '|', words: ['|', 'or'] },
  { sign: '^', words: ['^', 'xor'] },
  { sign: '&', words: ['&', 'and'] },
];

/**
 * What stands left of an operator, a map or a `set`: a field, fields joined by dots, under masks.
 * `undefined`, with the cursor where it was, if it is nothing known.
 */
export function readKey(cursor: NftCursor): Json | undefined {
  const start = cursor.position;
  const parts: Json[] = [];
  do {
    const part = readOperation(cursor, 0, readField);
    if (part === undefined) {
      cursor.back(start);
      return undefined;
    }
    parts.push(part);
  } while (cursor.take('.'));
  return parts.length === 1 ? parts[0] : { concat: parts };
}

/** What stands right of an operator or of `set`: constants, fields, sets, `map`. */
export function readValue(cursor: NftCursor): Json {
  const parts: Json[] = [];
  do {
    const part = readOperation(cursor, 0, readOperand);
    if (part === undefined) throw cursor.fault('expected a value');
    parts.push(part);
  } while (cursor.take('.'));
  const [first] = parts;
  const value: Json = parts.length === 1 && first !== undefined ? first : { concat: parts };
  if (cursor.take('map')) return { map: { key: value, data: readOperand(cursor) ?? null } };
  return value;
}

type Reader = (cursor: NftCursor) => Json | undefined;

function readOperation(cursor: NftCursor, level: number, read: Reader): Json | undefined {
  const operator = OPERATORS[level];
  if (!operator) return read(cursor);
  let left = readOperation(cursor, level + 1, read);
  while (left !== undefined && operator.words.some(word => cursor.take(word))) {
    const right = readOperation(cursor, level + 1, readOperand);
    if (right === undefined) throw cursor.fault('expected a value');
    left = { [operator.sign]: [left, right] };
  }
  return left;
}

/** A constant, a set, or a field. */
function readOperand(cursor: NftCursor): Json | undefined {
  const field = readField(cursor);
  if (field !== undefined) return field;
  if (cursor.sees('{')) return { set: readElements(cursor) };
  if (cursor.take('(')) {
    const inner = readValue(cursor);
    cursor.expect(')');
    return inner;
  }
  const word = cursor.peek();
  if (!word || word.kind === 'end' || word.kind === 'sign') return undefined;
  cursor.next('a value');
  const value = word.kind === 'quoted' ? word.text : constant(word.text);
  // Flags: "established,related".
  if (!cursor.sees(',') || typeof value === 'object') return value;
  const list: Json[] = [value];
  while (cursor.take(',')) list.push(constant(cursor.next('a value').text));
  return list;
}

/** A number, a prefix, a range, or a word. */
export function constant(text: string): Json {
  if (/^(0x[0-9a-f]+|\d+)$/i.test(text)) return Number(text);
  const prefix = /^([0-9a-f.:]+)\/(\d+)$/i.exec(text);
  if (prefix) return { prefix: { addr: prefix[1] ?? '', len: Number(prefix[2]) } };
  const range = /^([0-9a-fx.:]+)-([0-9a-fx.:]+)$/i.exec(text);
  if (range) return { range: [constant(range[1] ?? ''), constant(range[2] ?? '')] };
  return text;
}

/** `{ key, key : value, ... }`, over any number of lines; the cursor stands at the brace. */
export function readElements(cursor: NftCursor): Json[] {
  const elements: Json[] = [];
  cursor.expect('{');
  for (cursor.skipEnds(); !cursor.take('}'); cursor.skipEnds()) {
    elements.push(readElement(cursor));
    cursor.skipEnds();
    if (!cursor.sees('}')) cursor.expect(',');
  }
  return elements;
}

function readElement(cursor: NftCursor): Json {
  const key = readElementValue(cursor);
  skipAttributes(cursor);
  if (!cursor.take(':')) return key;
  const verdict = readVerdict(cursor);
  const value = verdict ?? readElementValue(cursor);
  skipAttributes(cursor);
  return [key, value];
}

/** Constants joined by dots. Here a comma ends the element, and words are never fields. */
function readElementValue(cursor: NftCursor): Json {
  const parts: Json[] = [];
  do {
    cursor.skipEnds();
    const word = cursor.next('an element');
    if (word.kind === 'sign') {
      cursor.back(cursor.position - 1);
      throw cursor.fault('expected an element');
    }
    parts.push(word.kind === 'quoted' ? word.text : constant(word.text));
  } while (cursor.take('.'));
  const [first] = parts;
  return parts.length === 1 && first !== undefined ? first : { concat: parts };
}

/** Comments, timeouts and counters of an element. */
function skipAttributes(cursor: NftCursor): void {
  const attribute = /^(comment|timeout|expires|counter|packets|bytes)$/;
  for (let word = cursor.peek(); word && attribute.test(word.text); word = cursor.peek()) {
    cursor.next('an attribute');
    if (word.text !== 'counter') cursor.next('its value');
  }
}

/** `accept`, `jump NAME`; `undefined` if no verdict stands here. */
export function readVerdict(cursor: NftCursor): Json | undefined {
  const word = cursor.peek();
  if (word?.kind !== 'word') return undefined;
  switch (word.text) {
    case 'accept':
    case 'drop':
    case 'return':
    case 'continue':
      cursor.next('a verdict');
      return { [word.text]: null };
    case 'jump':
    case 'goto':
      cursor.next('a verdict');
      return { [word.text]: { target: cursor.next('the name of a chain').text } };
    default:
      return undefined;
  }
}

/** A field of the packet, of conntrack or of the route; `undefined` if none stands here. */
function readField(cursor: NftCursor): Json | undefined {
  const word = cursor.peek();
  if (word?.kind !== 'word') return undefined;
  const start = cursor.position;
  cursor.next('a field');
  const field = fieldNamed(word.text, cursor);
  if (field === undefined) cursor.back(start);
  return field;
}

function fieldNamed(name: string, cursor: NftCursor): Json | undefined {
  if (BARE_META.has(name)) return { meta: { key: name } };
  if (HEADERS.has(name)) return readPayload(name, cursor);
  switch (name) {
    case 'meta':
      return { meta: { key: cursor.next('a key of meta').text } };
    case 'ct':
      return readConntrack(cursor);
    case 'fib':
      return readFib(cursor);
    case 'numgen':
    case 'jhash':
    case 'symhash':
      return readGenerator(name, cursor);
    case 'rt':
    case 'socket':
    case 'osf':
      return { [name]: { key: cursor.next('a key').text } };
    default:
      return undefined;
  }
}

/** `ip saddr`; a lone `tcp` is a word, the value of `meta l4proto tcp`. */
function readPayload(protocol: string, cursor: NftCursor): Json | undefined {
  const field = cursor.peek();
  if (field?.kind !== 'word' || !/^[a-z][a-z0-9-]*$/.test(field.text)) return undefined;
  if (!PAYLOAD_FIELDS.has(field.text)) return undefined;
  cursor.next('a field');
  return { payload: { protocol, field: field.text } };
}

const PAYLOAD_FIELDS = new Set(
  (
    'saddr daddr sport dport protocol nexthdr flags length ttl hoplimit dscp ecn id version hdrlength ' +
    'checksum frag-off sequence ackseq doff window urgptr flowlabel type code mtu reserved vtag option'
  ).split(' '),
);

function readConntrack(cursor: NftCursor): Json {
  const word = cursor.next('a key of ct').text;
  if (word !== 'original' && word !== 'reply') return { ct: { key: word } };
  const first = cursor.next('a key of ct').text;
  const second = first === 'ip' || first === 'ip6' ? ` ${cursor.next('a key of ct').text}` : '';
  return { ct: { key: `${first}${second}`, dir: word } };
}

/** `fib daddr . iif type` */
function readFib(cursor: NftCursor): Json {
  const flags: string[] = [];
  do flags.push(cursor.next('saddr, daddr, mark, iif or oif').text);
  while (cursor.take('.'));
  return { fib: { result: cursor.next('type, oif or oifname').text, flags } };
}

/** `numgen random mod 3 offset 1`, `jhash ip saddr . ip daddr mod 2` */
function readGenerator(name: string, cursor: NftCursor): Json {
  while (!cursor.take('mod')) cursor.next('"mod"');
  const mod = Number(cursor.next('a number').text);
  const offset = cursor.take('offset') ? Number(cursor.next('a number').text) : 0;
  return { [name]: { mod, offset } };
}
