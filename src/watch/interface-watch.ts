/**
 * One interface under watch: its ring, its counts, and what happens when it goes down or away. A link that
 * was there once is waited for: those of a CNI come and go.
 */
import type { CaptureStatistics, LiveCapture } from '../capture/engine.js';
import type { ChecksummedFilter, Sample } from '../capture/filter.js';
import { type RingPlace, startRing } from '../capture/ring.js';
import { messageOf, StalesumError } from '../errors.js';
import { DatagramCounts, type InterfaceTotals } from './counts.js';
import type { Detector } from './detector.js';
import { nowText, type WatchEvent } from './events.js';
import { DATAGRAMS_A_SECOND, Sampler } from './sampler.js';

/**
 * Few datagrams pass, so a block is handed over after a tenth of a second: what is found is in no hurry, and
 * each hand-over wakes the process.
 */
const SHAPE = { retireMilliseconds: 100 };

/** A load that is not left until the next look, since the ring would not hold it. */
const OVERLOAD = 3 * DATAGRAMS_A_SECOND;

/** Between two tries to come back to an interface. Seconds. */
const RETRY_SECONDS = 2;

export interface InterfaceOptions {
  readonly place: RingPlace;
  readonly ports: readonly number[];
  readonly sampling: number | undefined;
  readonly detector: Detector;
  readonly emit: (event: WatchEvent) => void;
}

export class InterfaceWatch {
  readonly name: string;
  readonly counts = new DatagramCounts();
  readonly #options: InterfaceOptions;
  readonly #sampler: Sampler;
  #live: Required<LiveCapture> | undefined;
  #isUp = false;
  /** Of captures that have ended. */
  #before = { kernelDrops: 0, freezes: 0 };
  #losses = { kernelDrops: 0, freezes: 0 };
  #interruptions = 0;
  #adjustedAt = 0;
  #retryAt = 0;
  #refusal = '';

  constructor(name: string, options: InterfaceOptions) {
    this.name = name;
    this.#options = options;
    this.#sampler = new Sampler(options.sampling);
  }

  /** Whether it is captured on; at the end, whether it was until then. */
  get isUp(): boolean {
    return this.#isUp;
  }

  get totals(): InterfaceTotals {
    const { counts } = this;
    return {
      up: this.isUp,
      examined: counts.examined,
      fine: counts.both('fine'),
      unverifiable: counts.both('unverifiable'),
      ignored: counts.both('ignored'),
      stale: counts.both('stale'),
      mangled: counts.both('mangled'),
      other: counts.both('other'),
      passedOver: this.#sampler.passedOver,
      sampling: this.#sampler.sample,
      ...this.#losses,
      interruptions: this.#interruptions,
    };
  }

  /** @throws StalesumError as the ring engine does: no such interface, down, not permitted */
  async start(): Promise<void> {
    const { place, detector } = this.#options;
    const { counts } = this;
    const sampler = this.#sampler;
    this.#adjustedAt = performance.now();
    this.#live = await startRing(
      {
        node: place,
        interface: this.name,
        filter: this.#filter(sampler.sample),
        onFrame: frame => {
          const taken = sampler.note(detector.take(this.name, frame, counts));
          if (taken === OVERLOAD) setImmediate(() => this.#adjust(0));
        },
      },
      SHAPE,
    );
    this.#isUp = true;
  }

  /** Looks after it; called each second. */
  async tick(): Promise<void> {
    const live = this.#live;
    if (!live) return this.#comeBack();
    const statistics = live.counts();
    const lost = this.#noteLosses(statistics);
    if (statistics.interruption !== undefined) return this.#interrupted(statistics.interruption);
    this.#adjust(lost);
  }

  /** Ends it once everything that has come was judged. */
  async stop(): Promise<void> {
    const live = this.#live;
    if (!live) return;
    this.#live = undefined;
    this.#noteLosses(await live.stop());
  }

  /** @param lost datagrams since the last time */
  #adjust(lost: number): void {
    const live = this.#live;
    if (!live) return;
    const now = performance.now();
    const sample = this.#sampler.adjust((now - this.#adjustedAt) / 1000, lost);
    this.#adjustedAt = now;
    if (!sample) return;
    live.refilter(this.#filter(sample));
    this.#emit({ event: 'sampling', at: nowText(), interface: this.name, ...sample });
  }

  async #interrupted(reason: string): Promise<void> {
    this.#interruptions++;
    this.#isUp = false;
    await this.stop();
    this.#before = { ...this.#losses };
    this.#retryAt = performance.now() + RETRY_SECONDS * 1000;
    this.#refusal = '';
    this.#emit({
      event: 'interface',
      at: nowText(),
      interface: this.name,
      up: false,
      reason: `${reason}; waiting for it`,
    });
  }

  async #comeBack(): Promise<void> {
    if (performance.now() < this.#retryAt) return;
    this.#retryAt = performance.now() + RETRY_SECONDS * 1000;
    try {
      await this.start();
    } catch (thrown) {
      this.#tellRefusal(thrown);
      return;
    }
    this.#emit({
      event: 'interface',
      at: nowText(),
      interface: this.name,
      up: true,
      reason: null,
    });
  }

  /** That it is not there, or down, was told already; anything else is told once. */
  #tellRefusal(thrown: unknown): void {
    if (thrown instanceof StalesumError && thrown.kind === 'usage') return;
    const message = messageOf(thrown);
    if (message === this.#refusal) return;
    this.#refusal = message;
    this.#emit({ event: 'fault', at: nowText(), message });
  }

  /** How many were dropped since the last time. */
  #noteLosses({ kernelDrops, freezes = 0 }: CaptureStatistics): number {
    const before = this.#losses;
    this.#losses = {
      kernelDrops: this.#before.kernelDrops + kernelDrops,
      freezes: this.#before.freezes + freezes,
    };
    const lost = this.#losses.kernelDrops - before.kernelDrops;
    if (lost > 0) {
      this.#emit({
        event: 'drops',
        at: nowText(),
        interface: this.name,
        kernelDrops: lost,
        freezes: this.#losses.freezes - before.freezes,
      });
    }
    return lost;
  }

  #filter(sample: Sample): ChecksummedFilter {
    return { kind: 'checksummed', ports: this.#options.ports, sample };
  }

  #emit(event: WatchEvent): void {
    this.#options.emit(event);
  }
}
