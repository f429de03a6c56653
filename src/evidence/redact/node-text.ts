/** Each text file of a bundle by its kind: what in it is the format's own, and what may be somebody's. */
import { messageOf, StalesumError } from '../../errors.js';
import { recognise } from '../../snapshot/node-files.js';
import { SNAPSHOT_FILES } from '../../snapshot/read-folder.js';
import { redactComment, redactRules } from './rules-text.js';
import { type Replacing, redactText } from './text.js';

export type TextKind = 'rules' | 'json' | 'counters' | 'offload' | 'words';

const { conntrackEvents, conntrackList, countersBefore, countersAfter } = SNAPSHOT_FILES;
const { links, offload, sysctls, versions } = SNAPSHOT_FILES;

const KINDS: ReadonlyMap<string, TextKind> = new Map<string, TextKind>([
  [conntrackEvents, 'words'],
  [conntrackList, 'words'],
  [countersBefore, 'counters'],
  [countersAfter, 'counters'],
  [links, 'words'],
  [offload, 'offload'],
  [sysctls, 'words'],
  [versions, 'words'],
  // Of recordings.
  ['client.txt', 'words'],
  ['expected.json', 'json'],
]);

/** What a text file is, by its base name and its text; `undefined` for one that is not known. */
export function textKind(name: string, text: string): TextKind | undefined {
  const known = KINDS.get(name);
  if (known) return known;
  switch (recognise(name, text)?.kind) {
    case 'iptables-save':
    case 'nft-text':
      return 'rules';
    case 'nft-json':
      return 'json';
    case 'ip':
      return /^\s*\[/.test(text) ? 'json' : 'words';
    case 'offload':
      return 'offload';
    case 'sysctl':
    case 'kernel':
      return 'words';
    default:
      return undefined;
  }
}

/** The text redacted. @throws StalesumError `bad-input` for JSON that is none */
export function redactTextOf(kind: TextKind, text: string, by: Replacing): string {
  switch (kind) {
    case 'rules':
      return redactRules(text, by);
    case 'json':
      return redactJson(text, by);
    case 'counters':
      return redactLines(text, COUNTER, by);
    case 'offload':
      return redactLines(text, FEATURE, by);
    case 'words':
      return redactText(text, by);
  }
}

/** `UdpInCsumErrors   6   0.0`: the names are the kernel's. */
const COUNTER = /^[A-Z][A-Za-z0-9]*\s+\d+(?:\s+[\d.]+)?\s*$/;
/** `tx-checksum-ipv4: off [fixed]`: the names are the kernel's and its drivers'. */
const FEATURE =
  /^\s*[a-z0-9-]+: (?:on|off)(?: \[(?:fixed|requested on|requested off|not requested)\])?$/;

/** Whether a line is one that a format lets stay as it is. */
export function isFormatLine(kind: TextKind, line: string): boolean {
  if (kind === 'counters') return COUNTER.test(line);
  return kind === 'offload' && FEATURE.test(line);
}

/** Lines of the format stay; in all others words are replaced. */
function redactLines(text: string, format: RegExp, by: Replacing): string {
  return text
    .split('\n')
    .map(line => (format.test(line) ? line : redactText(line, by)))
    .join('\n');
}

/** nft's `{"addr": "10.244.0.0", "len": 16}`, and ranges; then any string, and whether it is a key. */
const PREFIX = /(?<="addr"\s*:\s*)"(?<network>[0-9a-fA-F.:]+)"(?=\s*,\s*"len"\s*:\s*(?<bits>\d+))/;
const RANGE = /(?<="range"\s*:\s*\[\s*)"(?<first>[\d.]+)"(?<comma>\s*,\s*)"(?<last>[\d.]+)"/;
const STRING = /"(?:[^"\\]|\\.)*"(?<colon>\s*:)?/;
const JSON_TOKEN = new RegExp([PREFIX, RANGE, STRING].map(({ source }) => source).join('|'), 'g');

/** Strings are redacted in place, so that numbers of any size and the layout stay as they are. */
function redactJson(text: string, by: Replacing): string {
  try {
    if (text.trim() !== '') JSON.parse(text);
  } catch (thrown) {
    throw new StalesumError('bad-input', `expected JSON: ${messageOf(thrown)}`);
  }
  let key = '';
  return text.replace(JSON_TOKEN, (token: string, ...rest) => {
    const { network, bits, first, comma, last, colon } = rest.at(-1) as JsonGroups;
    if (network !== undefined) return `"${redactText(`${network}/${bits}`, by).split('/')[0]}"`;
    if (first !== undefined) {
      const ends = redactText(`${first}-${last}`, by).split('-');
      return `"${ends[0]}"${comma}"${ends[1]}"`;
    }
    if (colon !== undefined) {
      key = JSON.parse(token.slice(0, -colon.length)) as string;
      return token;
    }
    const value = JSON.parse(token) as string;
    const redacted = key === 'comment' ? redactComment(value, by) : redactRules(value, by);
    return redacted === value ? token : JSON.stringify(redacted);
  });
}

type JsonGroups = Partial<
  Record<'network' | 'bits' | 'first' | 'comma' | 'last' | 'colon', string>
>;
