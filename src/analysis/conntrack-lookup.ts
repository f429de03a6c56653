/**
 * What the sender's conntrack says of one outer datagram: from which address and port it set out,
 * before NAT gave it those on the wire.
 */
import type { ConntrackEntry, Tuple } from '../snapshot/conntrack.js';
import type { NodeSnapshot } from '../snapshot/node-snapshot.js';
import { type Instant, secondsBetween } from '../time.js';
import { formatEndpoint } from '../wire/address.js';
import type { OuterHeader } from './observation.js';

/** Printed times are those of reading, a little behind the packet; clocks of captures differ too. */
const TOLERANCE_SECONDS = 1;

export interface NatBinding {
  readonly source: string;
  readonly sourcePort: number;
  /** Whether address or port on the wire are not those it set out with. */
  readonly rewritten: boolean;
  readonly node: string;
  readonly text: string;
}

/**
 * The entry of a tunnel datagram on the node that sent it: its reply direction names the address and
 * port on the wire. Events are asked first, since they tell when an entry lived; then the listing.
 */
export function bindingOf(
  outer: OuterHeader,
  at: Instant,
  sender: NodeSnapshot | undefined,
): NatBinding | undefined {
  if (!sender) return undefined;
  const entry = fromEvents(outer, at, sender) ?? fromList(outer, sender);
  if (!entry) return undefined;
  const { source, sourcePort } = entry.original;
  return {
    source,
    sourcePort,
    rewritten: source !== outer.source || sourcePort !== outer.sourcePort,
    node: sender.node,
    text: entry.text,
  };
}

/** The entry that lived when the datagram left; of several, the one made last before it. */
function fromEvents(
  outer: OuterHeader,
  at: Instant,
  sender: NodeSnapshot,
): ConntrackEntry | undefined {
  let best: { entry: ConntrackEntry; age: number } | undefined;
  for (const event of sender.conntrackEvents ?? []) {
    if (event.type !== 'NEW' || !answers(event.entry, outer)) continue;
    const age = secondsBetween(event.at, at);
    if (age < -TOLERANCE_SECONDS || endedBefore(event.entry, event.at, at, sender)) continue;
    if (!best || Math.abs(age) < Math.abs(best.age)) best = { entry: event.entry, age };
  }
  return best?.entry;
}

function endedBefore(
  entry: ConntrackEntry,
  born: Instant,
  at: Instant,
  sender: NodeSnapshot,
): boolean {
  return (sender.conntrackEvents ?? []).some(
    event =>
      event.type === 'DESTROY' &&
      sameTuple(event.entry, entry) &&
      secondsBetween(born, event.at) >= 0 &&
      secondsBetween(event.at, at) > TOLERANCE_SECONDS,
  );
}

function fromList(outer: OuterHeader, sender: NodeSnapshot): ConntrackEntry | undefined {
  const entries = (sender.conntrackEntries ?? []).filter(entry => answers(entry, outer));
  // Two entries cannot share a reply direction; if a listing says so, it cannot be relied on.
  return entries.length === 1 ? entries[0] : undefined;
}

function answers({ protocol, reply }: ConntrackEntry, outer: OuterHeader): boolean {
  return (
    protocol === 'udp' &&
    reply.destinationPort === outer.sourcePort &&
    reply.destination === outer.source &&
    reply.source === outer.destination &&
    reply.sourcePort === outer.destinationPort
  );
}

function sameTuple(a: ConntrackEntry, b: ConntrackEntry): boolean {
  return (
    a.protocol === b.protocol &&
    a.original.source === b.original.source &&
    a.original.sourcePort === b.original.sourcePort &&
    a.original.destination === b.original.destination &&
    a.reply.destinationPort === b.reply.destinationPort
  );
}

/**
 * Whether the sender's conntrack followed the inner connection and yet has no entry of its tunnel:
 * then the datagrams are not tracked (NOTRACK), and what is not tracked is not NATed.
 */
export function isUntracked(
  outer: OuterHeader,
  inner: InnerEndpoints,
  sender: NodeSnapshot | undefined,
): boolean {
  const entries = (sender?.conntrackEvents ?? []).map(event => event.entry);
  const ofTunnel = [...entries, ...(sender?.conntrackEntries ?? [])].some(
    ({ protocol, original }) =>
      protocol === 'udp' &&
      original.destinationPort === outer.destinationPort &&
      original.destination === outer.destination,
  );
  return !ofTunnel && entries.some(({ reply }) => isReplyTo(reply, inner));
}

/** Addresses and ports of a connection's packets inside the tunnel. */
export interface InnerEndpoints {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

function isReplyTo(reply: Tuple, inner: InnerEndpoints): boolean {
  return (
    reply.destination === inner.source &&
    reply.destinationPort === inner.sourcePort &&
    reply.source === inner.destination &&
    reply.sourcePort === inner.destinationPort
  );
}

/** Both ends of a connection as its client sees them: `192.168.50.1:43858`, `10.96.0.10:80`. */
export interface Service {
  readonly client: string;
  readonly service: string;
}

/**
 * The service address that a client connected to, from the entry of the inner connection: its reply
 * direction is the inner packet turned round. `undefined` where there was no DNAT.
 */
export function serviceOf(
  inner: InnerEndpoints,
  sender: NodeSnapshot | undefined,
): Service | undefined {
  const entries = [
    ...(sender?.conntrackEvents ?? []).map(event => event.entry),
    ...(sender?.conntrackEntries ?? []),
  ];
  const entry = entries.find(
    ({ original, reply }) => isReplyTo(reply, inner) && original.destination !== reply.source,
  );
  if (!entry) return undefined;
  return {
    client: formatEndpoint(entry.original.source, entry.original.sourcePort),
    service: formatEndpoint(entry.original.destination, entry.original.destinationPort),
  };
}
