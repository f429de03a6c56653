/** Captures of lasting flows, and what the two ways of reading find in them. */
import { CaptureObserver } from '../../src/analysis/capture-observer.js';
import type { CaptureObservation } from '../../src/analysis/observation.js';
import { readCaptureFile } from '../../src/capture-file/file.js';
import type { CaptureFileSummary } from '../../src/capture-file/summary.js';
import { CaptureReader, type ReadingPlan } from '../../src/pipeline/capture-reader.js';
import type { Observers } from '../../src/pipeline/owner.js';
import { DEFAULT_TUNNEL_PORTS } from '../../src/wire/packet.js';
import { Dice, generate } from '../offline/generator.js';
import {
  type Bytes,
  ethernet,
  ip,
  patched,
  TCP,
  tcp,
  tunnelFrame,
  UDP,
  u16,
  udp,
} from '../support/packet-builder.js';

/** Of every file, however small, through the kernel and on threads. */
export const EVERY_FILE = { smallestForKernel: 0, smallestForThreads: 0 } as const;

/** The least of slabs, some that few records fit in, and those of real reading. */
export const SLABS = {
  'of 256 bytes': { bytes: 256, carry: 64, records: 4 },
  'of 4 KB': { bytes: 4096, carry: 1000, records: 20 },
  'of 1 MB': { bytes: 1 << 20, carry: 1 << 18, records: 40_960 },
} as const satisfies Record<string, ReadingPlan['slabs']>;

const ACK = 0x10;

export interface Reading {
  readonly summary: CaptureFileSummary;
  /** By interface index. */
  readonly observations: readonly (CaptureObservation | undefined)[];
}

class InterfaceObservers implements Observers {
  readonly #observers: CaptureObserver[] = [];
  readonly visit: Observers['visit'] = frame => this.observerOf(frame.interfaceIndex).visit(frame);

  observerOf(index: number): CaptureObserver {
    this.#observers[index] ??= new CaptureObserver();
    return this.#observers[index];
  }

  get results(): (CaptureObservation | undefined)[] {
    return Array.from(this.#observers, observer => observer?.result());
  }
}

/** Every frame shown to the observers: what any other way of reading is held against. */
export async function readPlainly(path: string): Promise<Reading> {
  const observers = new InterfaceObservers();
  const summary = await readCaptureFile(path, observers.visit);
  return { summary, observations: observers.results };
}

/** The same through a reader. */
export async function readThrough(reader: CaptureReader, path: string): Promise<Reading> {
  const observers = new InterfaceObservers();
  const summary = await reader.readFile(path, observers);
  return { summary, observations: observers.results };
}

/** A reader that takes every file the long way. */
export function readerOf(plan: Partial<ReadingPlan>): CaptureReader {
  return new CaptureReader({ tunnelPorts: DEFAULT_TUNNEL_PORTS, plan: { ...EVERY_FILE, ...plan } });
}

const POD = { source: '10.244.0.7', destination: '10.244.1.2' };
const PORTS = { sourcePort: 40000, destinationPort: 5000 };
const OUTER = { source: '192.168.50.1', destination: '192.168.50.2', sourcePort: 40001 };

/** Datagrams to a port that nobody named: one that proves it a tunnel's, and one that does so only then. */
export function oddTunnel(port: number): Bytes[] {
  const frame = ethernet({
    payload: ip({ ...POD, protocol: TCP, payload: tcp({ ...POD, ...PORTS, flags: ACK }) }),
  });
  const strict = tunnelFrame({ ...OUTER, destinationPort: port, frame });
  // A group policy identifier: no header that a tunnel would be suspected by.
  const lax = patched(patched(strict, 14 + 20 + 8, [0x88, 0, 1, 2]), 14 + 20 + 6, u16(0));
  return [lax, strict];
}

/** Frames that a node sends itself: TCP, and UDP of so many sizes. */
function plainFrames(): Bytes[] {
  const wrap = (protocol: number, payload: Bytes) =>
    ethernet({ payload: ip({ ...POD, protocol, payload }) });
  const sizes = Array.from({ length: 70 }, (_, size) => new Array<number>(size).fill(size));
  return [
    wrap(TCP, tcp({ ...POD, ...PORTS, flags: ACK })),
    wrap(TCP, tcp({ ...POD, ...PORTS, flags: ACK, checksum: 'partial' })),
    ...sizes.map(payload => wrap(UDP, udp({ ...POD, ...PORTS, payload }))),
  ];
}

/** A frame with the interface that it is captured at. */
export interface PlacedFrame {
  readonly bytes: Bytes;
  readonly originalLength: number;
  readonly interfaceIndex: number;
}

/**
 * Lasting flows: the same frames of every sort again and again, in another order each time, at several
 * interfaces, so that nearly all of them are of a known flow.
 */
export function lastingFlows(seed: number, rounds: number, interfaces = 3): PlacedFrame[] {
  const dice = new Dice(seed);
  const frames: { bytes: Bytes; originalLength: number }[] = [
    ...generate(seed, 60, ACK),
    ...[...plainFrames(), ...oddTunnel(20_001), ...oddTunnel(20_002)].map(bytes => ({
      bytes,
      originalLength: bytes.length,
    })),
  ];
  return Array.from({ length: rounds }, () => {
    const order = frames.map(frame => ({ frame, key: dice.next() }));
    order.sort((a, b) => a.key - b.key);
    return order.map(({ frame }) => ({ ...frame, interfaceIndex: dice.whole(0, interfaces - 1) }));
  }).flat();
}
