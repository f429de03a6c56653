/**
 * The owner of a capture's flows: takes batches in the order of the capture. Ordinary packets of known
 * flows are counted by the kernel; every other one is shown to the observers as a frame, who alone decide
 * what it means. So it is all the same who made the rows, and where slabs begin and end.
 */
import type { CaptureObserver } from '../analysis/capture-observer.js';
import type { FlowEntry } from '../analysis/flow-table.js';
import type { OuterPortUse } from '../analysis/observation.js';
import { type OrdinaryCounts, ordinaryCounts } from '../analysis/ordinary-packets.js';
import { type CapturedFrame, emptyFrame, type FrameVisitor } from '../capture-file/frame.js';
import { type Batch, FrameIndex } from './batch.js';
import type { Kernel } from './kernel.js';
import {
  FLOW,
  type Layout,
  MAX_INTERFACES,
  ORDINARY,
  RECORD,
  ROW,
  STATE_SHIFT,
  STATS,
} from './layout.js';

/** Who looks at the frames of a file. */
export interface Observers {
  /** Shows a frame to the observer of its interface. */
  readonly visit: FrameVisitor;
  /** The observer that frames of the interface are shown to. */
  observerOf(interfaceIndex: number): CaptureObserver;
}

/** A flow whose ordinary packets the kernel counts. */
interface CountedFlow {
  readonly observer: CaptureObserver;
  readonly entry: FlowEntry;
  use: OuterPortUse | undefined;
}

/** Batches after which counts are fetched, long before 32 bits are full. */
const BATCHES_PER_SETTLING = 16_384;

export class Owner {
  readonly #kernel: Kernel;
  readonly #layout: Layout;
  readonly #index: FrameIndex;
  readonly #words: Uint32Array;
  readonly #doubles: Float64Array;
  readonly #bytes: Uint8Array;
  readonly #frame = emptyFrame();
  readonly #counts = ordinaryCounts();
  #observers: Observers | undefined;
  #flows: CountedFlow[] = [];
  #batches = 0;
  /** Ports found to be tunnels', by observer, as far as the kernel was told. */
  #toldPorts = new Map<CaptureObserver, number>();

  constructor(kernel: Kernel, layout: Layout, memory: ArrayBufferLike) {
    this.#kernel = kernel;
    this.#layout = layout;
    this.#index = new FrameIndex(memory);
    this.#words = new Uint32Array(memory);
    this.#doubles = new Float64Array(memory);
    this.#bytes = new Uint8Array(memory);
    const { ports, stats, flows, slots, flowCapacity } = layout;
    kernel.configureApply(ports, stats, flows, slots, flowCapacity);
  }

  /** Begins a file. The kernel is told the ports on which tunnels are expected. */
  begin(observers: Observers, tunnelPorts: ReadonlySet<number>): void {
    this.#observers = observers;
    const { ports } = this.#layout;
    this.#bytes.fill(0, ports, ports + 65_536 / 8);
    for (const port of tunnelPorts) this.#tellPort(port);
  }

  /** Makes a batch's rows; whoever has time may do it instead. */
  examine({ slab, count }: Batch): void {
    this.#kernel.examine(slab.index, count, slab.rows);
  }

  /** Takes the next batch of the file, whose rows were made. */
  take(batch: Batch): void {
    const { slab, count } = batch;
    const { index, rows } = slab;
    let at = this.#kernel.apply(index, rows, 0, count);
    while (at < count) {
      this.#look(index + at * RECORD.BYTES, rows + at * ROW.BYTES);
      at = this.#kernel.apply(index, rows, at + 1, count);
    }
    this.#finish(batch);
  }

  /** Takes the next batch of the file, which nobody has examined: few rows at a time, so that they stay in the cache. */
  examineAndTake(batch: Batch): void {
    const { slab, count } = batch;
    const { index, rows } = slab;
    let at = this.#kernel.examineAndApply(index, rows, 0, count);
    while (at < count) {
      this.#look(index + at * RECORD.BYTES, rows);
      at = this.#kernel.examineAndApply(index, rows, at + 1, count);
    }
    this.#finish(batch);
  }

  #finish({ extras }: Batch): void {
    for (const frame of extras) this.#show(frame);
    this.#batches++;
    if (this.#batches % BATCHES_PER_SETTLING === 0) this.#settleAll();
  }

  /** Ends the file: everything counted is with the observers. */
  end(): void {
    this.#settleAll();
    for (const { entry } of this.#flows) entry.counted = -1;
    for (const { observer } of this.#flows) observer.settle = undefined;
    this.#flows = [];
    this.#toldPorts.clear();
    this.#kernel.forget();
    this.#observers = undefined;
  }

  /** Shows the frame of a record to its observer, and learns how the flow goes on. */
  #look(record: number, row: number): void {
    const frame = this.#frame;
    this.#index.read(record, frame);
    const observer = this.#show(frame);
    const flags = this.#words[row >> 2]!;
    if ((flags & ORDINARY) === 0) return;
    const { added } = observer;
    const state = (flags >> STATE_SHIFT) & 3;
    // Not, either, what the kernel took for a tunnel's and the observer, who found no tunnel there, did not.
    if (!added || ((added.states >> state) & 1) === 0) return;
    const { entry, use, states } = added;
    const number = this.#kernel.remember(row, states);
    if (number < 0) return;
    entry.counted = number;
    observer.settle = this.#settle;
    this.#flows[number] = { observer, entry, use };
  }

  #show(frame: CapturedFrame): CaptureObserver {
    this.#observers!.visit(frame);
    const observer = this.#observers!.observerOf(frame.interfaceIndex);
    const found = observer.foundTunnelPorts;
    if (found.length === 0) return observer;
    const told = this.#toldPorts.get(observer) ?? 0;
    for (const port of found.slice(told)) this.#tellPort(port);
    this.#toldPorts.set(observer, found.length);
    return observer;
  }

  #tellPort(port: number): void {
    this.#bytes[this.#layout.ports + (port >> 3)]! |= 1 << (port & 7);
  }

  #settleAll(): void {
    for (let i = 0; i < MAX_INTERFACES; i++) this.#settleInterface(i);
    for (let number = 0; number < this.#flows.length; number++) this.#settle(number);
  }

  #settleInterface(interfaceIndex: number): void {
    const at = this.#layout.stats + interfaceIndex * STATS.BYTES;
    const word = at >> 2;
    const double = at >> 3;
    const frames = this.#words[word + STATS.FRAMES / 4]!;
    if (frames === 0) return;
    this.#observers!.observerOf(interfaceIndex).addOrdinaryFrames({
      frames,
      tunnelDatagrams: this.#words[word + STATS.TUNNELS / 4]!,
      bytes: this.#doubles[double + STATS.OCTETS / 8]!,
      first: {
        seconds: this.#doubles[double + STATS.FIRST_SECONDS / 8]!,
        nanoseconds: this.#words[word + STATS.FIRST_NANOSECONDS / 4]!,
      },
      last: {
        seconds: this.#doubles[double + STATS.LAST_SECONDS / 8]!,
        nanoseconds: this.#words[word + STATS.LAST_NANOSECONDS / 4]!,
      },
    });
    this.#bytes.fill(0, at, at + STATS.BYTES);
  }

  /** Hands what was counted of a flow to its observer. */
  readonly #settle = (number: number): void => {
    const at = this.#layout.flows + number * FLOW.BYTES;
    if (this.#words[(at + FLOW.LARGEST) >> 2] === 0) return;
    const { observer, entry, use } = this.#flows[number]!;
    observer.addOrdinaryPackets(entry, use, this.#countsAt(at));
    this.#bytes.fill(0, at + FLOW.COUNTS, at + FLOW.BYTES);
  };

  #countsAt(at: number): OrdinaryCounts {
    const counts = this.#counts;
    const words = this.#words;
    const word = at >> 2;
    const states = word + FLOW.COUNTS / 4;
    counts.plain = words[states]!;
    counts.valid = words[states + 1]!;
    counts.zero = words[states + 2]!;
    counts.partial = words[states + 3]!;
    counts.innerPartial = words[word + FLOW.INNER_PARTIAL / 4]!;
    counts.largest = words[word + FLOW.LARGEST / 4]!;
    const double = at >> 3;
    counts.first.seconds = this.#doubles[double + FLOW.FIRST_SECONDS / 8]!;
    counts.first.nanoseconds = words[word + FLOW.FIRST_NANOSECONDS / 4]!;
    counts.latest.seconds = this.#doubles[double + FLOW.LATEST_SECONDS / 8]!;
    counts.latest.nanoseconds = words[word + FLOW.LATEST_NANOSECONDS / 4]!;
    counts.last.seconds = this.#doubles[double + FLOW.LAST_SECONDS / 8]!;
    counts.last.nanoseconds = words[word + FLOW.LAST_NANOSECONDS / 4]!;
    return counts;
  }
}
