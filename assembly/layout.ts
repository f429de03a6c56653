/** What lies where in the shared memory. src/pipeline/layout.ts says the same; a test compares them. */

/** A record of the index: one captured frame, as the walker of its capture file found it. */
export namespace Record {
  export const BYTES: u32 = 40;
  /** Address of the first byte, and of the one behind the last. */
  export const START: u32 = 0;
  export const END: u32 = 4;
  export const ORIGINAL_LENGTH: u32 = 8;
  export const LINK_TYPE: u32 = 12;
  /** Only handed through. */
  export const DIRECTION: u32 = 14;
  export const INTERFACE: u32 = 16;
  export const NANOSECONDS: u32 = 20;
  export const SECONDS: u32 = 24;
  /** Only handed through. */
  export const NUMBER: u32 = 32;
}

/** A row: what the kernel makes of a record. */
export namespace Row {
  export const BYTES: u32 = 80;
  export const FLAGS: u32 = 0;
  export const HASH: u32 = 4;
  export const PORTS: u32 = 8;
  export const META: u32 = 12;
  export const SOURCE: u32 = 16;
  export const DESTINATION: u32 = 32;
  export const OUTER_SOURCE: u32 = 48;
  export const OUTER_PORTS: u32 = 64;
  export const LENGTH: u32 = 68;
  /** Number of its flow, for the short while in which that is known. */
  export const FLOW: u32 = 72;
}

/** Bits of a row's flags. 0: the packet is one that has to be looked at. */
export const ORDINARY: u32 = 1;
export const STATE_SHIFT: u32 = 1;
export const INNER_PARTIAL: u32 = 8;

/** States of the outer checksum; `ABSENT` for a packet without a tunnel. */
export const ABSENT: u32 = 0;
export const VALID: u32 = 1;
export const ZERO: u32 = 2;
export const PARTIAL: u32 = 3;

/** Captures have few interfaces; what comes from others is looked at packet by packet. */
export const MAX_INTERFACES: u32 = 16;

/** What was counted of an interface since the last time it was asked. */
export namespace Stats {
  export const BYTES: u32 = 64;
  export const FRAMES: u32 = 0;
  export const TUNNELS: u32 = 4;
  export const FIRST_NANOSECONDS: u32 = 8;
  export const LAST_NANOSECONDS: u32 = 12;
  export const FIRST_SECONDS: u32 = 16;
  export const LAST_SECONDS: u32 = 24;
  export const OCTETS: u32 = 32;
}

/** A flow: its key as in the row, which of its packets are ordinary, and what was counted of those. */
export namespace Flow {
  export const BYTES: u32 = 128;
  export const SOURCE: u32 = 0;
  export const DESTINATION: u32 = 16;
  export const OUTER_SOURCE: u32 = 32;
  export const PORTS: u32 = 48;
  export const META: u32 = 52;
  export const OUTER_PORTS: u32 = 56;
  /** Bit per state of the outer checksum. */
  export const STATES: u32 = 60;
  export const HASH: u32 = 64;
  /** Packets by state of the outer checksum, four counts. */
  export const COUNTS: u32 = 68;
  export const INNER_PARTIAL: u32 = 84;
  export const LARGEST: u32 = 88;
  export const FIRST_NANOSECONDS: u32 = 92;
  export const LATEST_NANOSECONDS: u32 = 96;
  export const LAST_NANOSECONDS: u32 = 100;
  export const FIRST_SECONDS: u32 = 104;
  export const LATEST_SECONDS: u32 = 112;
  export const LAST_SECONDS: u32 = 120;
}
