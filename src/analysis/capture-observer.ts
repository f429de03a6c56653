/**
 * Reads one capture, frame by frame, into what it shows of each flow. One pass; memory grows with
 * the number of flows, not of packets.
 */
import type { CapturedFrame } from '../capture-file/frame.js';
import { compareInstants, type Instant, secondsBetween } from '../time.js';
import { formatAddress } from '../wire/address.js';
import { type ChecksumFinding, emptyFinding, judgePacket } from '../wire/checksum-state.js';
import { isFragment, PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/ip.js';
import { DEFAULT_TUNNEL_PORTS, emptyPacket, walkPacket } from '../wire/packet.js';
import { difference } from '../wire/port-recovery.js';
import * as tcp from '../wire/tcp.js';
import * as udp from '../wire/udp.js';
import { fingerprint } from './fingerprint.js';
import { FlowTable } from './flow-table.js';
import type {
  CaptureObservation,
  ChecksumRecord,
  DatagramCounts,
  FlowObservation,
  OuterPortUse,
  PacketRecord,
} from './observation.js';

/** SYNs, SYN-ACKs and queries kept of one flow. Linux gives up after some ten SYNs. */
const KEPT_PACKETS = 64;
/** Copies of one packet are no further apart. */
const COPY_SECONDS = 0.1;
/** Outer ports remembered of one flow; a retransmitted SYN takes another one at most each time. */
const KEPT_PORTS = 64;

/** Observes the frames of one capture. */
export class CaptureObserver {
  readonly #tunnelPorts: ReadonlySet<number>;
  readonly #table = new FlowTable();
  readonly #packet = emptyPacket();
  readonly #inner = emptyFinding();
  readonly #outer = emptyFinding();
  readonly #perFrame: ((frame: CapturedFrame, outer: ChecksumFinding) => void) | undefined;
  #frames = 0;
  #bytes = 0;
  #firstSeen: Instant | undefined;
  #lastSeen: Instant | undefined;
  #tunnelDatagrams = 0;
  #cutFrames = 0;
  #laterFragments = 0;
  #undecoded = 0;

  /**
   * @param tunnelPorts UDP ports taken for VXLAN
   * @param perDatagram called with each tunnel datagram's outer finding, for whoever wants them all
   */
  constructor(
    tunnelPorts: ReadonlySet<number> = DEFAULT_TUNNEL_PORTS,
    perDatagram?: (frame: CapturedFrame, outer: ChecksumFinding) => void,
  ) {
    this.#tunnelPorts = tunnelPorts;
    this.#perFrame = perDatagram;
  }

  /** Takes one frame; an arrow function, so that it can be handed to a reader as it is. */
  readonly visit = (frame: CapturedFrame): void => {
    this.#frames++;
    this.#bytes += frame.end - frame.start;
    if (frame.originalLength > frame.end - frame.start) this.#cutFrames++;
    this.#noteTime(frame);
    const packet = this.#packet;
    const { view } = frame;
    const kind = walkPacket(
      view,
      frame.start,
      frame.end,
      frame.linkType,
      this.#tunnelPorts,
      packet,
    );
    if (kind === 'none') {
      this.#undecoded++;
      return;
    }
    judgePacket(view, packet, this.#inner, this.#outer);
    if (kind === 'tunnel') {
      this.#tunnelDatagrams++;
      this.#perFrame?.(frame, this.#outer);
    } else if (isFragment(packet.ip) && packet.ip.fragmentOffset !== 0) this.#laterFragments++;
    if (packet.ip.version === 0) return;
    const flow = this.#table.find(frame.bytes, packet, () => this.#newFlow(frame));
    this.#addTo(flow, frame);
  };

  /** What was seen so far. */
  result(): CaptureObservation {
    return {
      flows: this.#table.flows,
      frames: this.#frames,
      bytes: this.#bytes,
      firstSeen: this.#firstSeen,
      lastSeen: this.#lastSeen,
      tunnelDatagrams: this.#tunnelDatagrams,
      cutFrames: this.#cutFrames,
      laterFragments: this.#laterFragments,
      undecoded: this.#undecoded,
    };
  }

  #noteTime(frame: CapturedFrame): void {
    // Captures may be slightly out of order, so neither end is simply the first or last frame.
    if (!this.#firstSeen || compareInstants(frame, this.#firstSeen) < 0) {
      this.#firstSeen = instantOf(frame);
    }
    if (!this.#lastSeen || compareInstants(frame, this.#lastSeen) > 0) {
      this.#lastSeen = instantOf(frame);
    }
  }

  #newFlow(frame: CapturedFrame): FlowObservation {
    const { ip, sourcePort, destinationPort, kind } = this.#packet;
    return {
      protocol: protocolName(ip.protocol),
      source: formatAddress(frame.view, ip.sourceAt, ip.addressLength),
      destination: formatAddress(frame.view, ip.destinationAt, ip.addressLength),
      sourcePort,
      destinationPort,
      encapsulated: kind === 'tunnel',
      packets: 0,
      largestPacket: 0,
      firstSeen: instantOf(frame),
      lastSeen: instantOf(frame),
      datagrams: noDatagrams(),
      innerPartial: 0,
      innerMismatch: 0,
      outerPorts: [],
      syns: [],
      synAcks: [],
      queries: [],
      firstInnerMismatch: undefined,
      resets: 0,
      notKept: 0,
      copies: 0,
    };
  }

  #addTo(flow: FlowObservation, frame: CapturedFrame): void {
    flow.packets++;
    const { ip } = this.#packet;
    if (ip.end - ip.start > flow.largestPacket) flow.largestPacket = ip.end - ip.start;
    flow.lastSeen = instantOf(frame);
    if (this.#inner.state === 'partial') flow.innerPartial++;
    if (this.#inner.state === 'mismatch') {
      flow.innerMismatch++;
      flow.firstInnerMismatch ??= this.#record(frame);
    }
    this.#keepSpecial(flow, frame);
    if (flow.encapsulated) this.#addDatagram(flow, frame);
  }

  #keepSpecial(flow: FlowObservation, frame: CapturedFrame): void {
    if (this.#packet.sourcePort < 0) return;
    if (flow.protocol === 'udp') {
      this.#keep(flow.queries, flow, frame);
      return;
    }
    if (flow.protocol !== 'tcp') return;
    const flags = tcp.flags(frame.view, this.#packet.ip.payload);
    if ((flags & tcp.FLAG_RST) !== 0) flow.resets++;
    if ((flags & tcp.FLAG_SYN) === 0) return;
    this.#keep((flags & tcp.FLAG_ACK) === 0 ? flow.syns : flow.synAcks, flow, frame);
  }

  /** Keeps a packet, unless it is another copy of the one before. */
  #keep(list: PacketRecord[], flow: FlowObservation, frame: CapturedFrame): void {
    if (list.length >= KEPT_PACKETS) {
      if (flow.protocol === 'tcp') flow.notKept++;
      return;
    }
    const record = this.#record(frame);
    const before = list.at(-1);
    if (before && isCopy(before, record)) flow.copies++;
    else list.push(record);
  }

  #addDatagram(flow: FlowObservation, frame: CapturedFrame): void {
    count(flow.datagrams, this.#outer.state);
    const use = this.#portUse(flow, frame);
    if (!use) {
      flow.notKept++;
      return;
    }
    count(use.datagrams, this.#outer.state);
    use.last = instantOf(frame);
    if (this.#outer.state === 'valid') use.firstValid ??= this.#record(frame);
    if (this.#outer.state === 'zero') use.firstZero ??= this.#record(frame);
    if (this.#outer.state === 'mismatch') this.#addMismatch(use, frame);
  }

  #addMismatch(use: OuterPortUse, frame: CapturedFrame): void {
    if (!use.firstMismatch) {
      use.firstMismatch = this.#record(frame);
      return;
    }
    const { sourcePort } = use;
    const { stored, correct } = this.#outer;
    const known = use.firstMismatch.outerChecksum;
    if (stored !== known.stored) use.otherStored++;
    if (
      difference({ sourcePort, stored, correct }) !==
      difference({ sourcePort, stored: known.stored, correct: known.correct })
    ) {
      use.otherDifferences++;
    }
  }

  #portUse(flow: FlowObservation, frame: CapturedFrame): OuterPortUse | undefined {
    const { outer, udp: at } = this.#packet;
    const sourcePort = udp.sourcePort(frame.view, at);
    // Nearly always there is one, or the last one: an address is made into text only for a new one.
    for (let i = flow.outerPorts.length - 1; i >= 0; i--) {
      const use = flow.outerPorts[i]!;
      if (use.sourcePort === sourcePort) {
        const source = formatAddress(frame.view, outer.sourceAt, outer.addressLength);
        if (source === use.source) return use;
      }
    }
    if (flow.outerPorts.length >= KEPT_PORTS) return undefined;
    const added: OuterPortUse = {
      source: formatAddress(frame.view, outer.sourceAt, outer.addressLength),
      sourcePort,
      first: this.#record(frame),
      last: instantOf(frame),
      datagrams: noDatagrams(),
      firstValid: undefined,
      firstZero: undefined,
      firstMismatch: undefined,
      otherDifferences: 0,
      otherStored: 0,
    };
    flow.outerPorts.push(added);
    return added;
  }

  #record(frame: CapturedFrame): PacketRecord {
    const packet = this.#packet;
    const { view } = frame;
    const { ip, outer } = packet;
    const isTcp = ip.protocol === PROTOCOL_TCP && packet.sourcePort >= 0;
    const captured = Math.min(packet.capturedEnd, ip.end);
    const timestamps = isTcp ? tcp.timestampsOffset(view, ip.payload, captured) : -1;
    return {
      frame: frame.number,
      at: instantOf(frame),
      outer:
        packet.kind === 'tunnel'
          ? {
              source: formatAddress(view, outer.sourceAt, outer.addressLength),
              destination: formatAddress(view, outer.destinationAt, outer.addressLength),
              sourcePort: udp.sourcePort(view, packet.udp),
              destinationPort: udp.destinationPort(view, packet.udp),
              vni: packet.vni,
              encapsulation: 'vxlan',
            }
          : undefined,
      outerChecksum: copyOf(this.#outer),
      innerChecksum: copyOf(this.#inner),
      fingerprint: fingerprint(frame.bytes, packet),
      sequence: isTcp ? tcp.sequence(view, ip.payload) : -1,
      acknowledgment: isTcp ? tcp.acknowledgment(view, ip.payload) : -1,
      timestampValue: timestamps < 0 ? -1 : view.getUint32(timestamps),
      timestampEcho: timestamps < 0 ? -1 : view.getUint32(timestamps + 4),
    };
  }
}

/**
 * The same bytes again within a time in which nobody sends a retransmit (the kernel's shortest is
 * TCP_RTO_MIN, 200 ms): a mirror port, `-i any`, a bond, a VLAN and its parent.
 */
function isCopy(before: PacketRecord, record: PacketRecord): boolean {
  return (
    before.fingerprint === record.fingerprint &&
    before.outer?.sourcePort === record.outer?.sourcePort &&
    Math.abs(secondsBetween(before.at, record.at)) < COPY_SECONDS
  );
}

function copyOf(finding: ChecksumFinding): ChecksumRecord {
  const { state, stored, correct, missing } = finding;
  return { state, stored, correct, missing };
}

function instantOf(frame: CapturedFrame): Instant {
  return { seconds: frame.seconds, nanoseconds: frame.nanoseconds };
}

function protocolName(protocol: number): FlowObservation['protocol'] {
  if (protocol === PROTOCOL_TCP) return 'tcp';
  return protocol === PROTOCOL_UDP ? 'udp' : 'other';
}

function noDatagrams(): DatagramCounts {
  return { total: 0, valid: 0, zero: 0, partial: 0, mismatch: 0, unverifiable: 0 };
}

function count(counts: DatagramCounts, state: ChecksumFinding['state']): void {
  counts.total++;
  if (state !== 'absent') counts[state]++;
}
