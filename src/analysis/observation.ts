/**
 * What one capture shows, flow by flow: the input of everything that judges. Plain records; all that
 * is kept of a packet is copied, since its buffer is used again.
 */
import type { Instant } from '../time.js';
import type { ChecksumField } from '../wire/checksum-state.js';
import type { FragmentCounts } from './fragment-reassembly.js';

/** A time that is moved in place, since it changes with every packet. An `Instant` to whoever reads it. */
export interface MutableInstant {
  seconds: number;
  nanoseconds: number;
}

/** The tunnel's side of a datagram. */
export interface OuterHeader {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly vni: number;
  readonly encapsulation: 'vxlan' | 'geneve';
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
  /** Which file of a rotated set has the frame; absent for a capture that is one file. */
  readonly file?: string;
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
  readonly last: MutableInstant;
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
  readonly firstSeen: MutableInstant;
  readonly lastSeen: MutableInstant;
  readonly datagrams: DatagramCounts;
  /** Packets whose inner checksum offload had not finished, and those where it is plainly wrong. */
  innerPartial: number;
  innerMismatch: number;
  outerPorts: readonly OuterPortUse[];
  /** SYNs without ACK, with the time of each; bounded, further ones are only counted. */
  syns: readonly PacketRecord[];
  synAcks: readonly PacketRecord[];
  /** UDP: the first datagrams. */
  queries: readonly PacketRecord[];
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
  /** Frames without an IP packet, or cut off before its header ends. */
  readonly undecoded: number;
  /** Those among them whose link type is not decoded at all. */
  readonly undecodedLinkTypes: readonly LinkTypeCount[];
  /** UDP ports that nobody named, and that proved to carry a tunnel. */
  readonly foundTunnelPorts: readonly number[];
  readonly fragments: FragmentCounts;
  readonly overflow: FlowOverflow;
  /** The files of a rotated set, in the order of capture; absent for a capture that is one file. */
  readonly files?: readonly CaptureFilePart[];
}

export interface LinkTypeCount {
  readonly linkType: number;
  readonly name: string;
  readonly frames: number;
}

/** Packets of flows beyond the bound on flows: seen and judged, but not told apart. */
export interface FlowOverflow {
  packets: number;
  readonly datagrams: DatagramCounts;
}

/** One file of a rotated set. */
export interface CaptureFilePart {
  readonly name: string;
  readonly frames: number;
  readonly sha256: string | undefined;
  readonly truncated: { readonly offset: number; readonly reason: string } | null;
}
