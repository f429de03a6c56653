/**
 * Puts fragmented IP datagrams together, in bounded memory. Fragments may come in any order; a
 * datagram that is not whole in time, or that has to make room for others, is handed on as far as it
 * came, so that what its first fragment tells is not lost: its checksum is then `unverifiable`.
 */
import { type IpLayer, PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/ip.js';
import { FragmentedDatagram, type FragmentFrame, type RebuiltPacket } from './fragment-datagram.js';
import type { Holdings } from './holdings.js';

export interface ReassemblyLimits {
  /** Bytes held for datagrams that are not whole; Linux holds 4 MB (net.ipv4.ipfrag_high_thresh). */
  readonly bytes: number;
  /** Datagrams that are not whole. */
  readonly datagrams: number;
  /** Seconds of capture time that a datagram is waited for (net.ipv4.ipfrag_time). */
  readonly seconds: number;
}

export const DEFAULT_REASSEMBLY_LIMITS: ReassemblyLimits = {
  bytes: 8 * 1024 * 1024,
  datagrams: 8192,
  seconds: 30,
};

/** What became of fragmented datagrams. */
export interface FragmentCounts {
  /** Datagrams put together whole. */
  reassembled: number;
  /** Datagrams of which not all fragments came in time, or room was lacking for. */
  incomplete: number;
  /** Those among them that had to go before their time, because a bound was reached. */
  evicted: number;
  /** Datagrams dropped because their fragments overlap or contradict each other. */
  overlapping: number;
}

const MAX_PACKET_LENGTH = 0xffff;
const IPV6_DESTINATION_OPTIONS = 60;

export class FragmentReassembly {
  readonly counts: FragmentCounts = { reassembled: 0, incomplete: 0, evicted: 0, overlapping: 0 };
  readonly #limits: ReassemblyLimits;
  readonly #deliver: (packet: RebuiltPacket) => void;
  readonly #pending = new Map<string, FragmentedDatagram>();
  readonly #queue = new AgeQueue();
  /** Shared with the observers of other interfaces. */
  readonly #held: Holdings;

  /** @param deliver called for each datagram once it is whole, or given up */
  constructor(deliver: (packet: RebuiltPacket) => void, limits: ReassemblyLimits, held: Holdings) {
    this.#deliver = deliver;
    this.#limits = limits;
    this.#held = held;
  }

  /**
   * Takes a fragment; false if it is none that could be put together (its datagram carries neither
   * TCP nor UDP, or its lengths cannot be true), and is the caller's to count.
   */
  take(
    bytes: Uint8Array,
    view: DataView,
    end: number,
    walked: IpLayer,
    at: FragmentFrame,
  ): boolean {
    if (walked.version === 0 || !isWorthIt(walked) || !isLawful(walked)) return false;
    // What is given up below is walked as a packet of its own, into the very same layer.
    const layer = { ...walked };
    this.#expire(at.seconds);
    const key = keyOf(view, layer, at.interfaceIndex);
    const frame = {
      number: at.number,
      seconds: at.seconds,
      nanoseconds: at.nanoseconds,
      interfaceIndex: at.interfaceIndex,
      file: at.file,
    };
    const datagram = this.#pending.get(key) ?? this.#begin(key, layer.version === 4 ? 4 : 6, frame);
    if (datagram.dropped) return true;
    const before = datagram.cost;
    const result = datagram.add(bytes, end, layer, frame);
    this.#held.fragmentBytes += datagram.cost - before;
    if (result === 'complete') this.#finish(datagram);
    else if (result === 'overlap') this.#drop(datagram);
    this.#makeRoom();
    return true;
  }

  /** Gives up whatever is not whole. */
  end(): void {
    for (let oldest = this.#queue.oldest(); oldest; oldest = this.#queue.oldest()) {
      this.#giveUp(oldest);
    }
  }

  #begin(key: string, version: 4 | 6, frame: FragmentFrame): FragmentedDatagram {
    const datagram = new FragmentedDatagram(key, version, frame);
    this.#pending.set(key, datagram);
    this.#held.fragmentedDatagrams++;
    this.#queue.add(datagram);
    this.#held.fragmentBytes += datagram.cost;
    return datagram;
  }

  #finish(datagram: FragmentedDatagram): void {
    this.counts.reassembled++;
    this.#forget(datagram);
    const packet = datagram.rebuild();
    datagram.drop();
    if (packet) this.#deliver(packet);
  }

  /** Its place stays taken until its time is over, so that what still comes of it begins nothing new. */
  #drop(datagram: FragmentedDatagram): void {
    this.counts.overlapping++;
    const packet = datagram.rebuild();
    this.#held.fragmentBytes -= datagram.cost;
    datagram.drop();
    this.#held.fragmentBytes += datagram.cost;
    if (packet) this.#deliver({ ...packet, missing: -1 });
  }

  #giveUp(datagram: FragmentedDatagram): void {
    this.#forget(datagram);
    if (datagram.dropped) return;
    this.counts.incomplete++;
    const packet = datagram.rebuild();
    datagram.drop();
    if (packet) this.#deliver(packet);
  }

  #forget(datagram: FragmentedDatagram): void {
    datagram.done = true;
    this.#pending.delete(datagram.key);
    this.#held.fragmentedDatagrams--;
    this.#held.fragmentBytes -= datagram.cost;
  }

  #expire(now: number): void {
    for (let oldest = this.#queue.oldest(); oldest; oldest = this.#queue.oldest()) {
      // A clock set back, or a capture put in front of another, is no reason to wait for ever.
      if (Math.abs(now - oldest.since) <= this.#limits.seconds) return;
      this.#giveUp(oldest);
    }
  }

  #makeRoom(): void {
    const { bytes, datagrams } = this.#limits;
    for (let oldest = this.#queue.oldest(); oldest; oldest = this.#queue.oldest()) {
      if (this.#held.fragmentBytes <= bytes && this.#held.fragmentedDatagrams <= datagrams) return;
      if (!oldest.dropped) this.counts.evicted++;
      this.#giveUp(oldest);
    }
  }
}

const COMPACT_AT = 16_384;

/** Datagrams in the order in which they began. (A map would have to step over all it has deleted.) */
class AgeQueue {
  #datagrams: FragmentedDatagram[] = [];
  #head = 0;
  #compactAt = COMPACT_AT;

  add(datagram: FragmentedDatagram): void {
    this.#datagrams.push(datagram);
    // Behind one that is waited for, many may have become whole.
    if (this.#datagrams.length - this.#head < this.#compactAt) return;
    this.#datagrams = this.#datagrams.slice(this.#head).filter(({ done }) => !done);
    this.#head = 0;
    this.#compactAt = Math.max(this.#datagrams.length * 2, COMPACT_AT);
  }

  /** The oldest one that is still waited for. */
  oldest(): FragmentedDatagram | undefined {
    while (this.#datagrams[this.#head]?.done) this.#head++;
    if (this.#head > 1024 && this.#head * 2 > this.#datagrams.length) {
      this.#datagrams = this.#datagrams.slice(this.#head);
      this.#head = 0;
    }
    return this.#datagrams[this.#head];
  }
}

/** Only what has a checksum to be judged; behind IPv6 destination options it may have one. */
function isWorthIt({ protocol }: IpLayer): boolean {
  return (
    protocol === PROTOCOL_UDP || protocol === PROTOCOL_TCP || protocol === IPV6_DESTINATION_OPTIONS
  );
}

/** All but the last one have a multiple of 8 bytes, and none goes beyond what a packet may have. */
function isLawful(layer: IpLayer): boolean {
  const length = layer.end - layer.fragmentable;
  const header = layer.fragmentable - layer.start;
  if (layer.assumedEnd || length <= 0) return false;
  if (layer.moreFragments && length % 8 !== 0) return false;
  return header + layer.fragmentOffset + length <= MAX_PACKET_LENGTH;
}

/** Interface, addresses, identification, and IPv4's protocol (RFC 791 section 3.2, RFC 8200 section 4.5). */
function keyOf(view: DataView, layer: IpLayer, interfaceIndex: number): string {
  let key = String.fromCharCode(interfaceIndex, layer.version === 4 ? layer.protocol : 0x100);
  for (let i = 0; i < layer.addressLength; i += 2) {
    key += String.fromCharCode(
      view.getUint16(layer.sourceAt + i),
      view.getUint16(layer.destinationAt + i),
    );
  }
  if (layer.version === 4) return key + String.fromCharCode(view.getUint16(layer.start + 4));
  const identification = layer.fragmentable - 4;
  return (
    key + String.fromCharCode(view.getUint16(identification), view.getUint16(identification + 2))
  );
}
