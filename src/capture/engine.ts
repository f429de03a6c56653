/**
 * Live captures behind one interface, whatever takes them. A capture is *ready* only when the kernel
 * already hands it packets, and it counts what it lost: silence on one that is not, or that dropped,
 * is no evidence.
 */
import type { FrameVisitor } from '../capture-file/frame.js';
import type { Node } from '../node/node.js';
import type { CaptureFilter } from './filter.js';

/** What a user can ask for. `auto`: the ring where this process can enter the node, else tcpdump. */
export const ENGINE_CHOICES = ['auto', 'ring', 'tcpdump', 'pcap'] as const;
export type EngineChoice = (typeof ENGINE_CHOICES)[number];
export type EngineName = Exclude<EngineChoice, 'auto'>;

export interface CaptureRequest {
  readonly node: Node;
  readonly interface: string;
  readonly filter: CaptureFilter;
  /**
   * Called for each frame, with its time in nanoseconds, and its direction where the engine knows. What
   * it throws ends the visits, and is what `stop` rejects with.
   */
  readonly onFrame: FrameVisitor;
}

export interface CaptureStatistics {
  /** LINKTYPE_* of the interface. */
  readonly linkType: number;
  readonly frames: number;
  /** Packets that passed the filter and were lost before they could be read. */
  readonly kernelDrops: number;
  /** How often the kernel found no room; each packet that it cost is among the drops. Ring only. */
  readonly freezes?: number;
  /**
   * Why frames may be missing that nobody counted as lost: the interface went down or away, or what
   * captured ended early. Absent where the capture went through.
   */
  readonly interruption?: string;
}

export interface LiveCapture {
  /** The counts so far, where the engine can tell them before the end. @throws what a visitor threw */
  counts?(): CaptureStatistics;
  /** Goes on with another filter, without a gap; where the engine can. */
  refilter?(filter: CaptureFilter): void;
  /** Ends the capture once everything that was on the wire before was handed on. */
  stop(): Promise<CaptureStatistics>;
}

export interface CaptureEngine {
  readonly name: EngineName;
  /**
   * Starts a capture; resolves when it is ready.
   *
   * The interface is not made promiscuous: a tool that diagnoses leaves the link as it is, and what the
   * tunnel sends and receives passes it anyway.
   *
   * @throws StalesumError `missing-tool` or `not-permitted`, with the way out; `usage` for an interface
   *   that is not there, is down, or is of a kind that cannot be captured
   */
  start(request: CaptureRequest): Promise<LiveCapture>;
}

/** What packets get to come out of the kernel's queues before a capture is ended. Milliseconds. */
export const LINGER_MILLISECONDS = 20;

/** How a capture is called in messages: `node-a/eth0`. */
export function captureName({
  node,
  interface: device,
}: {
  readonly node: Pick<Node, 'name'>;
  readonly interface: string;
}): string {
  return `${node.name}/${device}`;
}
