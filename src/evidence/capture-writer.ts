/** Writes a live capture to disk as it comes, as pcapng: nothing is analysed that is not saved. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { type CapturedFrame, emptyFrame } from '../capture-file/frame.js';
import {
  enhancedPacketBlockLength,
  interfaceDescriptionBlock,
  interfaceStatisticsBlock,
  sectionHeaderBlock,
  writeEnhancedPacket,
} from '../capture-file/pcapng-writer.js';
import { messageOf, StalesumError } from '../errors.js';
import { TOOL } from '../version.js';
import { blankPayload } from '../wire/blank-payload.js';
import { emptyPacket } from '../wire/packet.js';

export interface WrittenInterface {
  readonly name: string;
  readonly description: string;
  readonly filter: string;
}

export interface CaptureWriterOptions {
  /** Where not to be blanked: payload as it was captured. */
  readonly keepPayload: boolean;
  /** UDP ports of tunnels: payload there is that of the packet inside. */
  readonly tunnelPorts: ReadonlySet<number>;
  /** Told once, as soon as the disk takes no more. */
  readonly onFault: (fault: StalesumError) => void;
}

export const BLANKED_COMMENT =
  'Payload was left out when this was captured: zeros stand for it, but for one word that keeps every checksum as right or wrong as it was.';

/** Bytes held at most before they are written; else frames of one turn of the event loop are one write. */
const HELD_BYTES = 1 << 20;

export class CaptureWriter {
  readonly #path: string;
  readonly #interface: WrittenInterface;
  readonly #descriptor: number;
  readonly #options: CaptureWriterOptions;
  readonly #packet = emptyPacket();
  /** The frame as it is written. */
  readonly #blanked = emptyFrame();
  #bytes = new Uint8Array(HELD_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #held = 0;
  #described = false;
  #scheduled = false;
  #fault: StalesumError | undefined;

  /** @throws StalesumError `write-failed` if the file cannot be made */
  constructor(path: string, described: WrittenInterface, options: CaptureWriterOptions) {
    this.#path = path;
    this.#interface = described;
    this.#options = options;
    try {
      this.#descriptor = openSync(path, 'wx');
    } catch (thrown) {
      throw this.#failed(thrown);
    }
    const application = `${TOOL.name} ${TOOL.version}`;
    const comment = options.keepPayload ? {} : { comment: BLANKED_COMMENT };
    this.#hold(sectionHeaderBlock({ application, ...comment }));
    // At once: a file without a header would be no capture, whatever ends the run.
    this.#flush();
  }

  /** Takes one frame. A failure to write is told by `end`. */
  readonly visit = (frame: CapturedFrame): void => {
    this.#describe(frame.linkType);
    const written = this.#options.keepPayload ? frame : this.#blank(frame);
    this.#makeRoom(enhancedPacketBlockLength(written));
    this.#held = writeEnhancedPacket(this.#bytes, this.#view, this.#held, 0, written);
    this.#schedule();
  };

  /** A copy without payload: the frame's own bytes are others' to read, and may be the kernel's. */
  #blank(frame: CapturedFrame): CapturedFrame {
    const { start, end, linkType, originalLength } = frame;
    const blanked = this.#blanked;
    const length = end - start;
    if (blanked.bytes.length < length) {
      blanked.bytes = new Uint8Array(Math.max(length, 2 * blanked.bytes.length));
      blanked.view = new DataView(blanked.bytes.buffer);
    }
    blanked.bytes.set(frame.bytes.subarray(start, end));
    blanked.seconds = frame.seconds;
    blanked.nanoseconds = frame.nanoseconds;
    blanked.direction = frame.direction;
    blanked.originalLength = originalLength;
    blanked.end = blankPayload(
      blanked.bytes,
      blanked.view,
      0,
      length,
      linkType,
      originalLength,
      this.#options.tunnelPorts,
      this.#packet,
    );
    return blanked;
  }

  /** Writes what is left and the statistics, and closes. @throws StalesumError `write-failed` */
  end(linkType: number, kernelDrops: number, received: number): void {
    this.#describe(linkType);
    const now = Date.now();
    const at = { seconds: Math.floor(now / 1000), nanoseconds: (now % 1000) * 1e6 };
    this.#hold(interfaceStatisticsBlock(0, at, { received, kernelDrops }));
    this.#flush();
    closeSync(this.#descriptor);
    if (this.#fault) throw this.#fault;
  }

  /** The link type is known with the first frame, or at the end if there was none. */
  #describe(linkType: number): void {
    if (this.#described) return;
    this.#described = true;
    this.#hold(interfaceDescriptionBlock({ linkType, ...this.#interface }));
  }

  #hold(block: Uint8Array): void {
    this.#makeRoom(block.length);
    this.#bytes.set(block, this.#held);
    this.#held += block.length;
    this.#schedule();
  }

  #makeRoom(length: number): void {
    if (this.#held + length <= this.#bytes.length) return;
    this.#flush();
    if (length > this.#bytes.length) {
      this.#bytes = new Uint8Array(length);
      this.#view = new DataView(this.#bytes.buffer);
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const end = this.#held;
    this.#held = 0;
    if (this.#fault) return;
    try {
      for (let at = 0; at < end; ) {
        at += writeSync(this.#descriptor, this.#bytes, at, end - at);
      }
    } catch (thrown) {
      this.#fault = this.#failed(thrown);
      this.#options.onFault(this.#fault);
    }
  }

  #failed(thrown: unknown): StalesumError {
    return new StalesumError('write-failed', `${this.#path}: ${messageOf(thrown)}`);
  }
}
