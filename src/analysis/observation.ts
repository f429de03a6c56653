/**
 * What one capture shows, flow by flow: the input of everything that judges. Plain records; all that
 * is kept of a packet is copied, since its buffer is used again.
 */
import type { Instant } from '../time.js';
import type { ChecksumField } from '../wire/checksum-state.js';

/** The tunnel's side of a datagram. */
export interface OuterHeader {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly vni: number;
  readonly encapsulation: 'vxlan';
}

/** A checksum field as found, values 16-bit. */
export interface ChecksumRecord {
  readonly state: ChecksumField;
  readonly stored: number;
  readonly correct: number;
  readonly missing: number;
}

/** One packet that was kept: a SYN, a SYN-ACK, an odd checksum, a query. */
export interface PacketRecord {
  /** Frame number in its capture, as Wireshark shows it. */
  readonly frame: number;
  readonly at: Instant;
  /** `undefined` for a packet that is not encapsulated. */
  readonly outer: OuterHeader | undefined;
  readonly outerChecksum: ChecksumRecord;
  readonly innerChecksum: ChecksumRecord;
  /** Hash of the inner packet without what changes on its way: names it across captures. */
  readonly fingerprint: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  /** TCP timestamps, or -1 where the option is absent. */
  readonly timestampValue: number;
  readonly timestampEcho: number;
}

/** Tunnel datagrams by what their outer checksum is. */
export interface DatagramCounts {
  total: number;
  valid: number;
  zero: number;
  partial: number;
  mismatch: number;
  unverifiable: number;
}

/** All datagrams of a flow that left from one outer source address and port. */
export interface OuterPortUse {
  readonly source: string;
  readonly sourcePort: number;
  readonly first: PacketRecord;
  last: Instant;
  readonly datagrams: DatagramCounts;
  /** The first with a right (non-zero) checksum: what a sibling is made of. */
  firstValid: PacketRecord | undefined;
  firstZero: PacketRecord | undefined;
  firstMismatch: PacketRecord | undefined;
  /** Other differences than that of `firstMismatch`: corruption that varies, not one rewrite. */
  otherDifferences: number;
  /** Mismatches that hold another value than `firstMismatch`: they were not all set to one. */
  otherStored: number;
}

/** One direction of an inner connection in one capture. */
export interface FlowObservation {
  readonly protocol: 'tcp' | 'udp' | 'other';
  readonly source: string;
  readonly destination: string;
  /** -1 for protocols without ports. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly encapsulated: boolean;
  packets: number;
  /** Length of the largest of them, the connection's own IP packet, in bytes. */
  largestPacket: number;
  readonly firstSeen: Instant;
  lastSeen: Instant;
  readonly datagrams: DatagramCounts;
  /** Packets whose inner checksum offload had not finished, and those where it is plainly wrong. */
  innerPartial: number;
  innerMismatch: number;
  readonly outerPorts: OuterPortUse[];
  /** SYNs without ACK, with the time of each; bounded, further ones are only counted. */
  readonly syns: PacketRecord[];
  readonly synAcks: PacketRecord[];
  /** UDP: the first datagrams. */
  readonly queries: PacketRecord[];
  firstInnerMismatch: PacketRecord | undefined;
  resets: number;
  /** Packets that would have been kept if the bound had allowed. */
  notKept: number;
  /** First packets that were captured more than once, as on a mirror port or with `-i any`. */
  copies: number;
}

export interface CaptureObservation {
  readonly flows: readonly FlowObservation[];
  readonly frames: number;
  readonly bytes: number;
  readonly firstSeen: Instant | undefined;
  readonly lastSeen: Instant | undefined;
  readonly tunnelDatagrams: number;
  /** Frames shorter than they were on the wire. */
  readonly cutFrames: number;
  /** Outer or plain IP fragments behind the first. */
  readonly laterFragments: number;
  readonly undecoded: number;
}
