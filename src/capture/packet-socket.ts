/**
 * A packet socket with a receive ring, version TPACKET_V3 (linux/if_packet.h,
 * Documentation/networking/packet_mmap.rst, packet(7)). Structures are in the machine's byte order but
 * for the protocol, which is big-endian.
 */
import { readFileSync } from 'node:fs';
import { StalesumError } from '../errors.js';
import { LINKTYPE_ETHERNET, LINKTYPE_RAW } from '../wire/link-layer.js';
import { INSTRUCTION_BYTES } from './bpf.js';
import { ENETDOWN, ENODEV, type Libc, systemFault } from './libc.js';
import { inNetworkNamespace } from './network-namespace.js';

/** The ring's size, all of it memory of the kernel. */
export interface RingShape {
  /** Bytes of a block; rounded up to whole pages. No packet can be longer. */
  readonly blockBytes: number;
  readonly blocks: number;
  /** After so long the kernel hands over a block that is not full. */
  readonly retireMilliseconds: number;
}

/** A ring as it is mapped. */
export interface MappedRing extends RingShape {
  readonly memory: ArrayBuffer;
}

/** What the kernel lost since it was last asked: packets, and times that it found no free block. */
export interface Losses {
  readonly drops: number;
  readonly freezes: number;
}

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const ETH_P_ALL = 3;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SOL_PACKET = 263;
const PACKET_RX_RING = 5;
const PACKET_STATISTICS = 6;
const PACKET_VERSION = 10;
const PACKET_RESERVE = 12;
const TPACKET_V3 = 2;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;

const SIOCGIFHWADDR = 0x8927;
const SIOCGIFINDEX = 0x8933;
/** struct ifreq: the name, 16 bytes with its 0, then a union. */
const IFREQ_BYTES = 40;
const IFNAMSIZ = 16;

/** struct sockaddr_ll: family u16, protocol u16, interface i32 at 4, ARPHRD u16 at 8, ... */
const SOCKADDR_LL_BYTES = 20;

const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;
const ARPHRD_RAWIP = 519;
const ARPHRD_NONE = 0xfffe;

/** Room in front of each frame, for a VLAN tag to be put back. */
const TAG_BYTES = 4;

/** Frames of TPACKET_V3 are as long as they are; the kernel wants a number all the same. */
const NOMINAL_FRAME_BYTES = 2048;

/** The mappings that stand in for closed rings go when nobody holds a view of them any more. */
const standIns = new FinalizationRegistry<() => void>(unmap => unmap());

export class PacketSocket {
  readonly interfaceName: string;
  /** LINKTYPE_* of the frames. */
  readonly linkType: number;
  /** Of a loopback, which shows each packet leaving and coming. */
  readonly isLoopback: boolean;
  readonly descriptor: number;
  readonly #libc: Libc;
  readonly #where: string;
  readonly #index: number;
  #ring: { readonly address: bigint; readonly length: number; memory: ArrayBuffer } | undefined;

  /**
   * Opens a socket for an interface in a network namespace. It takes no packet before `bind`.
   *
   * @param where Stands in front of messages: `node-a/eth0`.
   * @throws StalesumError `not-permitted`; `usage` for an interface that is not there or of a kind that
   *   is not captured; `missing-tool` if the kernel has no packet sockets
   */
  constructor(libc: Libc, namespace: string, where: string, interfaceName: string) {
    this.#libc = libc;
    this.#where = where;
    this.interfaceName = interfaceName;
    this.descriptor = openPacketSocket(libc, namespace, where);
    try {
      this.#index = this.#interfaceIndex(namespace);
      const hardware = this.#hardwareType();
      this.isLoopback = hardware === ARPHRD_LOOPBACK;
      this.linkType = linkTypeOf(hardware, where);
    } catch (fault) {
      void libc.close(this.descriptor);
      throw fault;
    }
  }

  /** Makes the ring and maps it. */
  mapRing(wanted: RingShape): MappedRing {
    const page = this.#libc.pageSize();
    const blockBytes = Math.ceil(wanted.blockBytes / page) * page;
    const { blocks, retireMilliseconds } = wanted;
    const length = blockBytes * blocks;
    const frames = (blockBytes / NOMINAL_FRAME_BYTES) * blocks;
    const request = [blockBytes, blocks, NOMINAL_FRAME_BYTES, frames, retireMilliseconds, 0, 0];
    this.#set(PACKET_VERSION, [TPACKET_V3], 'asking for TPACKET_V3');
    this.#set(PACKET_RESERVE, [TAG_BYTES], 'reserving room for VLAN tags');
    this.#set(PACKET_RX_RING, request, `making a ring of ${length} bytes`);
    const address = this.#libc.mmap(null, length, PROT_READ_WRITE, MAP_SHARED, this.descriptor);
    if (address === undefined) throw this.#fault('mapping the ring');
    const memory = this.#libc.view(address, length);
    this.#ring = { address, length, memory };
    return { blockBytes, blocks, retireMilliseconds, memory };
  }

  /** Sets the filter (struct sock_filter), in place of the one before. */
  attach(program: Uint8Array): void {
    const instructions = program.length / INSTRUCTION_BYTES;
    if (this.#libc.attachFilter(this.descriptor, program, instructions) !== 0) {
      throw this.#fault('attaching the filter');
    }
  }

  /** From here the kernel hands packets over. @throws StalesumError `usage` if the interface is down */
  bind(): void {
    const address = new Uint8Array(SOCKADDR_LL_BYTES);
    const halves = new Uint16Array(address.buffer);
    halves[0] = AF_PACKET;
    new DataView(address.buffer).setUint16(2, ETH_P_ALL);
    new Int32Array(address.buffer)[1] = this.#index;
    if (this.#libc.bind(this.descriptor, address, address.length) !== 0) {
      throw this.#fault('binding');
    }
    if (this.takeError() === ENETDOWN) {
      const remedy = `ip link set dev ${this.interfaceName} up`;
      throw new StalesumError('usage', `${this.#where}: the interface is down`, remedy);
    }
  }

  /** The error that the socket has met since it was last asked, or 0. ENETDOWN: the link went down. */
  takeError(): number {
    return this.#get(SOL_SOCKET, SO_ERROR, 1, 'reading its error')[0] ?? 0;
  }

  /** Whether the interface that it was bound to is no more (or is in another namespace now). */
  interfaceIsGone(): boolean {
    const address = new Uint8Array(SOCKADDR_LL_BYTES);
    const length = Uint32Array.of(address.length);
    if (this.#libc.getsockname(this.descriptor, address, length) !== 0) {
      throw this.#fault('reading its address');
    }
    return new Int32Array(address.buffer)[1] !== this.#index;
  }

  /** struct tpacket_stats_v3; reading it sets the kernel's counts to 0. */
  takeLosses(): Losses {
    const [, drops = 0, freezes = 0] = this.#get(
      SOL_PACKET,
      PACKET_STATISTICS,
      3,
      'reading counts',
    );
    return { drops, freezes };
  }

  /**
   * Gives everything back. Views of the ring stay readable, but show zeros: whoever kept a frame that
   * was only lent must not crash the process.
   */
  async close(): Promise<void> {
    const ring = this.#ring;
    this.#ring = undefined;
    if (ring) {
      const { address, length, memory } = ring;
      const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
      this.#libc.mmap(address, length, PROT_READ_WRITE, flags, -1);
      const libc = this.#libc;
      standIns.register(memory, () => libc.munmap(address, length));
    }
    await this.#libc.close(this.descriptor);
  }

  #interfaceIndex(namespace: string): number {
    const request = this.#interfaceRequest(SIOCGIFINDEX);
    if (request) return new Int32Array(request.buffer)[IFNAMSIZ / 4] ?? 0;
    if (this.#libc.lastError() !== ENODEV) throw this.#fault('looking for the interface');
    const there = interfacesIn(this.#libc, namespace, this.#where);
    const message = `${this.#where}: there is no interface "${this.interfaceName}"`;
    throw new StalesumError('usage', message, `interfaces: ${there.join(', ')}`);
  }

  #hardwareType(): number {
    const request = this.#interfaceRequest(SIOCGIFHWADDR);
    if (!request) throw this.#fault('asking for the kind of the interface');
    return new Uint16Array(request.buffer)[IFNAMSIZ / 2] ?? 0;
  }

  /** The kernel's answer about the interface; undefined if it has none. */
  #interfaceRequest(request: number): Uint8Array<ArrayBuffer> | undefined {
    const bytes = new Uint8Array(IFREQ_BYTES);
    // A longer name cannot be that of an interface, but its beginning could.
    const name = new TextEncoder().encode(this.interfaceName);
    if (name.length === 0 || name.length >= IFNAMSIZ || name.includes(0)) {
      const message = `${this.#where}: "${this.interfaceName}" cannot be the name of an interface`;
      throw new StalesumError('usage', message);
    }
    bytes.set(name);
    return this.#libc.ioctl(this.descriptor, request, bytes) === 0 ? bytes : undefined;
  }

  #set(option: number, values: readonly number[], doing: string): void {
    const value = Uint32Array.from(values);
    const failed = this.#libc.setsockopt(
      this.descriptor,
      SOL_PACKET,
      option,
      value,
      value.byteLength,
    );
    if (failed !== 0) throw this.#fault(doing);
  }

  #get(level: number, option: number, words: number, doing: string): Uint32Array {
    const value = new Uint32Array(words);
    const length = Uint32Array.of(value.byteLength);
    if (this.#libc.getsockopt(this.descriptor, level, option, value, length) !== 0) {
      throw this.#fault(doing);
    }
    return value;
  }

  #fault(doing: string): StalesumError {
    return systemFault(this.#libc, this.#where, doing);
  }
}

/**
 * A packet socket in a network namespace, not bound to anything: it takes no packet.
 *
 * @throws StalesumError `not-permitted`, `missing-tool`, or `usage` if there is no such namespace
 */
export function openPacketSocket(libc: Libc, namespace: string, where: string): number {
  return inNetworkNamespace(libc, namespace, where, () => {
    const descriptor = libc.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (descriptor < 0) throw systemFault(libc, where, 'opening a packet socket');
    return descriptor;
  });
}

/** From if_arp.h to https://www.tcpdump.org/linktypes.html. */
function linkTypeOf(hardware: number, where: string): number {
  switch (hardware) {
    case ARPHRD_ETHER:
    case ARPHRD_LOOPBACK:
      return LINKTYPE_ETHERNET;
    case ARPHRD_RAWIP:
    case ARPHRD_NONE:
      return LINKTYPE_RAW;
    default:
      throw new StalesumError(
        'usage',
        `${where}: an interface of hardware type ${hardware} is not captured by the ring engine`,
        'capture with --engine tcpdump',
      );
  }
}

/** Names of the interfaces in a namespace, from /proc/net/dev. */
function interfacesIn(libc: Libc, namespace: string, where: string): string[] {
  const table = inNetworkNamespace(libc, namespace, where, () =>
    readFileSync('/proc/thread-self/net/dev', 'utf8'),
  );
  return [...table.matchAll(/^\s*(\S+):/gm)].map(([, name]) => name as string);
}
