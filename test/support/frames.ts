/** Frames in memory: for the wire walk, and as captures for the analysis. */
import { CaptureObserver } from '../../src/analysis/capture-observer.js';
import type { CaptureInput, Layer, Side } from '../../src/analysis/input.js';
import type { CapturedFrame } from '../../src/capture-file/frame.js';
import { emptyFinding, judgePacket, type SegmentFinding } from '../../src/wire/checksum-state.js';
import {
  DEFAULT_TUNNEL_PORTS,
  emptyPacket,
  type Packet,
  walkPacket,
} from '../../src/wire/packet.js';
import type { Bytes } from './packet-builder.js';

export const ETHERNET = 1;

/** What the walk and the judgement made of one frame. */
export interface Walked {
  readonly kind: Packet['kind'];
  readonly packet: Packet;
  readonly inner: SegmentFinding;
  readonly outer: SegmentFinding;
  readonly view: DataView;
}

/**
 * Walks and judges a frame that lies in the middle of a buffer full of `around`: a reader that looks
 * beyond the frame's ends sees something else with every value of it.
 */
export function walk(frame: Bytes, linkType = ETHERNET, around = 0xa5, before = 7): Walked {
  const bytes = new Uint8Array(before + frame.length + 64).fill(around);
  bytes.set(frame, before);
  const view = new DataView(bytes.buffer);
  const packet = emptyPacket();
  const inner = emptyFinding();
  const outer = emptyFinding();
  const end = before + frame.length;
  const kind = walkPacket(view, before, end, linkType, DEFAULT_TUNNEL_PORTS, packet);
  if (kind !== 'none') judgePacket(view, packet, inner, outer);
  return { kind, packet, inner, outer, view };
}

/** A frame of a capture, before it has a number. */
export interface TimedFrame {
  readonly bytes: Bytes;
  /** Seconds after the capture's first moment. */
  readonly at: number;
  /** Length on the wire, where the capture cut it. */
  readonly originalLength?: number;
}

const EPOCH_SECONDS = 1_795_000_000;

/** The capture's time as conntrack prints it. */
export function conntrackTime(at: number): string {
  return (EPOCH_SECONDS + at).toFixed(6);
}

export function capturedFrame(
  frame: TimedFrame,
  number: number,
  linkType = ETHERNET,
): CapturedFrame {
  const bytes = Uint8Array.from(frame.bytes);
  const whole = Math.floor(frame.at);
  return {
    bytes,
    view: new DataView(bytes.buffer),
    start: 0,
    end: bytes.length,
    originalLength: frame.originalLength ?? bytes.length,
    linkType,
    seconds: EPOCH_SECONDS + whole,
    nanoseconds: Math.round((frame.at - whole) * 1e9),
    number,
    interfaceIndex: 0,
    direction: 'unknown',
  };
}

export interface CaptureOptions {
  readonly node?: string;
  readonly layer?: Layer;
  readonly side?: Side;
  readonly kernelDrops?: number;
  readonly truncated?: { offset: number; reason: string };
}

/** A capture of these frames, in the order given, as the analysis takes it. */
export function capture(
  name: string,
  frames: readonly TimedFrame[],
  options: CaptureOptions = {},
): CaptureInput {
  const observer = new CaptureObserver();
  frames.forEach((frame, index) => {
    observer.visit(capturedFrame(frame, index + 1));
  });
  return {
    name,
    node: options.node,
    layer: options.layer,
    side: options.side,
    interface: undefined,
    linkType: 'EN10MB',
    kernelDrops: options.kernelDrops,
    truncated: options.truncated ?? null,
    sha256: undefined,
    observation: observer.result(),
  };
}
