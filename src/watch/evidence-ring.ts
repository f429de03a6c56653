/**
 * The frames that convict, on disk: pcapng files without payload, each frame with a comment that says what
 * is wrong with it. Files are rotated, and the oldest go when there is more than may be. What an earlier
 * watch left in the folder counts as well.
 *
 *     stalesum-watch-eth0_00001_20261123024952.pcapng
 *
 * Named as dumpcap names rotated sets, so that `stalesum analyze FOLDER` takes them for one capture.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { pcapFilterText } from '../capture/pcap-filter.js';
import type { CapturedFrame } from '../capture-file/frame.js';
import {
  enhancedPacketBlock,
  interfaceDescriptionBlock,
  sectionHeaderBlock,
} from '../capture-file/pcapng-writer.js';
import { messageOf, StalesumError } from '../errors.js';
import { BLANKED_COMMENT, BlankedCopy } from '../evidence/blanked-copy.js';
import { TOOL } from '../version.js';
import type { FlowKind, WatchedFlow } from './flow-memory.js';
import type { Judgement } from './judge.js';

/** The bound is shared out to so many files: when one goes, the others stay. */
const FILES = 8;
/** Frames kept of one flow: all its SYNs, and not all of a long transfer. */
export const FRAMES_A_FLOW = 16;
/** After the disk has refused, it is left in peace for so long. Milliseconds. */
const PEACE = 60_000;

const NAME = /^stalesum-watch-.+_(\d{5,})_\d{14}\.pcapng$/;

interface RingFile {
  readonly path: string;
  bytes: number;
}

interface OpenFile extends RingFile {
  readonly descriptor: number;
}

/** What is to be said on a frame. */
export type FrameComment = (judgement: Judgement, kind: FlowKind) => string;

export interface EvidenceOptions {
  readonly folder: string;
  /** Of all files together. */
  readonly mostBytes: number;
  readonly tunnelPorts: readonly number[];
  readonly comment: FrameComment;
  /** Told when the disk takes no more; the watch goes on without evidence for a while. */
  readonly onFault: (message: string) => void;
}

export class EvidenceRing {
  readonly #options: EvidenceOptions;
  readonly #blanked: BlankedCopy;
  /** The oldest first; those that are open are among them. */
  #files: RingFile[] = [];
  readonly #open = new Map<string, OpenFile>();
  #number = 0;
  #frames = 0;
  #written = 0;
  #peaceUntil = 0;

  /** @throws StalesumError `write-failed` if the folder cannot be made, read or written to */
  constructor(options: EvidenceOptions) {
    this.#options = options;
    this.#blanked = new BlankedCopy(new Set(options.tunnelPorts));
    const { folder } = options;
    try {
      if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
      const names = readdirSync(folder).filter(name => NAME.test(name));
      const numberOf = (name: string) => Number(NAME.exec(name)?.[1] ?? 0);
      names.sort((a, b) => numberOf(a) - numberOf(b));
      this.#files = names.map(name => {
        const path = join(folder, name);
        return { path, bytes: statSync(path).size };
      });
      this.#number = Math.max(0, ...names.map(numberOf));
      // Now, and not with the first finding, perhaps in a week.
      const probe = join(folder, `.stalesum-watch-${process.pid}`);
      closeSync(openSync(probe, 'wx', 0o600));
      rmSync(probe);
    } catch (thrown) {
      throw new StalesumError('write-failed', `${folder}: ${messageOf(thrown)}`);
    }
    this.#makeRoom();
  }

  /** Frames that were written, and bytes, since the start. */
  get written(): { readonly frames: number; readonly bytes: number } {
    return { frames: this.#frames, bytes: this.#written };
  }

  /** Bytes of all files there are. */
  get size(): number {
    return this.#files.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Keeps the frame, unless enough of its flow are kept. */
  keep(frame: CapturedFrame, flow: WatchedFlow, judgement: Judgement, kind: FlowKind): void {
    if (flow.kept >= FRAMES_A_FLOW || Date.now() < this.#peaceUntil) return;
    flow.kept++;
    try {
      const comment = this.#options.comment(judgement, kind);
      const block = enhancedPacketBlock(0, this.#blanked.of(frame), comment);
      this.#write(this.#fileOf(flow.interface, frame.linkType, block.length), block);
      this.#frames++;
    } catch (thrown) {
      this.#peaceUntil = Date.now() + PEACE;
      this.close();
      const text = `${this.#options.folder}: evidence cannot be written: ${messageOf(thrown)}`;
      this.#options.onFault(`${text}; trying again in ${PEACE / 1000} s`);
    }
  }

  /** Closes the files. */
  close(): void {
    for (const name of this.#open.keys()) this.#closeFile(name);
  }

  /** The file that takes the next frame of an interface. */
  #fileOf(interfaceName: string, linkType: number, length: number): OpenFile {
    const open = this.#open.get(interfaceName);
    const most = this.#options.mostBytes / FILES;
    if (open && open.bytes + length <= most) return open;
    if (open) this.#closeFile(interfaceName);
    const file = this.#newFile(interfaceName, linkType);
    this.#makeRoom();
    return file;
  }

  #newFile(interfaceName: string, linkType: number): OpenFile {
    const number = String(++this.#number).padStart(5, '0');
    const time = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
    // Names of interfaces may hold anything but a slash; those of files are read by people.
    const called = interfaceName.replace(/[^A-Za-z0-9.-]/g, '-');
    const path = join(this.#options.folder, `stalesum-watch-${called}_${number}_${time}.pcapng`);
    const file: OpenFile = { path, bytes: 0, descriptor: openSync(path, 'wx', 0o600) };
    this.#open.set(interfaceName, file);
    this.#files.push(file);
    const filter = pcapFilterText({ kind: 'checksummed', ports: this.#options.tunnelPorts });
    this.#write(
      file,
      Buffer.concat([
        sectionHeaderBlock({
          application: `${TOOL.name} ${TOOL.version}`,
          comment: `${BLANKED_COMMENT} Only datagrams with a wrong outer checksum were kept.`,
        }),
        interfaceDescriptionBlock({ linkType, name: interfaceName, filter }),
      ]),
    );
    return file;
  }

  #write(file: OpenFile, block: Uint8Array): void {
    for (let at = 0; at < block.length; ) {
      const count = writeSync(file.descriptor, block, at, block.length - at);
      at += count;
      file.bytes += count;
      this.#written += count;
    }
  }

  #closeFile(interfaceName: string): void {
    const file = this.#open.get(interfaceName);
    this.#open.delete(interfaceName);
    if (!file) return;
    try {
      closeSync(file.descriptor);
    } catch {
      // What was written is what there is.
    }
  }

  /** Takes away the oldest files, so that another one can grow to its full size. */
  #makeRoom(): void {
    const { mostBytes } = this.#options;
    const reserved = mostBytes / FILES;
    const isOpen = (file: RingFile) => [...this.#open.values()].includes(file as OpenFile);
    while (this.size > mostBytes - reserved) {
      const oldest = this.#files.find(file => !isOpen(file));
      if (!oldest) return;
      rmSync(oldest.path, { force: true });
      this.#files = this.#files.filter(file => file !== oldest);
    }
  }
}
