/**
 * What a capture shows, sorted into flows: counts of every packet, records of the few that tell a
 * story. On the way of every packet, so it allocates only for what it keeps.
 *
 * Memory is bounded by three numbers: flows, records kept of one flow, and records kept of all.
 */
import type { CapturedFrame } from '../capture-file/frame.js';
import type { ChecksumFinding, SegmentFinding } from '../wire/checksum-state.js';
import { type IpLayer, PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/ip.js';
import type { Packet } from '../wire/packet.js';
import { difference } from '../wire/port-recovery.js';
import * as tcp from '../wire/tcp.js';
import * as udp from '../wire/udp.js';
import { type FlowEntry, FlowTable } from './flow-table.js';
import type { Holdings } from './holdings.js';
import { KnownAddresses } from './known-addresses.js';
import type {
  DatagramCounts,
  FlowObservation,
  FlowOverflow,
  OuterPortUse,
  PacketRecord,
} from './observation.js';
import {
  type AddedPacket,
  type OrdinaryCounts,
  PARTIAL_IS_ORDINARY,
  PLAIN_IS_ORDINARY,
  VALID_IS_ORDINARY,
  ZERO_IS_ORDINARY,
} from './ordinary-packets.js';
import { instantOf, isCopy, recordOf } from './packet-record.js';
import { NONE, withItem } from './short-list.js';

export interface FlowLimits {
  /** Flows kept; a packet of one more is only counted. */
  readonly flows: number;
  /** Flows beyond that, kept only if their outer checksum does not fit: evidence is never crowded out. */
  readonly suspectFlows: number;
  /** SYNs, SYN-ACKs or queries kept of one flow. Linux gives up after some ten SYNs. */
  readonly packets: number;
  /** Outer ports remembered of one flow; a retransmitted SYN takes another one at most each time. */
  readonly ports: number;
  /** Records of all flows together; beyond it each flow keeps the first of each kind. */
  readonly records: number;
}

/** Such that whatever a file holds, less than 200 MB of memory do for it, the analysis behind it included. */
export const DEFAULT_FLOW_LIMITS: FlowLimits = {
  flows: 20_000,
  suspectFlows: 4_000,
  packets: 64,
  ports: 64,
  records: 50_000,
};

export class FlowRecorder {
  readonly overflow: FlowOverflow = { packets: 0, datagrams: noDatagrams() };
  readonly #limits: FlowLimits;
  readonly #held: Holdings;
  readonly #table = new FlowTable();
  readonly #addresses = new KnownAddresses();
  /** What is being recorded, for as long as `add` runs. */
  readonly #packet: Packet;
  readonly #inner: SegmentFinding;
  readonly #outer: ChecksumFinding;
  /** The packet's record, made when first asked for. */
  #made: PacketRecord | undefined;
  #entry: FlowEntry | undefined;
  #use: OuterPortUse | undefined;
  /** Adds what was counted elsewhere of the flow of this number: before another of its packets is added here. */
  settle: ((counted: number) => void) | undefined;

  /** The arguments are filled again for every packet, before `add`. */
  constructor(
    packet: Packet,
    inner: SegmentFinding,
    outer: ChecksumFinding,
    limits: FlowLimits,
    held: Holdings,
  ) {
    this.#packet = packet;
    this.#inner = inner;
    this.#outer = outer;
    this.#limits = limits;
    this.#held = held;
  }

  get flows(): readonly FlowObservation[] {
    return this.#table.flows;
  }

  /** Adds the packet of the frame, which was walked and judged. */
  add(frame: CapturedFrame): void {
    this.#made = undefined;
    this.forgetAdded();
    const known = this.#table.find(frame.view, this.#packet);
    if (!known && !this.#hasRoom()) {
      this.overflow.packets++;
      if (this.#packet.kind === 'tunnel') count(this.overflow.datagrams, this.#outer.state);
      return;
    }
    const entry = known ?? this.#addFlow(frame);
    if (entry.counted >= 0) this.settle?.(entry.counted);
    this.#entry = entry;
    const { flow } = entry;
    flow.packets++;
    const { ip } = this.#packet;
    if (ip.end - ip.start > flow.largestPacket) flow.largestPacket = ip.end - ip.start;
    noteTime(flow, frame.seconds, frame.nanoseconds);
    if (this.#inner.state === 'partial') flow.innerPartial++;
    if (this.#inner.state === 'mismatch') {
      flow.innerMismatch++;
      flow.firstInnerMismatch ??= this.#record(frame);
    }
    this.#keepSpecial(flow, frame);
    if (flow.encapsulated) this.#addDatagram(entry, frame);
  }

  /** The packet that was added last, for whoever counts its flow's ordinary ones. */
  get added(): AddedPacket | undefined {
    const entry = this.#entry;
    if (!entry) return undefined;
    return { entry, use: this.#use, states: this.#ordinaryStates(entry.flow) };
  }

  forgetAdded(): void {
    this.#entry = undefined;
    this.#use = undefined;
  }

  /** Adds packets of a known flow that left from one outer port (`undefined`: without a tunnel). */
  addOrdinary({ flow }: FlowEntry, use: OuterPortUse | undefined, counts: OrdinaryCounts): void {
    const { plain, valid, zero, partial, first, latest, last } = counts;
    const datagrams = valid + zero + partial;
    flow.packets += plain + datagrams;
    flow.innerPartial += counts.innerPartial;
    if (counts.largest > flow.largestPacket) flow.largestPacket = counts.largest;
    noteTime(flow, first.seconds, first.nanoseconds);
    noteTime(flow, latest.seconds, latest.nanoseconds);
    if (!use) return;
    for (const sums of [flow.datagrams, use.datagrams]) {
      sums.total += datagrams;
      sums.valid += valid;
      sums.zero += zero;
      sums.partial += partial;
    }
    use.last.seconds = last.seconds;
    use.last.nanoseconds = last.nanoseconds;
  }

  /** Which further packets, of the flow and outer port added last, would change no more than counts. */
  #ordinaryStates(flow: FlowObservation): number {
    const keepsMore =
      flow.protocol === 'udp' && flow.queries.length < this.#allowed(this.#limits.packets);
    if (keepsMore) return 0;
    if (!flow.encapsulated) return PLAIN_IS_ORDINARY;
    const use = this.#use;
    if (!use) return 0;
    return (
      PARTIAL_IS_ORDINARY |
      (use.firstValid ? VALID_IS_ORDINARY : 0) |
      (use.firstZero ? ZERO_IS_ORDINARY : 0)
    );
  }

  #hasRoom(): boolean {
    const { flows, suspectFlows } = this.#limits;
    const isSuspect = this.#packet.kind === 'tunnel' && this.#outer.state === 'mismatch';
    return this.#held.flows < (isSuspect ? flows + suspectFlows : flows);
  }

  #addFlow(frame: CapturedFrame): FlowEntry {
    this.#held.flows++;
    return this.#table.add(this.#newFlow(frame));
  }

  #newFlow(frame: CapturedFrame): FlowObservation {
    const { ip, sourcePort, destinationPort, kind } = this.#packet;
    return {
      protocol: protocolName(ip.protocol),
      source: this.#addresses.at(frame, ip.sourceAt, ip.addressLength).text,
      destination: this.#addresses.at(frame, ip.destinationAt, ip.addressLength).text,
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
      outerPorts: NONE,
      syns: NONE,
      synAcks: NONE,
      queries: NONE,
      firstInnerMismatch: undefined,
      resets: 0,
      notKept: 0,
      copies: 0,
    };
  }

  #keepSpecial(flow: FlowObservation, frame: CapturedFrame): void {
    if (this.#packet.sourcePort < 0) return;
    if (flow.protocol === 'udp') {
      if (this.#isKept(flow.queries, flow, frame)) {
        flow.queries = withItem(flow.queries, this.#record(frame));
      }
      return;
    }
    if (flow.protocol !== 'tcp') return;
    const flags = tcp.flags(frame.view, this.#packet.ip.payload);
    if ((flags & tcp.FLAG_RST) !== 0) flow.resets++;
    if ((flags & tcp.FLAG_SYN) === 0) return;
    if ((flags & tcp.FLAG_ACK) === 0) {
      if (this.#isKept(flow.syns, flow, frame)) {
        flow.syns = withItem(flow.syns, this.#record(frame));
      }
    } else if (this.#isKept(flow.synAcks, flow, frame)) {
      flow.synAcks = withItem(flow.synAcks, this.#record(frame));
    }
  }

  /** Whether to keep a packet in the list: there is room, and it is not another copy of the one before. */
  #isKept(list: readonly PacketRecord[], flow: FlowObservation, frame: CapturedFrame): boolean {
    if (list.length >= this.#allowed(this.#limits.packets)) {
      if (flow.protocol === 'tcp') flow.notKept++;
      return false;
    }
    const before = list.at(-1);
    if (!before || !isCopy(before, this.#record(frame))) return true;
    flow.copies++;
    return false;
  }

  #addDatagram(entry: FlowEntry, frame: CapturedFrame): void {
    const { flow } = entry;
    const { state } = this.#outer;
    count(flow.datagrams, state);
    const use = this.#portUse(entry, frame);
    this.#use = use;
    if (!use) {
      flow.notKept++;
      return;
    }
    count(use.datagrams, state);
    use.last.seconds = frame.seconds;
    use.last.nanoseconds = frame.nanoseconds;
    if (state === 'valid') use.firstValid ??= this.#record(frame);
    else if (state === 'zero') use.firstZero ??= this.#record(frame);
    else if (state === 'mismatch') this.#addMismatch(use, frame);
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

  /** The outer address and port that the datagram left from; `undefined` if the flow has too many. */
  #portUse(entry: FlowEntry, frame: CapturedFrame): OuterPortUse | undefined {
    const { outerPorts } = entry.flow;
    const { outer, udp: at } = this.#packet;
    const sourcePort = udp.sourcePort(frame.view, at);
    // Nearly always it is the last one again.
    for (let i = outerPorts.length - 1; i >= 0; i--) {
      const use = outerPorts[i]!;
      const isSame = use.sourcePort === sourcePort;
      if (isSame && isAddress(entry.outerAddresses[i]!, frame.bytes, outer)) return use;
    }
    if (outerPorts.length >= this.#allowed(this.#limits.ports)) return undefined;
    const source = this.#addresses.at(frame, outer.sourceAt, outer.addressLength);
    const added: OuterPortUse = {
      source: source.text,
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
    entry.flow.outerPorts = withItem(outerPorts, added);
    entry.outerAddresses = withItem(entry.outerAddresses, source.bytes);
    return added;
  }

  /** How many of a kind a flow may keep: no more than the first once there are too many of all. */
  #allowed(limit: number): number {
    return this.#held.records < this.#limits.records ? limit : 1;
  }

  #record(frame: CapturedFrame): PacketRecord {
    if (!this.#made) {
      this.#made = recordOf(frame, this.#packet, this.#inner, this.#outer, this.#addresses);
      this.#held.records++;
    }
    return this.#made;
  }
}

/** Captures may be slightly out of order, so neither end is simply the first or last frame. */
function noteTime(
  { firstSeen, lastSeen }: FlowObservation,
  seconds: number,
  nanoseconds: number,
): void {
  if (isBefore(lastSeen.seconds, lastSeen.nanoseconds, seconds, nanoseconds)) {
    lastSeen.seconds = seconds;
    lastSeen.nanoseconds = nanoseconds;
  } else if (isBefore(seconds, nanoseconds, firstSeen.seconds, firstSeen.nanoseconds)) {
    firstSeen.seconds = seconds;
    firstSeen.nanoseconds = nanoseconds;
  }
}

function isBefore(
  seconds: number,
  nanoseconds: number,
  thanSeconds: number,
  thanNanoseconds: number,
): boolean {
  return seconds < thanSeconds || (seconds === thanSeconds && nanoseconds < thanNanoseconds);
}

function isAddress(address: Uint8Array, bytes: Uint8Array, layer: IpLayer): boolean {
  if (address.length !== layer.addressLength) return false;
  for (let i = 0; i < address.length; i++) {
    if (address[i] !== bytes[layer.sourceAt + i]) return false;
  }
  return true;
}

function protocolName(protocol: number): FlowObservation['protocol'] {
  if (protocol === PROTOCOL_TCP) return 'tcp';
  return protocol === PROTOCOL_UDP ? 'udp' : 'other';
}

/** Counts of no datagram yet. */
function noDatagrams(): DatagramCounts {
  return { total: 0, valid: 0, zero: 0, partial: 0, mismatch: 0, unverifiable: 0 };
}

function count(counts: DatagramCounts, state: ChecksumFinding['state']): void {
  counts.total++;
  if (state !== 'absent') counts[state]++;
}
