/**
 * The engine on libpcap in this process, by node-pcap; for whoever wants a second opinion on the ring.
 * Its times are microseconds, and it tells neither directions nor pending checksums.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { emptyFrame, type FrameVisitor } from '../capture-file/frame.js';
import { viewOf } from '../capture-file/view.js';
import { messageOf, StalesumError } from '../errors.js';
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL, LINKTYPE_RAW } from '../wire/link-layer.js';
import {
  type CaptureEngine,
  type CaptureRequest,
  type CaptureStatistics,
  captureName,
  LINGER_MILLISECONDS,
  type LiveCapture,
} from './engine.js';
import { loadLibc } from './libc.js';
import { inNetworkNamespace } from './network-namespace.js';
import { DISPATCH_CLOSED, loadNodePcap, type PcapSession } from './node-pcap.js';
import { pcapFilterText } from './pcap-filter.js';

const BUFFER_BYTES = 16 * 1024 * 1024;
const SNAP_LENGTH = 262_144;
const HEADER_BYTES = 16;

/** After so long libpcap is handed what the kernel has. Milliseconds. */
const BUFFER_TIMEOUT = 20;
/** How often it is asked for it. Milliseconds. */
const READ_PAUSE = 20;
/** How often a session that is to close is asked whether it can now. Milliseconds. */
const CLOSE_PAUSE = 200;

const LINK_TYPES: ReadonlyMap<string, number> = new Map([
  ['LINKTYPE_ETHERNET', LINKTYPE_ETHERNET],
  ['LINKTYPE_RAW', LINKTYPE_RAW],
  ['LINKTYPE_LINUX_SLL', LINKTYPE_LINUX_SLL],
]);

export const pcap: CaptureEngine = { name: 'pcap', start };

async function start(request: CaptureRequest): Promise<LiveCapture> {
  const { networkNamespace } = request.node;
  const where = captureName(request);
  if (networkNamespace === undefined) {
    throw new StalesumError('usage', `${where}: the pcap engine captures only on this machine`);
  }
  const { PcapSession } = loadNodePcap();
  const libc = await loadLibc();
  return inNetworkNamespace(libc, networkNamespace, where, () => {
    const session = new PcapSession();
    return new PcapCapture(session, request, where);
  });
}

class PcapCapture implements LiveCapture {
  readonly #session: PcapSession;
  readonly #visit: FrameVisitor;
  readonly #bytes = Buffer.alloc(SNAP_LENGTH);
  readonly #header = Buffer.alloc(HEADER_BYTES);
  readonly #words = new Uint32Array(this.#header.buffer, this.#header.byteOffset, HEADER_BYTES / 4);
  readonly #frame = emptyFrame();
  readonly #timer: NodeJS.Timeout;
  #failure: { readonly thrown: unknown } | undefined;
  #ended: Promise<CaptureStatistics> | undefined;
  #closing = false;

  /** Opens the session: must be called in the network namespace of the interface. */
  constructor(session: PcapSession, request: CaptureRequest, where: string) {
    this.#session = session;
    this.#visit = request.onFrame;
    this.#frame.bytes = this.#bytes;
    this.#frame.view = viewOf(this.#bytes);
    this.#frame.linkType = this.#open(request, where);
    this.#timer = setInterval(() => this.#read(), READ_PAUSE);
  }

  stop(): Promise<CaptureStatistics> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  #open(request: CaptureRequest, where: string): number {
    let name: string;
    try {
      name = this.#session.open_live(
        request.interface,
        pcapFilterText(request.filter),
        BUFFER_BYTES,
        SNAP_LENGTH,
        '',
        () => this.#take(),
        false,
        BUFFER_TIMEOUT,
        // It warns of interfaces without an IPv4 address, which matters to no filter of ours.
        () => undefined,
        false,
      );
    } catch (thrown) {
      throw refusal(where, messageOf(thrown));
    }
    const linkType = LINK_TYPES.get(name);
    if (linkType !== undefined) return linkType;
    this.#close();
    throw new StalesumError('usage', `${where}: the pcap engine does not know link type ${name}`);
  }

  #read(): number {
    return this.#session.dispatch(this.#bytes, this.#header);
  }

  /** One packet; what is thrown here would end the process. */
  #take(): void {
    if (this.#failure || this.#closing) return;
    const frame = this.#frame;
    const [seconds = 0, microseconds = 0, captured = 0, original = 0] = this.#words;
    frame.seconds = seconds;
    frame.nanoseconds = microseconds * 1000;
    frame.end = captured;
    frame.originalLength = original;
    frame.number++;
    try {
      this.#visit(frame);
    } catch (thrown) {
      this.#failure = { thrown };
    }
  }

  async #end(): Promise<CaptureStatistics> {
    // What was on the wire comes out of the kernel's queues, and is handed over at the timeout. The
    // timer of it runs for a block, so the last packets may have to wait for two.
    await sleep(LINGER_MILLISECONDS + 3 * BUFFER_TIMEOUT);
    clearInterval(this.#timer);
    this.#read();
    const { ps_drop, ps_ifdrop } = this.#session.stats();
    this.#close();
    if (this.#failure) throw this.#failure.thrown;
    return {
      linkType: this.#frame.linkType,
      frames: this.#frame.number,
      kernelDrops: ps_drop + ps_ifdrop,
    };
  }

  /** Closed with the next packet, whenever that comes; nothing waits for it. */
  #close(): void {
    this.#closing = true;
    this.#session.close();
    const timer = setInterval(() => {
      if (this.#read() === DISPATCH_CLOSED) clearInterval(timer);
    }, CLOSE_PAUSE);
    timer.unref();
  }
}

function refusal(where: string, words: string): StalesumError {
  const message = `${where}: libpcap does not capture: ${words}`;
  if (/permission|not permitted/i.test(words)) {
    const remedy = 'capturing needs root, or CAP_NET_RAW in the network namespace';
    return new StalesumError('not-permitted', message, remedy);
  }
  return new StalesumError(/no such device|is not up/i.test(words) ? 'usage' : 'internal', message);
}
