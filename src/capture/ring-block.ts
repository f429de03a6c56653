/**
 * The memory of a TPACKET_V3 ring (linux/if_packet.h, in the machine's byte order): blocks that the
 * kernel fills with packets and hands over one after the other.
 *
 * A block begins with struct tpacket_block_desc: status u32 at 8, number of packets u32 at 12, offset of
 * the first packet u32 at 16. Each packet begins with struct tpacket3_hdr: offset of the next u32 at 0,
 * seconds u32 at 4, nanoseconds u32 at 8, captured and original length u32 at 12 and 16, status u32 at 20,
 * offset of the frame u16 at 24, VLAN tag u32 at 32, its protocol u16 at 36; then struct sockaddr_ll at 48,
 * with the packet's type u8 at 58.
 */
import { type CapturedFrame, emptyFrame, type FrameVisitor } from '../capture-file/frame.js';
import { StalesumError } from '../errors.js';
import { LINKTYPE_ETHERNET } from '../wire/link-layer.js';

/** The same memory, as bytes and as words of the machine's byte order. */
export interface RingMemory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly halves: Uint16Array;
  readonly words: Uint32Array;
}

const BLOCK_STATUS = 8;
const BLOCK_PACKETS = 12;
const BLOCK_FIRST_PACKET = 16;
const BLOCK_HEADER_BYTES = 48;

const NEXT_PACKET = 0;
const SECONDS = 4;
const NANOSECONDS = 8;
const CAPTURED_LENGTH = 12;
const ORIGINAL_LENGTH = 16;
const STATUS = 20;
const FRAME_OFFSET = 24;
const VLAN_TAG = 32;
const VLAN_PROTOCOL = 36;
const PACKET_TYPE = 58;
/** struct tpacket3_hdr and struct sockaddr_ll. */
const PACKET_HEADER_BYTES = 68;

const TP_STATUS_KERNEL = 0;
const TP_STATUS_USER = 1 << 0;
const TP_STATUS_CSUMNOTREADY = 1 << 3;
const TP_STATUS_VLAN_VALID = 1 << 4;
const TP_STATUS_VLAN_TPID_VALID = 1 << 6;

const PACKET_OUTGOING = 4;

const ETH_P_8021Q = 0x8100;
const TAG_BYTES = 4;
/** Destination and source: a VLAN tag comes behind them. */
const MAC_ADDRESSES_BYTES = 12;

export function ringMemory(memory: ArrayBuffer): RingMemory {
  return {
    bytes: new Uint8Array(memory),
    view: new DataView(memory),
    halves: new Uint16Array(memory),
    words: new Uint32Array(memory),
  };
}

/** Whether the block at `block` is ours. What the kernel wrote before it said so is seen after. */
export function isHandedOver({ words }: RingMemory, block: number): boolean {
  return (Atomics.load(words, (block + BLOCK_STATUS) >> 2) & TP_STATUS_USER) !== 0;
}

/** Gives a block back to the kernel, which writes to it from then on. */
export function giveBack({ words }: RingMemory, block: number): void {
  // The kernel counts from 0 when it opens the block; until then the old count would look like packets.
  words[(block + BLOCK_PACKETS) >> 2] = 0;
  Atomics.store(words, (block + BLOCK_STATUS) >> 2, TP_STATUS_KERNEL);
}

/** Packets that a block holds so far, also while the kernel is still filling it. */
export function packetsIn({ words }: RingMemory, block: number): number {
  return Atomics.load(words, (block + BLOCK_PACKETS) >> 2);
}

/** Hands the frames of a ring on, one object for all of them. */
export class BlockWalker {
  readonly #memory: RingMemory;
  readonly #frame: CapturedFrame;
  /** A loopback shows each packet twice; like libpcap we leave out the outgoing one. */
  readonly #skipOutgoing: boolean;

  constructor(memory: RingMemory, linkType: number, skipOutgoing: boolean) {
    this.#memory = memory;
    this.#skipOutgoing = skipOutgoing;
    this.#frame = emptyFrame();
    this.#frame.linkType = linkType;
    this.#frame.bytes = memory.bytes;
    this.#frame.view = memory.view;
  }

  /** How many frames were handed on. */
  get frames(): number {
    return this.#frame.number;
  }

  /**
   * Visits the frames of the block `[block, end)`, without copying them.
   *
   * @throws StalesumError `internal` if an offset leads out of the block
   */
  walk(block: number, end: number, visit: FrameVisitor): void {
    const { words, bytes } = this.#memory;
    let packet = block + words[(block + BLOCK_FIRST_PACKET) >> 2]!;
    let least = block + BLOCK_HEADER_BYTES;
    for (let left = words[(block + BLOCK_PACKETS) >> 2]!; left > 0; left--) {
      if (packet < least || packet % 4 !== 0 || packet + PACKET_HEADER_BYTES > end) {
        throw damaged(block, packet, 'a packet');
      }
      const outgoing = bytes[packet + PACKET_TYPE] === PACKET_OUTGOING;
      if (!(outgoing && this.#skipOutgoing)) {
        this.#fill(packet, end, block);
        this.#frame.direction = outgoing ? 'out' : 'in';
        this.#frame.number++;
        visit(this.#frame);
      }
      least = packet + PACKET_HEADER_BYTES;
      packet += words[(packet + NEXT_PACKET) >> 2]!;
    }
  }

  #fill(packet: number, end: number, block: number): void {
    const { words, halves } = this.#memory;
    const frame = this.#frame;
    const word = packet >> 2;
    const status = words[word + STATUS / 4]!;
    frame.start = packet + halves[(packet + FRAME_OFFSET) >> 1]!;
    frame.end = frame.start + words[word + CAPTURED_LENGTH / 4]!;
    if (frame.start < packet + PACKET_HEADER_BYTES || frame.end > end) {
      throw damaged(block, packet, 'the frame of a packet');
    }
    frame.originalLength = words[word + ORIGINAL_LENGTH / 4]!;
    frame.seconds = words[word + SECONDS / 4]!;
    frame.nanoseconds = words[word + NANOSECONDS / 4]!;
    frame.checksumPending = (status & TP_STATUS_CSUMNOTREADY) !== 0;
    if ((status & TP_STATUS_VLAN_VALID) !== 0) this.#putTagBack(packet, status, block);
  }

  /**
   * The kernel takes the outermost VLAN tag out of the bytes. It goes back behind the MAC addresses,
   * which move forward into the room that is reserved there (PACKET_RESERVE).
   */
  #putTagBack(packet: number, status: number, block: number): void {
    const { bytes, view, words, halves } = this.#memory;
    const frame = this.#frame;
    const captured = frame.end - frame.start;
    if (frame.linkType !== LINKTYPE_ETHERNET || captured < MAC_ADDRESSES_BYTES) return;
    const start = frame.start - TAG_BYTES;
    if (start < packet + PACKET_HEADER_BYTES) {
      throw damaged(block, packet, 'the room for the VLAN tag of a packet');
    }
    bytes.copyWithin(start, frame.start, frame.start + MAC_ADDRESSES_BYTES);
    const hasProtocol = (status & TP_STATUS_VLAN_TPID_VALID) !== 0;
    const protocol = hasProtocol ? halves[(packet + VLAN_PROTOCOL) >> 1]! : ETH_P_8021Q;
    view.setUint16(start + MAC_ADDRESSES_BYTES, protocol);
    view.setUint16(start + MAC_ADDRESSES_BYTES + 2, words[(packet + VLAN_TAG) >> 2]!);
    frame.start = start;
    frame.originalLength += TAG_BYTES;
  }
}

function damaged(block: number, packet: number, what: string): StalesumError {
  const message = `the ring is damaged: ${what} at ${packet - block} leads out of the block at ${block}`;
  return new StalesumError('internal', message);
}
