/** What a reading of a capture file tells beside its frames. */

/** `us` or `ns` magic, or the modified one: all are `pcap`. */
export type CaptureFormat = 'pcap' | 'pcapng';

/** An interface as the file describes it; what the file does not say is absent. */
export interface CaptureInterface {
  /** LINKTYPE_* number of https://www.tcpdump.org/linktypes.html. */
  readonly linkType: number;
  /** Most bytes captured of a frame; 0 is no limit. */
  readonly snapLength: number;
  readonly name?: string;
  readonly description?: string;
  readonly filter?: string;
  readonly os?: string;
  /**
   * Packets that the capture lost, by its own count: the last isb_ifdrop and isb_osdrop together, or
   * the sum of the packets' own drop counts where that is more.
   */
  readonly kernelDrops?: number;
  /** Packets that the interface received (isb_ifrecv). */
  readonly received?: number;
}

/** A comment of the file (opt_comment); `frame` is null where it is not about one frame. */
export interface CaptureComment {
  readonly frame: number | null;
  readonly text: string;
}

/** Where a reading had to stop: `offset` is that of the record at which it failed, in bytes. */
export interface Truncation {
  readonly offset: number;
  /** One line: what was expected and what was found. */
  readonly reason: string;
}

export interface CaptureFileSummary {
  readonly format: CaptureFormat;
  /** In the order of the file, over all sections: `CapturedFrame.interfaceIndex` counts in it. */
  readonly interfaces: readonly CaptureInterface[];
  /** Frames handed to the visitor. */
  readonly frames: number;
  /** Frames among them without a time (Simple Packet Blocks); theirs is 0 s. */
  readonly untimedFrames: number;
  /** Length of the file, bytes after damage included. */
  readonly bytes: number;
  readonly comments: readonly CaptureComment[];
  /** Comments that were too many or too long to be kept. */
  readonly commentsLeftOut: number;
  /** Null if the file was whole; otherwise every frame before it has been visited. */
  readonly truncated: Truncation | null;
  /** SHA-256 of the file's bytes, in hex; null where it was not asked for. */
  readonly sha256: string | null;
}
