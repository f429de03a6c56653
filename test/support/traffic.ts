/** Connections across a VXLAN, packet by packet, as captures at its four points would show them. */
import type { TimedFrame } from './frames.js';
import {
  type Bytes,
  type ChecksumChoice,
  ethernet,
  FLAGS,
  ip,
  patched,
  TCP,
  tcp,
  timestamps,
  tunnelFrame,
  UDP,
  udp,
  vxlanDatagram,
} from './packet-builder.js';

export const NODE_A = '192.168.50.1';
export const NODE_B = '192.168.50.2';

export interface Endpoints {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export const CLIENT: Endpoints = {
  source: '10.244.0.0',
  destination: '10.244.1.2',
  sourcePort: 64139,
  destinationPort: 8080,
};

/** Another connection of the same nodes. */
export const client = (sourcePort: number): Endpoints => ({ ...CLIENT, sourcePort });

const turned = ({ source, destination, sourcePort, destinationPort }: Endpoints): Endpoints => ({
  source: destination,
  destination: source,
  sourcePort: destinationPort,
  destinationPort: sourcePort,
});

/** An inner IP packet, given what stands in its transport checksum. */
export type Inner = (checksum: ChecksumChoice) => Bytes;

/** Retransmits of a SYN have its sequence number and timestamps of their own. */
export function syn(ends: Endpoints = CLIENT, timestamp = 1000, sequence = 77): Inner {
  const options = [2, 4, 5, 0xb4, ...timestamps(timestamp, 0)];
  return checksum =>
    ip({ ...ends, protocol: TCP, payload: tcp({ ...ends, sequence, options, checksum }) });
}

export function synAck(ends: Endpoints = CLIENT, echo = 1000): Inner {
  const back = turned(ends);
  const options = [2, 4, 5, 0xb4, ...timestamps(5000, echo)];
  const flags = FLAGS.syn | FLAGS.ack;
  return checksum =>
    ip({
      ...back,
      protocol: TCP,
      payload: tcp({ ...back, sequence: 99, acknowledgment: 78, flags, options, checksum }),
    });
}

/** A segment of `length` bytes; the sequence number tells one from another. */
export function segment(ends: Endpoints, sequence: number, length: number): Inner {
  const payload = Array.from({ length }, (_, i) => (i * 7 + sequence) & 0xff);
  return checksum =>
    ip({
      ...ends,
      protocol: TCP,
      payload: tcp({ ...ends, sequence, acknowledgment: 100, flags: FLAGS.ack, payload, checksum }),
    });
}

export const reply = (ends: Endpoints, sequence: number, length: number): Inner =>
  segment(turned(ends), sequence, length);

export function query(ends: Endpoints, id: number): Inner {
  const payload = [id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 0x77, 0x77, 0x77, 0];
  return checksum => ip({ ...ends, protocol: UDP, payload: udp({ ...ends, payload, checksum }) });
}

export interface Outer {
  readonly source?: string;
  readonly destination?: string;
  /** The source port in the header. */
  readonly port: number;
  /** The source port for which the checksum was made. */
  readonly madeFor?: number;
  /** Instead of a right checksum, for `madeFor`. */
  readonly checksum?: ChecksumChoice;
  /** What stands in the inner checksum; the outer one is always made as if that were right (LCO). */
  readonly innerChecksum?: ChecksumChoice;
  readonly vni?: number;
}

/** The packet in a tunnel datagram on the underlay. */
export function tunnelled(inner: Inner, outer: Outer): Bytes {
  const { source = NODE_A, destination = NODE_B, port, madeFor = port } = outer;
  const common = { source, destination, ...(outer.vni === undefined ? {} : { vni: outer.vni }) };
  const asMade = vxlanDatagram({
    ...common,
    sourcePort: madeFor,
    frame: ethernet({ payload: inner('right') }),
  });
  const checksum = outer.checksum ?? asMade[6]! * 256 + asMade[7]!;
  const frame = ethernet({ payload: inner(outer.innerChecksum ?? 'right') });
  return tunnelFrame({ ...common, sourcePort: port, checksum, frame });
}

/** The other way, from node B. */
export const backwards = (inner: Inner, outer: Outer): Bytes =>
  tunnelled(inner, { source: NODE_B, destination: NODE_A, ...outer });

/** The packet on the overlay interface. */
export const overlay = (inner: Inner, checksum: ChecksumChoice = 'right'): Bytes =>
  ethernet({ payload: inner(checksum) });

export const at = (seconds: number, bytes: Bytes): TimedFrame => ({ at: seconds, bytes });

/** A frame of which only the first `length` bytes were captured. */
export const cut = (seconds: number, bytes: Bytes, length: number): TimedFrame => ({
  at: seconds,
  bytes: bytes.slice(0, length),
  originalLength: bytes.length,
});

/** A byte changed on the way: nothing mends the checksums. */
export const corrupted = (bytes: Bytes, offset: number, mask: number): Bytes =>
  patched(bytes, offset, [(bytes[offset] ?? 0) ^ mask]);
