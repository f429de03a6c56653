/**
 * Flows by the bytes of their 5-tuple, without an object or a string a packet: the key is compared
 * where it lies in the packet's buffer.
 */
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/ip.js';
import type { Packet } from '../wire/packet.js';
import type { FlowObservation } from './observation.js';

interface Slot {
  readonly key: Uint8Array;
  readonly flow: FlowObservation;
}

/** Longest key: two IPv6 addresses, two ports, protocol, encapsulated or not. */
const KEY_LENGTH = 16 + 16 + 2 + 2 + 1 + 1;

/** One capture's flows, each direction on its own. */
export class FlowTable {
  readonly flows: FlowObservation[] = [];
  readonly #slots = new Map<number, Slot[]>();
  readonly #key = new Uint8Array(KEY_LENGTH);
  #length = 0;

  /** The packet's flow, or what `make` returns for one that is new. */
  find(bytes: Uint8Array, packet: Packet, make: () => FlowObservation): FlowObservation {
    const hash = this.#readKey(bytes, packet);
    const slots = this.#slots.get(hash);
    const slot = slots?.find(candidate => this.#isKey(candidate.key));
    if (slot) return slot.flow;
    const flow = make();
    const added = { key: this.#key.slice(0, this.#length), flow };
    if (slots) slots.push(added);
    else this.#slots.set(hash, [added]);
    this.flows.push(flow);
    return flow;
  }

  #readKey(bytes: Uint8Array, packet: Packet): number {
    const { ip } = packet;
    const key = this.#key;
    let at = 0;
    for (let i = 0; i < ip.addressLength; i++) key[at++] = bytes[ip.sourceAt + i]!;
    for (let i = 0; i < ip.addressLength; i++) key[at++] = bytes[ip.destinationAt + i]!;
    // Ports only where the record tells them apart: a protocol without ports has -1.
    key[at++] = packet.sourcePort >>> 8;
    key[at++] = packet.sourcePort;
    key[at++] = packet.destinationPort >>> 8;
    key[at++] = packet.destinationPort;
    key[at++] = ip.protocol === PROTOCOL_TCP || ip.protocol === PROTOCOL_UDP ? ip.protocol : 0;
    key[at++] = packet.kind === 'tunnel' ? 1 : 0;
    this.#length = at;
    let hash = 0x811c9dc5;
    for (let i = 0; i < at; i++) hash = Math.imul(hash ^ key[i]!, 0x01000193);
    return hash >>> 0;
  }

  #isKey(key: Uint8Array): boolean {
    if (key.length !== this.#length) return false;
    for (let i = 0; i < key.length; i++) if (key[i] !== this.#key[i]) return false;
    return true;
  }
}
