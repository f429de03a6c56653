/**
 * One captured frame, as readers and live engines hand it on.
 *
 * There is one object a reader and it is filled again for every frame, so that reading a million
 * packets allocates nothing: a visitor copies what it wants to keep before it returns.
 */
export interface CapturedFrame {
  /** The buffer that holds the frame, and a view over exactly the same bytes (same offsets). */
  bytes: Uint8Array;
  view: DataView;
  /** Captured bytes are `[start, end)` of the buffer. */
  start: number;
  end: number;
  /** Length of the frame on the wire, in bytes; more than `end - start` where it was cut (snaplen). */
  originalLength: number;
  /** LINKTYPE_* number of https://www.tcpdump.org/linktypes.html. */
  linkType: number;
  /** Capture time since the epoch: whole seconds, and nanoseconds 0-999999999. */
  seconds: number;
  nanoseconds: number;
  /** Frame number as Wireshark shows it: 1 is the first frame of the file. */
  number: number;
  /** Index of the interface in the file (pcap: always 0), counted over all sections. */
  interfaceIndex: number;
  direction: FrameDirection;
  /** Which file of a rotated set the frame is in, and `number` counts in; absent for a single file. */
  file?: string | undefined;
  /**
   * Whether the kernel still owes the packet a checksum, as it said when it captured it (offload; with a
   * tunnel and offload it speaks of the inner one). Only the live engine `ring` is told.
   */
  checksumPending?: boolean | undefined;
}

/** Seen from the interface that captured; `unknown` where the source does not tell. */
export type FrameDirection = 'in' | 'out' | 'unknown';

/** Called once a frame, in file order. The frame is valid only until it returns. */
export type FrameVisitor = (frame: CapturedFrame) => void;

/** A frame object to be filled by a reader. */
export function emptyFrame(): CapturedFrame {
  const bytes = new Uint8Array(0);
  return {
    bytes,
    view: new DataView(bytes.buffer),
    start: 0,
    end: 0,
    originalLength: 0,
    linkType: 0,
    seconds: 0,
    nanoseconds: 0,
    number: 0,
    interfaceIndex: 0,
    direction: 'unknown',
    file: undefined,
    checksumPending: undefined,
  };
}
