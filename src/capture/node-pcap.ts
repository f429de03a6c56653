/**
 * What is used of node-pcap (npm: pcap), an optional dependency that is compiled on request. Its own
 * class polls the descriptor of the capture, and cannot stop doing so while the link is idle: libpcap
 * tells the end of a loop only with the next packet, and until then the process cannot end. So the
 * binding underneath is used, which only reads when it is told to.
 */
import { createRequire } from 'node:module';
import { messageOf, StalesumError } from '../errors.js';

/** pcap_session.cc */
export interface PcapBinding {
  readonly PcapSession: new () => PcapSession;
}

export interface PcapSession {
  /**
   * @param bufferTimeout Milliseconds after which packets are handed over.
   * @param onPacket Called within `dispatch` for each packet, once it is in the two buffers.
   * @returns The name of the link type, or `Unknown linktype N`.
   */
  open_live(
    device: string,
    filter: string,
    bufferBytes: number,
    snapLength: number,
    outputFile: '',
    onPacket: () => void,
    monitor: boolean,
    bufferTimeout: number,
    onWarning: (text: string) => void,
    promiscuous: boolean,
  ): string;
  /**
   * Reads what there is. The header gets seconds, microseconds, captured and original length, u32 each,
   * in the machine's byte order.
   *
   * @returns 0; -2 if the session was told to close, and is closed now: it must not be used again.
   */
  dispatch(frame: Buffer, header: Buffer): number;
  /** Tells the session to close; a `dispatch` that meets a packet then does it. */
  close(): void;
  stats(): { readonly ps_drop: number; readonly ps_ifdrop: number };
}

export const DISPATCH_CLOSED = -2;

/** @throws StalesumError `missing-tool` if it is not installed, or not built */
export function loadNodePcap(): PcapBinding {
  const require = createRequire(import.meta.url);
  try {
    return require('pcap/build/Release/pcap_binding.node') as PcapBinding;
  } catch (thrown) {
    throw new StalesumError(
      'missing-tool',
      `the pcap engine's module cannot be loaded: ${messageOf(thrown).replace(/ Require stack:.*/, '')}`,
      'build it, with g++ and libpcap-dev at hand: npm rebuild pcap --ignore-scripts=false',
    );
  }
}
