/**
 * Live captures behind one interface, whatever takes them. A capture is *ready* only when the kernel
 * already hands it packets, and it counts what it lost: silence on one that is not, or that dropped,
 * is no evidence.
 */
import type { FrameVisitor } from '../capture-file/frame.js';
import type { Node } from '../node/node.js';

export interface CaptureRequest {
  readonly node: Node;
  readonly interface: string;
  /** What to capture, in the language of pcap-filter(7); empty is everything. */
  readonly filter: string;
  /** Called for each frame, with its time in nanoseconds, and its direction where the engine knows. */
  readonly onFrame: FrameVisitor;
}

export interface CaptureStatistics {
  /** LINKTYPE_* of the interface. */
  readonly linkType: number;
  readonly frames: number;
  /** Packets that passed the filter and were lost before they could be read. */
  readonly kernelDrops: number;
}

export interface LiveCapture {
  /** Ends the capture once everything the kernel has taken was handed on. */
  stop(): Promise<CaptureStatistics>;
}

export interface CaptureEngine {
  readonly name: 'tcpdump';
  /**
   * Starts a capture; resolves when it is ready.
   *
   * @throws StalesumError `missing-tool` or `not-permitted`, with the way out
   */
  start(request: CaptureRequest): Promise<LiveCapture>;
}
