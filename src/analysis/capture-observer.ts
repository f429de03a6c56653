/**
 * Reads one capture, frame by frame, into what it shows of each flow. One pass. Memory grows with the
 * number of flows up to a bound, not with that of packets.
 */
import type { CapturedFrame } from '../capture-file/frame.js';
import type { Instant } from '../time.js';
import { type ChecksumFinding, emptyFinding, judgePacket } from '../wire/checksum-state.js';
import { isFragment, PROTOCOL_UDP } from '../wire/ip.js';
import { isKnownLinkType, LINKTYPE_RAW, linkTypeName } from '../wire/link-layer.js';
import { DEFAULT_TUNNEL_PORTS, emptyPacket, type PacketKind, walkPacket } from '../wire/packet.js';
import { mayBeTunnel } from '../wire/tunnel-evidence.js';
import { DEFAULT_FLOW_LIMITS, type FlowLimits, FlowRecorder } from './flow-recorder.js';
import type { FlowEntry } from './flow-table.js';
import type { RebuiltPacket } from './fragment-datagram.js';
import {
  DEFAULT_REASSEMBLY_LIMITS,
  FragmentReassembly,
  type ReassemblyLimits,
} from './fragment-reassembly.js';
import { type Holdings, nothingHeld } from './holdings.js';
import type { CaptureObservation, MutableInstant, OuterPortUse } from './observation.js';
import type { AddedPacket, OrdinaryCounts, OrdinaryFrames } from './ordinary-packets.js';
import { TunnelSuspects } from './tunnel-suspects.js';

/** Link types that are not decoded, counted one by one up to so many. */
const MAX_LINK_TYPES = 64;

export interface ObserverLimits {
  readonly flows: FlowLimits;
  readonly reassembly: ReassemblyLimits;
}

export const DEFAULT_OBSERVER_LIMITS: ObserverLimits = {
  flows: DEFAULT_FLOW_LIMITS,
  reassembly: DEFAULT_REASSEMBLY_LIMITS,
};

/** Observes the frames of one capture, which may be in several files. */
export class CaptureObserver {
  readonly #tunnelPorts: Set<number>;
  readonly #packet = emptyPacket();
  readonly #inner = emptyFinding();
  readonly #outer = emptyFinding();
  readonly #recorder: FlowRecorder;
  readonly #fragments: FragmentReassembly;
  readonly #suspects = new TunnelSuspects();
  readonly #perDatagram: ((frame: CapturedFrame, outer: ChecksumFinding) => void) | undefined;
  readonly #foundPorts: number[] = [];
  readonly #undecodedLinkTypes = new Map<number, number>();
  #frames = 0;
  #bytes = 0;
  #firstSeen: MutableInstant | undefined;
  #lastSeen: MutableInstant | undefined;
  #tunnelDatagrams = 0;
  #cutFrames = 0;
  #laterFragments = 0;
  #undecoded = 0;

  /**
   * @param tunnelPorts UDP ports taken for tunnels; others are found by what their datagrams show
   * @param perDatagram called with each tunnel datagram's outer finding, for whoever wants them all; a
   *   reassembled datagram comes with the number of the frame that it is attributed to
   * @param held what this observer and others hold together, against their common limits
   */
  constructor(
    tunnelPorts: ReadonlySet<number> = DEFAULT_TUNNEL_PORTS,
    perDatagram?: (frame: CapturedFrame, outer: ChecksumFinding) => void,
    limits: ObserverLimits = DEFAULT_OBSERVER_LIMITS,
    held: Holdings = nothingHeld(),
  ) {
    this.#tunnelPorts = new Set(tunnelPorts);
    this.#perDatagram = perDatagram;
    this.#recorder = new FlowRecorder(this.#packet, this.#inner, this.#outer, limits.flows, held);
    this.#fragments = new FragmentReassembly(this.#takeRebuilt, limits.reassembly, held);
  }

  /** Takes one frame; an arrow function, so that it can be handed to a reader as it is. */
  readonly visit = (frame: CapturedFrame): void => {
    this.#recorder.forgetAdded();
    this.#frames++;
    this.#bytes += frame.end - frame.start;
    if (frame.originalLength > frame.end - frame.start) this.#cutFrames++;
    this.#noteTime(frame.seconds, frame.nanoseconds);
    const kind = this.#walk(frame);
    if (kind === 'none') {
      this.#undecoded++;
      if (!isKnownLinkType(frame.linkType)) this.#countLinkType(frame.linkType);
      return;
    }
    const outermost = kind === 'tunnel' ? this.#packet.outer : this.#packet.ip;
    if (isFragment(outermost)) {
      if (outermost.fragmentOffset !== 0) this.#laterFragments++;
      if (this.#fragments.take(frame.bytes, frame.view, frame.end, outermost, frame)) return;
    }
    this.#take(frame, 0);
  };

  /** The packet of the frame visited last, if it belongs to a flow that is kept. */
  get added(): AddedPacket | undefined {
    return this.#recorder.added;
  }

  /** UDP ports that nobody named, and that have proved to carry a tunnel so far. */
  get foundTunnelPorts(): readonly number[] {
    return this.#foundPorts;
  }

  /**
   * @param settle called before a packet is added to a flow whose ordinary packets are counted elsewhere
   *   (`FlowEntry.counted`): what was counted has to be added first
   */
  set settle(settle: ((counted: number) => void) | undefined) {
    this.#recorder.settle = settle;
  }

  /** Adds ordinary packets of a flow that is kept; their frames are added by `addOrdinaryFrames`. */
  addOrdinaryPackets(
    entry: FlowEntry,
    use: OuterPortUse | undefined,
    counts: OrdinaryCounts,
  ): void {
    this.#recorder.addOrdinary(entry, use, counts);
  }

  /** Adds frames that were counted elsewhere, since all of them were ordinary packets. */
  addOrdinaryFrames({ frames, bytes, tunnelDatagrams, first, last }: OrdinaryFrames): void {
    this.#frames += frames;
    this.#bytes += bytes;
    this.#tunnelDatagrams += tunnelDatagrams;
    this.#noteTime(first.seconds, first.nanoseconds);
    this.#noteTime(last.seconds, last.nanoseconds);
  }

  /** The latest time of any frame so far. */
  get lastSeen(): Instant | undefined {
    return this.#lastSeen;
  }

  /**
   * What the capture shows. Ends it: fragments that wait for others, and datagrams that wait for a
   * second one to prove a tunnel, wait no longer.
   */
  result(): CaptureObservation {
    this.#fragments.end();
    for (const frame of this.#suspects.releaseAll()) {
      this.#walk(frame);
      this.#observe(frame, 0);
    }
    return {
      flows: this.#recorder.flows,
      frames: this.#frames,
      bytes: this.#bytes,
      firstSeen: this.#firstSeen,
      lastSeen: this.#lastSeen,
      tunnelDatagrams: this.#tunnelDatagrams,
      cutFrames: this.#cutFrames,
      laterFragments: this.#laterFragments,
      undecoded: this.#undecoded,
      undecodedLinkTypes: [...this.#undecodedLinkTypes].map(([linkType, frames]) => ({
        linkType,
        name: linkTypeName(linkType),
        frames,
      })),
      foundTunnelPorts: this.#foundPorts,
      fragments: this.#fragments.counts,
      overflow: this.#recorder.overflow,
    };
  }

  #walk({ view, start, end, linkType, originalLength }: CapturedFrame): PacketKind {
    return walkPacket(view, start, end, linkType, this.#tunnelPorts, this.#packet, originalLength);
  }

  /** Goes on with a packet that was walked, and of which `missing` bytes lack (-1: nobody knows how many). */
  #take(frame: CapturedFrame, missing: number): void {
    const packet = this.#packet;
    if (
      packet.kind === 'plain' &&
      packet.ip.protocol === PROTOCOL_UDP &&
      packet.destinationPort >= 0 &&
      mayBeTunnel(frame.view, packet)
    ) {
      if (this.#isHeldBack(frame)) return;
      this.#walk(frame);
    }
    this.#observe(frame, missing);
  }

  /** A UDP packet that begins like a tunnel's: learns from it, or puts it aside. */
  #isHeldBack(frame: CapturedFrame): boolean {
    const port = this.#packet.destinationPort;
    const suspicion = this.#suspects.suspect(frame, this.#packet, this.#inner);
    if (suspicion !== 'tunnel') return suspicion === 'held';
    this.#tunnelPorts.add(port);
    this.#foundPorts.push(port);
    const held = this.#suspects.release(port);
    if (held) {
      this.#walk(held);
      this.#observe(held, 0);
    }
    return false;
  }

  #observe(frame: CapturedFrame, missing: number): void {
    const packet = this.#packet;
    judgePacket(frame.view, packet, this.#inner, this.#outer);
    if (missing !== 0) this.#setMissing(missing);
    if (packet.kind === 'tunnel') {
      this.#tunnelDatagrams++;
      this.#perDatagram?.(frame, this.#outer);
    }
    if (packet.ip.version !== 0) this.#recorder.add(frame);
  }

  /** Of a datagram in fragments it is known what is missing, whatever its walk could see of it. */
  #setMissing(missing: number): void {
    const finding = this.#packet.kind === 'tunnel' ? this.#outer : this.#inner;
    if (finding.state === 'valid' || finding.state === 'mismatch') finding.state = 'unverifiable';
    if (finding.state === 'unverifiable') finding.missing = missing;
  }

  /** Takes a datagram that was put together, as a frame that begins with its IP header. */
  readonly #takeRebuilt = ({ bytes, length, missing, frame }: RebuiltPacket): void => {
    const rebuilt: CapturedFrame = {
      ...frame,
      bytes,
      view: new DataView(bytes.buffer),
      start: 0,
      end: bytes.length,
      originalLength: length,
      linkType: LINKTYPE_RAW,
      direction: 'unknown',
    };
    if (this.#walk(rebuilt) !== 'none') this.#take(rebuilt, missing);
  };

  #countLinkType(linkType: number): void {
    const counts = this.#undecodedLinkTypes;
    if (counts.size < MAX_LINK_TYPES || counts.has(linkType)) {
      counts.set(linkType, (counts.get(linkType) ?? 0) + 1);
    }
  }

  /** Captures may be slightly out of order, so neither end is simply the first or last frame. */
  #noteTime(seconds: number, nanoseconds: number): void {
    const first = this.#firstSeen;
    const last = this.#lastSeen;
    if (!first || !last) {
      this.#firstSeen = { seconds, nanoseconds };
      this.#lastSeen = { seconds, nanoseconds };
    } else if (
      seconds > last.seconds ||
      (seconds === last.seconds && nanoseconds > last.nanoseconds)
    ) {
      last.seconds = seconds;
      last.nanoseconds = nanoseconds;
    } else if (
      seconds < first.seconds ||
      (seconds === first.seconds && nanoseconds < first.nanoseconds)
    ) {
      first.seconds = seconds;
      first.nanoseconds = nanoseconds;
    }
  }
}
