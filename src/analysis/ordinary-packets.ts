/**
 * Packets that change nothing but counts: of a known flow, from a known outer port, neither SYN nor RST, with
 * checksums in a state that a record was kept of already. They may be counted elsewhere, many at once, and
 * added here; whoever does so must find in them what src/wire would.
 */
import type { FlowEntry } from './flow-table.js';
import type { MutableInstant, OuterPortUse } from './observation.js';

/** What was counted of one flow, from one outer port. */
export interface OrdinaryCounts {
  /** Packets without a tunnel. */
  plain: number;
  /** Datagrams by the state of their outer checksum. */
  valid: number;
  zero: number;
  partial: number;
  innerPartial: number;
  /** Length of the largest of them, the connection's own IP packet. */
  largest: number;
  /** Earliest and latest time of any, and the time of the one that came last. */
  readonly first: MutableInstant;
  readonly latest: MutableInstant;
  readonly last: MutableInstant;
}

/** What was counted of a capture's frames. */
export interface OrdinaryFrames {
  readonly frames: number;
  readonly bytes: number;
  readonly tunnelDatagrams: number;
  readonly first: MutableInstant;
  readonly last: MutableInstant;
}

/** The flow of the packet that was added last, and what of its packets need only be counted from here on. */
export interface AddedPacket {
  readonly entry: FlowEntry;
  /** The outer port that the packet left from; `undefined` for one without a tunnel. */
  readonly use: OuterPortUse | undefined;
  /** Bit per state of the outer checksum, of packets from the same outer port; 0: all are to be shown. */
  readonly states: number;
}

/** Bits of `AddedPacket.states`. */
export const PLAIN_IS_ORDINARY = 1;
export const VALID_IS_ORDINARY = 2;
export const ZERO_IS_ORDINARY = 4;
export const PARTIAL_IS_ORDINARY = 8;

/** Counts to be filled. */
export function ordinaryCounts(): OrdinaryCounts {
  return {
    plain: 0,
    valid: 0,
    zero: 0,
    partial: 0,
    innerPartial: 0,
    largest: 0,
    first: { seconds: 0, nanoseconds: 0 },
    latest: { seconds: 0, nanoseconds: 0 },
    last: { seconds: 0, nanoseconds: 0 },
  };
}
