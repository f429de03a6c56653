/**
 * What lies where in the memory that the kernel, the reader and the analysis share. assembly/layout.ts
 * says the same to the kernel; a test compares them. All numbers are bytes, little-endian.
 */

/** A record of the index: one captured frame, as the walker of its capture file found it. */
export const RECORD = {
  BYTES: 40,
  START: 0,
  END: 4,
  ORIGINAL_LENGTH: 8,
  LINK_TYPE: 12,
  DIRECTION: 14,
  INTERFACE: 16,
  NANOSECONDS: 20,
  SECONDS: 24,
  NUMBER: 32,
} as const;

/** A row: what the kernel makes of a record. */
export const ROW = {
  BYTES: 80,
  FLAGS: 0,
  HASH: 4,
  PORTS: 8,
  META: 12,
  SOURCE: 16,
  DESTINATION: 32,
  OUTER_SOURCE: 48,
  OUTER_PORTS: 64,
  LENGTH: 68,
  FLOW: 72,
} as const;

/** Bits of a row's flags; without the first the packet has to be looked at. */
export const ORDINARY = 1;
export const STATE_SHIFT = 1;
export const INNER_PARTIAL = 8;

/** Captures have few interfaces; frames of others are all looked at. */
export const MAX_INTERFACES = 16;

/** What was counted of an interface. */
export const STATS = {
  BYTES: 64,
  FRAMES: 0,
  TUNNELS: 4,
  FIRST_NANOSECONDS: 8,
  LAST_NANOSECONDS: 12,
  FIRST_SECONDS: 16,
  LAST_SECONDS: 24,
  OCTETS: 32,
} as const;

/** What was counted of a flow. */
export const FLOW = {
  BYTES: 128,
  SOURCE: 0,
  DESTINATION: 16,
  OUTER_SOURCE: 32,
  PORTS: 48,
  META: 52,
  OUTER_PORTS: 56,
  STATES: 60,
  HASH: 64,
  COUNTS: 68,
  INNER_PARTIAL: 84,
  LARGEST: 88,
  FIRST_NANOSECONDS: 92,
  LATEST_NANOSECONDS: 96,
  LAST_NANOSECONDS: 100,
  FIRST_SECONDS: 104,
  LATEST_SECONDS: 112,
  LAST_SECONDS: 120,
} as const;

/** How captures are cut up for reading. */
export interface SlabSizes {
  /** Bytes of the file that one slab takes. */
  readonly bytes: number;
  /** Bytes of an unfinished record that can stand in front of them; a longer one is put together elsewhere. */
  readonly carry: number;
  /** Frames that its index can hold; further ones are handed on one by one. */
  readonly records: number;
}

/** Flows whose packets can be counted without being looked at: as many as an observer keeps. */
const FLOW_CAPACITY = 65_536;

/** Where a slab's parts are. */
export interface Slab {
  readonly number: number;
  readonly index: number;
  readonly rows: number;
  readonly records: number;
  /** Where the file's bytes go, and so many of them. */
  readonly data: number;
  readonly bytes: number;
  readonly carry: number;
}

export interface Layout {
  /** Bit per UDP port. */
  readonly ports: number;
  readonly stats: number;
  readonly flows: number;
  readonly slots: number;
  readonly flowCapacity: number;
  /** Words by which threads wait for each other. */
  readonly control: number;
  readonly slabs: readonly Slab[];
  readonly bytes: number;
}

/** What the kernel's own code may use at the begin of the memory. */
const RESERVED = 64 * 1024;
const PORTS_BYTES = 65_536 / 8;
const CONTROL_BYTES = 4096;
const PAGE = 4096;
/** Large reads to the begin of a page are five times slower on some processors. */
const OFFSET_IN_PAGE = 64;

/** Lays out a memory with so many slabs. */
export function layOut(slabCount: number, sizes: SlabSizes): Layout {
  let at = RESERVED;
  const take = (bytes: number): number => {
    const start = at;
    at = Math.ceil((at + bytes) / 64) * 64;
    return start;
  };
  const ports = take(PORTS_BYTES);
  const stats = take(MAX_INTERFACES * STATS.BYTES);
  const control = take(CONTROL_BYTES);
  const slots = take(FLOW_CAPACITY * 2 * 4);
  const flows = take(FLOW_CAPACITY * FLOW.BYTES);
  const slabs = Array.from({ length: slabCount }, (_, number): Slab => {
    const index = take(sizes.records * RECORD.BYTES);
    const rows = take(sizes.records * ROW.BYTES);
    at = Math.ceil((at + sizes.carry) / PAGE) * PAGE + OFFSET_IN_PAGE;
    return {
      number,
      index,
      rows,
      records: sizes.records,
      data: take(sizes.bytes),
      bytes: sizes.bytes,
      carry: sizes.carry,
    };
  });
  // Sums read up to 64 bytes behind what they count.
  const bytes = at + 64;
  return { ports, stats, flows, slots, flowCapacity: FLOW_CAPACITY, control, slabs, bytes };
}
