/** Redacts a capture file: each frame in its place, with its time, its length on the wire and its number. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { readCaptureFile } from '../../capture-file/file.js';
import type { CapturedFrame } from '../../capture-file/frame.js';
import { pcapHeader, pcapRecord } from '../../capture-file/pcap-writer.js';
import { blockType } from '../../capture-file/pcapng-format.js';
import {
  enhancedPacketBlock,
  interfaceDescriptionBlock,
  interfaceStatisticsBlock,
  sectionHeaderBlock,
} from '../../capture-file/pcapng-writer.js';
import type { CaptureFileSummary, CaptureInterface } from '../../capture-file/summary.js';
import type { WritableFrame } from '../../capture-file/writable-frame.js';
import { messageOf, StalesumError } from '../../errors.js';
import type { Instant } from '../../time.js';
import { TOOL } from '../../version.js';
import { FragmentPlan, fragmentOf } from './fragments.js';
import { type FrameRedaction, redactFrame } from './packet.js';

export interface RedactedCapture {
  readonly frames: number;
  /** Frames that carry nothing which is decoded; they came out as zeros. */
  readonly notUnderstood: number;
  /** Comments and blocks (names, secrets) that were left out. */
  readonly comments: number;
}

/** No capture file is shorter than the header of one. */
const SHORTEST_FILE = 24;

/**
 * Redacts a capture into a new file of the same format.
 *
 * @param redactWords what becomes of an interface's name and description
 * @throws StalesumError `bad-input` for what cannot be read, `write-failed`
 */
export async function redactCapture(
  path: string,
  target: string,
  redaction: FrameRedaction,
  redactWords: (text: string) => string,
): Promise<RedactedCapture> {
  const sink = new Sink(target);
  try {
    if ((await stat(path)).size < SHORTEST_FILE)
      return { frames: 0, notUnderstood: 0, comments: 0 };
    const plan = new FragmentPlan(redaction);
    const summary = await readCaptureFile(path, plan.learn, { sha256: false });
    plan.finish();
    const writer = writerFor(summary, sink, redactWords);
    let notUnderstood = 0;
    let index = 0;
    await readCaptureFile(
      path,
      frame => {
        const { bytes, understood } = redacted(frame, plan.redaction, plan.payloadOf(index++));
        if (!understood) notUnderstood++;
        writer.frame(frame, { ...frame, bytes, start: 0, end: bytes.length });
      },
      { sha256: false },
    );
    writer.end();
    return {
      frames: summary.frames,
      notUnderstood,
      comments: summary.comments.length + summary.commentsLeftOut,
    };
  } finally {
    sink.close();
  }
}

function redacted(
  frame: CapturedFrame,
  redaction: FrameRedaction,
  fragmentPayload: Uint8Array | undefined,
): { bytes: Uint8Array; understood: boolean } {
  const original = new Uint8Array(frame.bytes.subarray(frame.start, frame.end));
  const result = redactFrame(original, frame.linkType, frame.originalLength, redaction);
  const layer = fragmentPayload && fragmentOf(frame, redaction.tunnelPorts);
  if (layer) result.bytes.set(fragmentPayload, layer.fragmentable - frame.start);
  return result;
}

interface FileWriter {
  frame(original: CapturedFrame, redacted: WritableFrame): void;
  end(): void;
}

function writerFor(
  summary: CaptureFileSummary,
  sink: Sink,
  redactWords: (text: string) => string,
): FileWriter {
  return summary.format === 'pcap'
    ? pcapWriter(summary, sink)
    : pcapngWriter(summary, sink, redactWords);
}

/** Too few for a header: a file that was cut off stays one, since that is part of what it says. */
const CUT_OFF_LENGTH = 8;

function pcapWriter({ interfaces, truncated }: CaptureFileSummary, sink: Sink): FileWriter {
  const { linkType, snapLength } = interfaces[0]!;
  sink.write(pcapHeader({ linkType, snapLength }));
  return {
    frame: (_original, frame) => sink.write(pcapRecord(frame)),
    end: () => {
      if (truncated) sink.write(new Uint8Array(CUT_OFF_LENGTH));
    },
  };
}

function pcapngWriter(
  { interfaces, truncated }: CaptureFileSummary,
  sink: Sink,
  redactWords: (text: string) => string,
): FileWriter {
  sink.write(sectionHeaderBlock({ application: `${TOOL.name} ${TOOL.version} redact` }));
  for (const from of interfaces) sink.write(descriptionBlock(from, redactWords));
  let number = 0;
  let last: Instant = { seconds: 0, nanoseconds: 0 };
  return {
    frame: (original, frame) => {
      // Blocks without a packet that Wireshark counts: frames behind them keep their numbers.
      for (number++; number < original.number; number++) sink.write(placeholderBlock());
      last = { seconds: original.seconds, nanoseconds: original.nanoseconds };
      sink.write(enhancedPacketBlock(original.interfaceIndex, frame));
    },
    end: () => {
      for (const [index, { received, kernelDrops }] of interfaces.entries()) {
        if (received === undefined && kernelDrops === undefined) continue;
        const counted = {
          ...(received !== undefined && { received }),
          ...(kernelDrops !== undefined && { kernelDrops }),
        };
        sink.write(interfaceStatisticsBlock(index, last, counted));
      }
      if (truncated) sink.write(new Uint8Array(CUT_OFF_LENGTH));
    },
  };
}

/** What the interface is called; the system that it was part of is left out. */
function descriptionBlock(
  { linkType, snapLength, name, description, filter }: CaptureInterface,
  redactWords: (text: string) => string,
): Uint8Array {
  return interfaceDescriptionBlock({
    linkType,
    snapLength,
    ...(name !== undefined && { name: redactWords(name) }),
    ...(description !== undefined && { description: redactWords(description) }),
    ...(filter !== undefined && { filter: redactWords(filter) }),
  });
}

/** IANA's number for examples (RFC 5612). */
const EXAMPLE_ENTERPRISE = 32473;

/** A Custom Block with nothing in it. */
function placeholderBlock(): Uint8Array {
  const length = 16;
  const view = new DataView(new ArrayBuffer(length));
  view.setUint32(0, blockType.custom, true);
  view.setUint32(4, length, true);
  view.setUint32(8, EXAMPLE_ENTERPRISE, true);
  view.setUint32(12, length, true);
  return new Uint8Array(view.buffer);
}

const HELD_BYTES = 1 << 20;

/** A file that is written in large pieces, compressed (a gzip member each) if its name says so. */
class Sink {
  readonly #path: string;
  readonly #compress: boolean;
  readonly #descriptor: number;
  #held: Uint8Array[] = [];
  #length = 0;

  constructor(path: string) {
    this.#path = path;
    this.#compress = /\.gz$/i.test(path);
    this.#descriptor = this.#try(() => openSync(path, 'wx'));
  }

  write(bytes: Uint8Array): void {
    this.#held.push(bytes);
    this.#length += bytes.length;
    if (this.#length >= HELD_BYTES) this.#flush();
  }

  close(): void {
    try {
      this.#flush();
    } finally {
      closeSync(this.#descriptor);
    }
  }

  #flush(): void {
    if (this.#length === 0) return;
    const whole = Buffer.concat(this.#held);
    this.#held = [];
    this.#length = 0;
    const bytes = this.#compress ? gzipSync(whole) : whole;
    for (let at = 0; at < bytes.length; ) {
      at += this.#try(() => writeSync(this.#descriptor, bytes, at));
    }
  }

  #try<T>(action: () => T): T {
    try {
      return action();
    } catch (thrown) {
      throw new StalesumError('write-failed', `${this.#path}: ${messageOf(thrown)}`);
    }
  }
}
