/**
 * Flows by the bytes of their 5-tuple, without an object or a string a packet: a key is a few 32-bit
 * words, compared where they lie. A hash table with open addressing, since a map would make an object
 * of every hash.
 */
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/ip.js';
import type { Packet } from '../wire/packet.js';
import type { FlowObservation } from './observation.js';
import { NONE } from './short-list.js';

/** A flow, and what its observer remembers besides. */
export interface FlowEntry {
  readonly flow: FlowObservation;
  /** `flow.outerPorts` by the bytes of their addresses: those that lie at the same index. */
  outerAddresses: readonly Uint8Array[];
  /** Number by which its ordinary packets are counted elsewhere; -1 while they are not. */
  counted: number;
}

/** Two IPv6 addresses, two ports, and what tells protocols and encapsulation apart. */
const KEY_WORDS = 4 + 4 + 1 + 1;
/** Few: there may be thousands of interfaces. */
const INITIAL_SLOTS = 16;
const NO_PORTS = 0x8000_0000;

/** One capture's flows, each direction on its own. */
export class FlowTable {
  readonly flows: FlowObservation[] = [];
  readonly #entries: FlowEntry[] = [];
  readonly #key = new Uint32Array(KEY_WORDS);
  /** Keys of all entries, one behind the other. */
  #keys = new Uint32Array(INITIAL_SLOTS * KEY_WORDS);
  /** Index of an entry plus 1, or 0 where the slot is free; never more than half of them are taken. */
  #slots = new Int32Array(INITIAL_SLOTS * 2);
  /** The slot that `find` ended at. */
  #slot = 0;

  /** Number of flows. */
  get size(): number {
    return this.flows.length;
  }

  /** The packet's flow, if it is known. */
  find(view: DataView, packet: Packet): FlowEntry | undefined {
    this.#readKey(view, packet);
    const mask = this.#slots.length - 1;
    let slot = hashOf(this.#key) & mask;
    for (;;) {
      const index = this.#slots[slot]! - 1;
      if (index < 0 || this.#isKey(index)) {
        this.#slot = slot;
        return index < 0 ? undefined : this.#entries[index];
      }
      slot = (slot + 1) & mask;
    }
  }

  /** Adds the flow of the packet that `find` has just not found. */
  add(flow: FlowObservation): FlowEntry {
    const index = this.#entries.length;
    const entry: FlowEntry = { flow, outerAddresses: NONE, counted: -1 };
    if ((index + 1) * KEY_WORDS > this.#keys.length) this.#keys = doubled(this.#keys);
    this.#keys.set(this.#key, index * KEY_WORDS);
    this.#entries.push(entry);
    this.flows.push(flow);
    this.#slots[this.#slot] = index + 1;
    if (this.#entries.length * 2 > this.#slots.length) this.#grow();
    return entry;
  }

  #readKey(view: DataView, packet: Packet): void {
    const { ip, sourcePort, destinationPort } = packet;
    const key = this.#key;
    const isLong = ip.addressLength === 16;
    for (let i = 0; i < 4; i++) {
      key[i] = isLong || i === 0 ? view.getUint32(ip.sourceAt + 4 * i) : 0;
      key[4 + i] = isLong || i === 0 ? view.getUint32(ip.destinationAt + 4 * i) : 0;
    }
    const hasPorts = sourcePort >= 0;
    const protocol = ip.protocol === PROTOCOL_TCP || ip.protocol === PROTOCOL_UDP ? ip.protocol : 0;
    key[8] = hasPorts ? (sourcePort << 16) | destinationPort : 0;
    key[9] =
      (hasPorts ? 0 : NO_PORTS) |
      (ip.version << 16) |
      (protocol << 8) |
      (packet.kind === 'tunnel' ? 1 : 0);
  }

  #isKey(index: number): boolean {
    const at = index * KEY_WORDS;
    for (let i = 0; i < KEY_WORDS; i++) if (this.#keys[at + i] !== this.#key[i]) return false;
    return true;
  }

  #grow(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let index = 0; index < this.#entries.length; index++) {
      const at = index * KEY_WORDS;
      let slot = hashOf(this.#keys.subarray(at, at + KEY_WORDS)) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = index + 1;
    }
    this.#slots = slots;
  }
}

function doubled(words: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(words.length * 2);
  grown.set(words);
  return grown;
}

/** Per process, so that nobody can write a capture whose flows all fall into one slot. */
const SEED = Math.floor(Math.random() * 0x1_0000_0000);

/** Multiplies and shifts word by word, and mixes the end as murmur3 does. */
function hashOf(key: Uint32Array): number {
  let hash = SEED;
  for (let i = 0; i < KEY_WORDS; i++) {
    hash = Math.imul(hash ^ key[i]!, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
