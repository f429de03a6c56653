/** Writes a live capture to disk as it comes, as pcapng: nothing is analysed that is not saved. */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { CapturedFrame } from '../capture-file/frame.js';
import {
  enhancedPacketBlockLength,
  interfaceDescriptionBlock,
  interfaceStatisticsBlock,
  sectionHeaderBlock,
  writeEnhancedPacket,
} from '../capture-file/pcapng-writer.js';
import { messageOf, StalesumError } from '../errors.js';
import { TOOL } from '../version.js';
import { BLANKED_COMMENT, BlankedCopy } from './blanked-copy.js';

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

/** Bytes held at most before they are written; else frames of one turn of the event loop are one write. */
const HELD_BYTES = 1 << 20;

export class CaptureWriter {
  readonly #path: string;
  readonly #interface: WrittenInterface;
  readonly #descriptor: number;
  readonly #options: CaptureWriterOptions;
  readonly #blanked: BlankedCopy;
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
    this.#blanked = new BlankedCopy(options.tunnelPorts);
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
    const written = this.#options.keepPayload ? frame : this.#blanked.of(frame);
    this.#makeRoom(enhancedPacketBlockLength(written));
    this.#held = writeEnhancedPacket(this.#bytes, this.#view, this.#held, 0, written);
    this.#schedule();
  };

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
