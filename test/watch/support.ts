/** A detector whose findings are collected, for frames that tests build. */
import type { CapturedFrame } from '../../src/capture-file/frame.js';
import { DatagramCounts } from '../../src/watch/counts.js';
import { Detector, type DetectorLimits } from '../../src/watch/detector.js';
import type { FindingEvent, WatchEvent } from '../../src/watch/events.js';
import type { FlowKind } from '../../src/watch/flow-memory.js';
import { capturedFrame } from '../support/frames.js';
import type { Bytes } from '../support/packet-builder.js';

export const PORTS: ReadonlySet<number> = new Set([4789, 8472, 6081]);

/** @param untold so many flows are not to be told */
export function watching(limits: DetectorLimits = {}, untold = 0) {
  const events: WatchEvent[] = [];
  const kept: FlowKind[] = [];
  const counts = new DatagramCounts();
  const output = {
    emit: (event: WatchEvent) => events.push(event),
    mayTell: () => untold-- <= 0,
    keep: (_frame: CapturedFrame, _flow: unknown, _judgement: unknown, kind: FlowKind) =>
      kept.push(kind),
  };
  const detector = new Detector(PORTS, output, limits);
  let number = 0;
  const take = (bytes: Bytes, more: Partial<CapturedFrame> = {}, name = 'eth0') => {
    const frame = capturedFrame({ bytes, at: number }, ++number);
    return detector.take(name, { ...frame, direction: 'out', ...more }, counts);
  };
  const findings = () => events.filter((event): event is FindingEvent => 'checksum' in event);
  const of = (kind: WatchEvent['event']) => events.filter(({ event }) => event === kind);
  return { detector, take, events, findings, of, counts, kept };
}
