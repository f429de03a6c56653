/**
 * The engine for network namespaces that this process can enter itself: the kernel writes packets into
 * memory that we share with it, and says of each its direction and whether a checksum is still owed.
 * One process captures in several namespaces so, with no thread and no process for any of them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FrameVisitor } from '../capture-file/frame.js';
import { StalesumError } from '../errors.js';
import type { Node } from '../node/node.js';
import { bpfProgram, NOTHING } from './bpf-filter.js';
import {
  type CaptureEngine,
  type CaptureRequest,
  type CaptureStatistics,
  captureName,
  LINGER_MILLISECONDS,
  type LiveCapture,
} from './engine.js';
import type { CaptureFilter } from './filter.js';
import { ENETDOWN, type Libc, loadLibc, type PollHandle } from './libc.js';
import {
  type MappedRing,
  openPacketSocket,
  PacketSocket,
  type RingShape,
} from './packet-socket.js';
import {
  BlockWalker,
  giveBack,
  isHandedOver,
  packetsIn,
  type RingMemory,
  ringMemory,
} from './ring-block.js';

/**
 * 16 MiB an interface: at 100,000 packets of 1500 bytes a second, a tenth of a second in which nobody
 * reads. Many blocks rather than large ones, since each timeout uses one up: at 20 ms they last for
 * two and a half seconds. A block is larger than the largest packet of offload (64 KiB).
 */
const SHAPE: RingShape = { blockBytes: 128 * 1024, blocks: 128, retireMilliseconds: 20 };

/** Blocks visited before the event loop gets its turn. */
const BLOCKS_A_TURN = 16;

/**
 * While packets come, the ring is looked at so often, and not each time a block is full: to be woken
 * costs more than to walk a block. Milliseconds.
 */
const BUSY_PAUSE = 10;

/** How often a capture that is to end looks for its last block. Milliseconds. */
const LAST_BLOCK_PAUSE = 2;
/** What the kernel gets, beyond the timeout, to hand over the last block. Milliseconds. */
const LAST_BLOCK_PATIENCE = 5000;

/** All that the ring needs of a node is its network namespace: it runs no command there. */
export type RingRequest = Omit<CaptureRequest, 'node'> & { readonly node: RingPlace };
export type RingPlace = Pick<Node, 'name' | 'networkNamespace'>;

export const ring: CaptureEngine = ringEngine();

/** A ring of another size than usual. */
export function ringEngine(shape: Partial<RingShape> = {}): CaptureEngine {
  return { name: 'ring', start: request => start(request, { ...SHAPE, ...shape }) };
}

/** Why the ring cannot capture on a node; undefined where it can. */
export async function ringRefusal(node: Node): Promise<StalesumError | undefined> {
  try {
    const libc = await loadLibc();
    await libc.close(openPacketSocket(libc, namespaceOf(node), node.name));
    return undefined;
  } catch (fault) {
    if (fault instanceof StalesumError) return fault;
    throw fault;
  }
}

/** @throws StalesumError as `CaptureEngine.start` */
export function startRing(
  request: RingRequest,
  shape: Partial<RingShape> = {},
): Promise<Required<LiveCapture>> {
  return start(request, { ...SHAPE, ...shape });
}

async function start(request: RingRequest, shape: RingShape): Promise<Required<LiveCapture>> {
  const libc = await loadLibc();
  const where = captureName(request);
  const socket = new PacketSocket(libc, namespaceOf(request.node), where, request.interface);
  try {
    const mapped = socket.mapRing(shape);
    // Before it is bound: nothing that the filter keeps out must slip in.
    socket.attach(bpfProgram(request.filter, socket.linkType));
    socket.bind();
    return new RingCapture(libc, socket, mapped, request.onFrame);
  } catch (fault) {
    await socket.close();
    throw fault;
  }
}

function namespaceOf({ name, networkNamespace }: RingPlace): string {
  if (networkNamespace === undefined) {
    throw new StalesumError(
      'usage',
      `${name}: the ring engine captures only on this machine, and this node is elsewhere`,
      'capture with --engine tcpdump',
    );
  }
  return networkNamespace;
}

class RingCapture implements Required<LiveCapture> {
  readonly #socket: PacketSocket;
  readonly #ring: MappedRing;
  readonly #memory: RingMemory;
  readonly #walker: BlockWalker;
  readonly #visit: FrameVisitor;
  readonly #poll: PollHandle;
  /** The block that the kernel hands over next. */
  #next = 0;
  #drops = 0;
  #freezes = 0;
  #interruption: string | undefined;
  #failure: { readonly thrown: unknown } | undefined;
  #ended: Promise<CaptureStatistics> | undefined;

  constructor(libc: Libc, socket: PacketSocket, mapped: MappedRing, visit: FrameVisitor) {
    this.#socket = socket;
    this.#ring = mapped;
    this.#memory = ringMemory(mapped.memory);
    this.#walker = new BlockWalker(this.#memory, socket.linkType, socket.isLoopback);
    this.#visit = visit;
    this.#poll = libc.poll(socket.descriptor, error => this.#wake(error));
  }

  counts(): CaptureStatistics {
    // Visits have ended: what is counted from here on nobody sees.
    if (this.#failure) throw this.#failure.thrown;
    if (this.#ended === undefined) this.#countLosses();
    return this.#statistics();
  }

  refilter(filter: CaptureFilter): void {
    // At its end it lets nothing in any more.
    if (this.#ended !== undefined) return;
    this.#socket.attach(bpfProgram(filter, this.#socket.linkType));
  }

  stop(): Promise<CaptureStatistics> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  /** Called out of the poll phase, where promises would not be served: the work is done right after it. */
  #wake(error: boolean): void {
    this.#poll.pause();
    setImmediate(() => this.#takeTurn(error));
  }

  #takeTurn(error = false): void {
    if (this.#ended !== undefined) return;
    if (error) this.#noteInterruption();
    const handed = this.#drain(BLOCKS_A_TURN);
    if (handed === 0) this.#poll.resume();
    else if (handed < BLOCKS_A_TURN) setTimeout(() => this.#takeTurn(), BUSY_PAUSE);
    else setImmediate(() => this.#takeTurn());
  }

  /** Looks for what happened to the interface. A link that is up again goes on where it was. */
  #noteInterruption(): void {
    const { interfaceName } = this.#socket;
    try {
      if (this.#socket.takeError() !== ENETDOWN) return;
      const how = this.#socket.interfaceIsGone() ? 'away' : 'down';
      this.#interruption = `the interface ${interfaceName} went ${how}`;
    } catch (thrown) {
      this.#failure ??= { thrown };
    }
  }

  /** Hands on what is ours, `limit` blocks at most; how many it were. */
  #drain(limit: number): number {
    const { blockBytes, blocks } = this.#ring;
    for (let count = 0; count < limit; count++) {
      const block = this.#next * blockBytes;
      if (!isHandedOver(this.#memory, block)) return count;
      this.#walk(block);
      giveBack(this.#memory, block);
      this.#next = (this.#next + 1) % blocks;
    }
    return limit;
  }

  #walk(block: number): void {
    if (this.#failure) return;
    try {
      this.#walker.walk(block, block + this.#ring.blockBytes, this.#visit);
    } catch (thrown) {
      this.#failure = { thrown };
    }
  }

  async #end(): Promise<CaptureStatistics> {
    this.#poll.close();
    try {
      await this.#handOnTheRest();
      this.#noteInterruption();
      this.#countLosses();
    } finally {
      await this.#socket.close();
    }
    if (this.#failure) throw this.#failure.thrown;
    return this.#statistics();
  }

  /**
   * What was on the wire before the stop may still be in a queue of the kernel's, so it gets a moment.
   * Then nothing more is let in, and the block that is being filled is handed over at its timeout.
   */
  async #handOnTheRest(): Promise<void> {
    const { blocks, blockBytes, retireMilliseconds } = this.#ring;
    const until = performance.now() + LINGER_MILLISECONDS;
    while (performance.now() < until) {
      await sleep(LAST_BLOCK_PAUSE);
      this.#drain(blocks);
    }
    this.#socket.attach(NOTHING);
    const deadline = performance.now() + retireMilliseconds + LAST_BLOCK_PATIENCE;
    do {
      await sleep(LAST_BLOCK_PAUSE);
      this.#drain(blocks);
      if (packetsIn(this.#memory, this.#next * blockBytes) === 0) return;
    } while (performance.now() < deadline);
    throw new StalesumError('internal', 'the kernel does not hand over the last packets');
  }

  #countLosses(): void {
    const { drops, freezes } = this.#socket.takeLosses();
    this.#drops += drops;
    this.#freezes += freezes;
  }

  #statistics(): CaptureStatistics {
    const interruption = this.#interruption;
    return {
      linkType: this.#socket.linkType,
      frames: this.#walker.frames,
      kernelDrops: this.#drops,
      freezes: this.#freezes,
      ...(interruption !== undefined && { interruption }),
    };
  }
}
