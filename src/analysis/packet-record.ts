/** A packet copied out of its buffer: what is kept of the few packets that evidence is made of. */
import type { CapturedFrame } from '../capture-file/frame.js';
import { type Instant, secondsBetween } from '../time.js';
import type { ChecksumFinding } from '../wire/checksum-state.js';
import { PROTOCOL_TCP } from '../wire/ip.js';
import type { Packet } from '../wire/packet.js';
import * as tcp from '../wire/tcp.js';
import * as udp from '../wire/udp.js';
import { fingerprint } from './fingerprint.js';
import type { KnownAddresses } from './known-addresses.js';
import type { ChecksumRecord, OuterHeader, PacketRecord } from './observation.js';

/** Copies of one packet are no further apart. */
const COPY_SECONDS = 0.1;

/** The record of a packet that was walked and judged. */
export function recordOf(
  frame: CapturedFrame,
  packet: Packet,
  inner: ChecksumFinding,
  outer: ChecksumFinding,
  addresses: KnownAddresses,
): PacketRecord {
  const { view } = frame;
  const { ip } = packet;
  const isTcp = ip.protocol === PROTOCOL_TCP && packet.sourcePort >= 0;
  const captured = Math.min(packet.capturedEnd, ip.end);
  const timestamps = isTcp ? tcp.timestampsOffset(view, ip.payload, captured) : -1;
  return {
    frame: frame.number,
    ...(frame.file === undefined ? {} : { file: frame.file }),
    at: instantOf(frame),
    outer: packet.kind === 'tunnel' ? outerHeader(frame, packet, addresses) : undefined,
    outerChecksum: copyOf(outer),
    innerChecksum: copyOf(inner),
    fingerprint: fingerprint(frame.bytes, packet),
    sequence: isTcp ? tcp.sequence(view, ip.payload) : -1,
    acknowledgment: isTcp ? tcp.acknowledgment(view, ip.payload) : -1,
    timestampValue: timestamps < 0 ? -1 : view.getUint32(timestamps),
    timestampEcho: timestamps < 0 ? -1 : view.getUint32(timestamps + 4),
  };
}

/** The frame's time, copied. */
export function instantOf(frame: CapturedFrame): Instant {
  return { seconds: frame.seconds, nanoseconds: frame.nanoseconds };
}

/**
 * The same bytes again within a time in which nobody sends a retransmit (the kernel's shortest is
 * TCP_RTO_MIN, 200 ms): a mirror port, `-i any`, a bond, a VLAN and its parent.
 */
export function isCopy(before: PacketRecord, record: PacketRecord): boolean {
  return (
    before.fingerprint === record.fingerprint &&
    before.outer?.sourcePort === record.outer?.sourcePort &&
    Math.abs(secondsBetween(before.at, record.at)) < COPY_SECONDS
  );
}

function outerHeader(frame: CapturedFrame, packet: Packet, addresses: KnownAddresses): OuterHeader {
  const { view } = frame;
  const { outer, encapsulation } = packet;
  return {
    source: addresses.at(frame, outer.sourceAt, outer.addressLength).text,
    destination: addresses.at(frame, outer.destinationAt, outer.addressLength).text,
    sourcePort: udp.sourcePort(view, packet.udp),
    destinationPort: udp.destinationPort(view, packet.udp),
    vni: packet.vni,
    encapsulation: encapsulation === 'geneve' ? 'geneve' : 'vxlan',
  };
}

function copyOf(finding: ChecksumFinding): ChecksumRecord {
  const { state, stored, correct, missing } = finding;
  return { state, stored, correct, missing };
}
