/**
 * What a watch says, one JSON document a line (`stalesum.watch/1`). Its keys are a contract with scripts
 * (docs/schemas/watch-1.json). Points in time are of UTC with all nine digits of their nanoseconds;
 * 16-bit values are written `0x0664`.
 */
import type { Grade } from '../analysis/verdict.js';
import type { Instant } from '../time.js';
import type { TOOL } from '../version.js';
import type { InterfaceTotals } from './counts.js';
import type { FlowKind, InnerFlow, OuterEnds } from './flow-memory.js';

export const WATCH_SCHEMA = 'stalesum.watch/1';

/** The outer header with its source port; before the second SNAT, where the checksum tells it. */
export interface OuterReport extends OuterEnds {
  readonly sourcePortBefore: number | null;
  readonly sourcePortAfter: number;
}

/** The first datagram of a flow that is wrong: the only one that is told. */
export interface FindingEvent {
  readonly event: FlowKind;
  readonly at: string;
  readonly interface: string;
  /** Whether this machine sent it, or it came. */
  readonly direction: 'in' | 'out' | 'unknown';
  /** How sure that is, as in a verdict: without a second witness never `proved`. */
  readonly grade: Grade;
  readonly inner: InnerFlow | null;
  readonly outer: OuterReport;
  readonly checksum: {
    readonly stored: string;
    readonly correct: string;
    readonly difference: string;
    /** Whether the inner checksum is still to be made by the NIC, and was counted as made. */
    readonly innerPending: boolean;
  };
  /** For `other`: why no rewritten port explains it. */
  readonly reason: string | null;
}

export type WatchEvent =
  | FindingEvent
  | {
      readonly event: 'started';
      readonly at: string;
      readonly tool: typeof TOOL;
      readonly interfaces: readonly string[];
      readonly ports: readonly number[];
      readonly sampling: 'auto' | number;
      readonly metrics: string | null;
      readonly evidence: { readonly folder: string; readonly mostBytes: number } | null;
    }
  | {
      readonly event: 'interface';
      readonly at: string;
      readonly interface: string;
      readonly up: boolean;
      readonly reason: string | null;
    }
  /** What was reported as stale and is not, as later datagrams show. */
  | {
      readonly event: 'retracted';
      readonly at: string;
      readonly interface: string;
      /** All findings of this difference, or of one flow only. */
      readonly difference: string;
      readonly inner: InnerFlow | null;
      readonly outer: OuterReport | null;
      readonly reason: string;
    }
  /** A flow with more than one wrong datagram, once it is forgotten. */
  | {
      readonly event: 'flow';
      readonly at: string;
      readonly interface: string;
      readonly kind: FlowKind;
      readonly inner: InnerFlow | null;
      readonly outer: OuterEnds;
      readonly datagrams: number;
      readonly firstSeen: string;
      readonly lastSeen: string;
      readonly because: 'idle' | 'no-room' | 'ended';
    }
  | {
      readonly event: 'sampling';
      readonly at: string;
      readonly interface: string;
      readonly first: number;
      readonly other: number;
    }
  | {
      readonly event: 'drops';
      readonly at: string;
      readonly interface: string;
      readonly kernelDrops: number;
      readonly freezes: number;
    }
  | { readonly event: 'fault'; readonly at: string; readonly message: string }
  | ({ readonly event: 'summary' | 'ended'; readonly at: string } & WatchTotals);

export interface WatchTotals {
  readonly seconds: number;
  readonly interfaces: readonly (InterfaceTotals & { readonly interface: string })[];
  readonly flows: {
    readonly stale: number;
    readonly mangled: number;
    readonly other: number;
    readonly retractions: number;
    readonly evicted: number;
  };
  readonly evidence: { readonly frames: number; readonly bytes: number } | null;
  readonly linesDropped: number;
}

/** One line, as it is printed. */
export function eventLine(event: WatchEvent): string {
  return `${JSON.stringify({ schema: WATCH_SCHEMA, ...event })}\n`;
}

/** `2026-11-23T02:49:52.123456789Z` */
export function timeText({ seconds, nanoseconds }: Instant): string {
  if (seconds !== known.seconds) {
    const text = new Date(seconds * 1000).toISOString().slice(0, -'.000Z'.length);
    known = { seconds, text };
  }
  return `${known.text}.${String(nanoseconds).padStart(9, '0')}Z`;
}

/** Findings come in bursts, and dates are slow. */
let known = { seconds: 0, text: '1970-01-01T00:00:00' };

/** The time now, by this machine's clock. */
export function nowText(): string {
  const now = Date.now();
  return timeText({ seconds: Math.floor(now / 1000), nanoseconds: (now % 1000) * 1e6 });
}
