/**
 * Sets of addresses and ports, as `ipset save` and `ipset list` print them:
 *
 *     create KUBE-CLUSTER-IP hash:ip,port family inet hashsize 1024 maxelem 65536
 *     add KUBE-CLUSTER-IP 10.96.0.10,udp:53
 */
import { addressPattern } from './address.js';
import { ruleFault } from './fault.js';
import type { AddressFamily, Element, Expression, Field, Pattern } from './model.js';
import { parsePorts } from './numbers.js';

export interface IpSet {
  readonly name: string;
  /** `hash:ip,port`. */
  readonly type: string;
  readonly family: AddressFamily;
  readonly elements: readonly Element[];
  /**
   * Why its elements do not tell whether a packet is in it: `null` if they do. Members that time
   * out, exceptions, sets of sets.
   */
  readonly doubt: string | null;
}

export type IpSets = ReadonlyMap<string, IpSet>;

interface OpenSet {
  readonly name: string;
  readonly type: string;
  readonly family: AddressFamily;
  readonly elements: Element[];
  doubt: string | null;
}

/** @throws StalesumError `bad-input` with file and line, for a member of a set that was not created */
export function parseIpSets(text: string, file: string): IpSets {
  return /^Name: /m.test(text) ? parseList(text, file) : parseSave(text, file);
}

function parseSave(text: string, file: string): IpSets {
  const sets = new Map<string, OpenSet>();
  for (const [index, line] of text.split('\n').entries()) {
    const [command, name = '', first = '', ...rest] = line.trim().split(/\s+/);
    if (command === 'create') sets.set(name, openSet(name, first, rest.join(' ')));
    if (command !== 'add') continue;
    const set = sets.get(name);
    if (!set) throw ruleFault(file, index + 1, `a member of set "${name}", which was not created`);
    addMember(set, first, rest.join(' '));
  }
  return sets;
}

/** `ipset list`: a block for each set, its members below `Members:`. */
function parseList(text: string, file: string): IpSets {
  const sets = new Map<string, OpenSet>();
  let set: OpenSet | undefined;
  let name = '';
  let type = '';
  let isInside = false;
  for (const [index, line] of text.split('\n').entries()) {
    const header = /^(Name|Type|Header|Members): ?(.*)$/.exec(line);
    switch (header?.[1]) {
      case 'Name':
        name = header[2] ?? '';
        isInside = false;
        break;
      case 'Type':
        type = header[2] ?? '';
        break;
      case 'Header':
        set = openSet(name, type, header[2] ?? '');
        sets.set(name, set);
        break;
      case 'Members':
        isInside = true;
        break;
      default: {
        if (!isInside || line.trim() === '') break;
        if (!set) throw ruleFault(file, index + 1, 'a member before the header of its set');
        const [member = '', ...rest] = line.trim().split(/\s+/);
        addMember(set, member, rest.join(' '));
      }
    }
  }
  return sets;
}

function openSet(name: string, type: string, header: string): OpenSet {
  const family = /\bfamily inet6\b/.test(header) ? 'ip6' : 'ip';
  const masked = /\bnetmask \d|\bbitmask \S/.test(header);
  const doubt = masked ? 'its members are masked' : doubtOfType(type);
  return { name, type, family, elements: [], doubt };
}

function doubtOfType(type: string): string | null {
  const dimensions = dimensionsOf(type);
  const known = dimensions.every(dimension => /^(ip|net|port|iface)$/.test(dimension));
  return known && !type.startsWith('list:') ? null : `sets of type ${type} are not walked`;
}

/** `ip` and `port` of `hash:ip,port`. */
function dimensionsOf(type: string): string[] {
  return (type.split(':')[1] ?? '').split(',');
}

function addMember(set: OpenSet, member: string, options: string): void {
  if (/\bnomatch\b/.test(options)) set.doubt ??= 'some of its members are exceptions';
  if (/\btimeout [1-9]/.test(options)) set.doubt ??= 'its members come and go with time';
  const pattern = memberPattern(set.type, member);
  if (pattern) set.elements.push({ pattern, datum: null });
  else set.doubt ??= `its member ${member} is not understood`;
}

/** A pattern for the values that `setKey` asks a packet for. */
function memberPattern(type: string, member: string): Pattern | undefined {
  const dimensions = dimensionsOf(type);
  const parts = member.split(',');
  if (parts.length !== dimensions.length) return undefined;
  const patterns: Pattern[] = [];
  for (const [index, dimension] of dimensions.entries()) {
    const found = partPatterns(dimension, parts[index] ?? '', type.startsWith('bitmap:'));
    if (!found) return undefined;
    patterns.push(...found);
  }
  const [only] = patterns;
  return patterns.length === 1 ? only : { kind: 'concat', parts: patterns };
}

function partPatterns(dimension: string, text: string, bare: boolean): Pattern[] | undefined {
  switch (dimension) {
    case 'ip':
    case 'net': {
      const pattern = addressPattern(text);
      return pattern && [pattern];
    }
    case 'iface':
      return text.includes(':') ? undefined : [{ kind: 'exact', value: text }];
    default:
      return portPatterns(text, bare);
  }
}

/** `tcp:443`, `6:443`; a bitmap has no protocol, as its rule asks for one. */
function portPatterns(text: string, bare: boolean): Pattern[] | undefined {
  const [first = '', second] = text.split(':');
  const ports = parsePorts(second ?? first, '-');
  if (!ports) return undefined;
  const { low, high } = ports;
  const port: Pattern =
    low === high ? { kind: 'exact', value: low } : { kind: 'numbers', low, high };
  if (bare) return second === undefined ? [port] : undefined;
  // Without one it is tcp (ipset(8), hash:ip,port).
  const protocol = second === undefined ? 'tcp' : first;
  return [{ kind: 'exact', value: PROTOCOLS.get(protocol) ?? protocol }, port];
}

const PROTOCOLS: ReadonlyMap<string, string> = new Map([
  ['6', 'tcp'],
  ['17', 'udp'],
  ['132', 'sctp'],
]);

/**
 * What a packet is asked for by `--match-set NAME dst,dst,src`: a direction for each dimension.
 * `undefined` if there are not enough of them.
 */
export function setKey({ type }: IpSet, directions: string): Expression | undefined {
  const asked = directions.split(',');
  const fields: Field[] = [];
  for (const [index, dimension] of dimensionsOf(type).entries()) {
    const direction = asked[index];
    if (direction !== 'src' && direction !== 'dst') return undefined;
    fields.push(...fieldsOf(dimension, direction === 'src', type.startsWith('bitmap:')));
  }
  const parts = fields.map(field => ({ kind: 'field', field }) as const);
  return parts.length === 1 ? parts[0] : { kind: 'concat', parts };
}

function fieldsOf(dimension: string, isSource: boolean, bare: boolean): Field[] {
  switch (dimension) {
    case 'port': {
      const port = isSource ? 'sourcePort' : 'destinationPort';
      return bare ? [port] : ['protocol', port];
    }
    case 'iface':
      return [isSource ? 'inInterface' : 'outInterface'];
    default:
      return [isSource ? 'source' : 'destination'];
  }
}
