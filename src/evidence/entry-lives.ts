/** The lives of the sender's conntrack entries for one connection's tunnel datagrams. */
import type { FlowReport } from '../analysis/verdict.js';
import type { ConntrackEvent } from '../snapshot/conntrack.js';
import { type Instant, secondsBetween } from '../time.js';

export interface EntryLife {
  readonly node: string;
  /** Source port of the datagram as it came, and as it left. */
  readonly portBefore: number;
  readonly portAfter: number;
  /** Seconds after the first SYN; null where the log does not have its begin, or its end. */
  readonly fromSeconds: number | null;
  readonly untilSeconds: number | null;
  /** The line of the log. */
  readonly text: string;
}

/** More entries than one connection can well have. */
const MOST_LIVES = 64;

/**
 * @param start when the first SYN passed the sender, by the clock that conntrack's log has too
 */
export function entryLives(
  flow: FlowReport,
  node: string,
  events: readonly ConntrackEvent[],
  start: Instant,
): EntryLife[] {
  const { outer } = flow;
  if (!outer) return [];
  const sources = [outer.source, outer.sourceBefore];
  const ports = new Set(flow.syns.map(({ outerSourcePort }) => outerSourcePort));
  ports.add(outer.sourcePortAfter);
  const open = new Map<string, EntryLife>();
  const ended: EntryLife[] = [];
  for (const { at, type, entry } of events) {
    const { protocol, original, reply, text } = entry;
    const isOurs =
      protocol === 'udp' &&
      reply.source === outer.destination &&
      sources.includes(reply.destination) &&
      original.destinationPort === outer.destinationPort &&
      ports.has(reply.destinationPort);
    if (!isOurs) continue;
    const key = `${original.source} ${original.sourcePort} ${reply.destinationPort}`;
    const seconds = secondsBetween(start, at);
    const life = open.get(key) ?? {
      node,
      portBefore: original.sourcePort,
      portAfter: reply.destinationPort,
      fromSeconds: type === 'NEW' ? seconds : null,
      untilSeconds: null,
      text,
    };
    if (type !== 'DESTROY') {
      open.set(key, life);
      continue;
    }
    open.delete(key);
    ended.push({ ...life, untilSeconds: seconds });
  }
  return [...ended, ...open.values()]
    .filter(life => isNear(life, flow))
    .sort((a, b) => (a.fromSeconds ?? -1) - (b.fromSeconds ?? -1))
    .slice(0, MOST_LIVES);
}

/** Ports are used again: an entry that was gone before the first SYN is another connection's. */
function isNear({ untilSeconds, fromSeconds }: EntryLife, { syns }: FlowReport): boolean {
  const last = syns.at(-1)?.atSeconds ?? 0;
  return (untilSeconds ?? 0) >= -1 && (fromSeconds ?? 0) <= last + 1;
}
