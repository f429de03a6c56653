/**
 * What conntrack-tools print: `conntrack -L` and `conntrack -E -o timestamp`.
 *
 *     udp      17 29 src=A dst=B sport=50000 dport=8472 [UNREPLIED] src=B dst=A sport=8472 dport=2298 ...
 *     [1795373854.391669]	    [NEW] udp      17 30 src=A ... src=B ...
 *
 * The first tuple is the packet as it came, the second what a reply to it must look like: the reply's
 * `dst` and `dport` are the source address and port after NAT.
 */
import { type Instant, parseInstant } from '../time.js';

/** One direction of an entry. Ports are host order; -1 for protocols that have none. */
export interface Tuple {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export interface ConntrackEntry {
  readonly protocol: string;
  readonly original: Tuple;
  readonly reply: Tuple;
  /** The line it was read from, for the report. */
  readonly text: string;
}

export interface ConntrackEvent {
  readonly at: Instant;
  readonly type: 'NEW' | 'UPDATE' | 'DESTROY';
  readonly entry: ConntrackEntry;
}

/** The entries of `conntrack -L`; lines that are none (the closing count) are passed over. */
export function parseConntrackList(text: string): ConntrackEntry[] {
  return text.split('\n').flatMap(line => {
    const entry = parseEntry(line);
    return entry ? [entry] : [];
  });
}

/** The events of `conntrack -E -o timestamp`, in the order in which they were printed. */
export function parseConntrackEvents(text: string): ConntrackEvent[] {
  return text.split('\n').flatMap(line => {
    const match = /^\[(\d+)\.(\d+) *\]\s*\[(NEW|UPDATE|DESTROY)\]\s*(.*)$/.exec(line);
    if (!match) return [];
    const [, seconds = '', microseconds = '', type, rest = ''] = match;
    // Older versions print 2651 us as "2651  ": padded behind, without the zeros in front.
    const at = parseInstant(`${seconds}.${microseconds.padStart(6, '0')}`);
    const entry = parseEntry(rest);
    return at && entry ? [{ at, type: type as ConntrackEvent['type'], entry }] : [];
  });
}

function parseEntry(line: string): ConntrackEntry | undefined {
  const text = line.trim();
  const protocol = /^(?:ipv[46]\s+\d+\s+)?([a-z]\w*)\s+\d+\s/.exec(text)?.[1];
  const tuples = text.match(/src=[^\s=]+ dst=[^\s=]+(?: sport=\d+ dport=\d+)?/g);
  if (!protocol || tuples?.length !== 2) return undefined;
  const [original, reply] = tuples.map(parseTuple);
  return original && reply ? { protocol, original, reply, text } : undefined;
}

function parseTuple(text: string): Tuple | undefined {
  const match = /^src=(\S+) dst=(\S+)(?: sport=(\d+) dport=(\d+))?$/.exec(text);
  if (!match) return undefined;
  const [, source = '', destination = '', sourcePort = '-1', destinationPort = '-1'] = match;
  return {
    source,
    destination,
    sourcePort: Number(sourcePort),
    destinationPort: Number(destinationPort),
  };
}
