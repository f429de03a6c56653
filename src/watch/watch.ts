/** A watch from its start to its end: interfaces, detector, metrics and evidence together. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RingPlace } from '../capture/ring.js';
import { StalesumError } from '../errors.js';
import { TOOL } from '../version.js';
import { defaultInterfaces } from './default-interfaces.js';
import { Detector } from './detector.js';
import { nowText, type WatchEvent, type WatchTotals } from './events.js';
import { EvidenceRing, type FrameComment } from './evidence-ring.js';
import { InterfaceWatch } from './interface-watch.js';
import { type Meters, metricsText } from './metrics.js';
import { type MetricsAddress, type MetricsServer, serveMetrics } from './metrics-server.js';
import { TellingRate } from './telling-rate.js';

const TICK_MILLISECONDS = 1000;
const SUMMARY_SECONDS = 60;
/** How often it is looked whether there is another default route. */
const ROUTES_SECONDS = 5;
/** Nobody has so many default routes; each costs a ring. */
const MOST_FOUND_INTERFACES = 16;

export interface WatchPlan {
  readonly place: RingPlace;
  /** None: those of the default routes, also of routes that come later. */
  readonly interfaces: readonly string[];
  /** UDP destination ports of tunnels. */
  readonly ports: readonly number[];
  /** One in so many of the datagrams that begin no connection; `undefined`: as the load wants it. */
  readonly sampling: number | undefined;
  readonly metrics: MetricsAddress | undefined;
  readonly evidence: { readonly folder: string; readonly mostBytes: number } | undefined;
}

export interface WatchOutput {
  readonly comment: FrameComment;
  emit(event: WatchEvent): void;
  /** Called each second. */
  progress(totals: WatchTotals): void;
  /** Lines that nobody read in time. */
  readonly linesDropped: number;
}

/**
 * Watches until `stop` is aborted.
 *
 * @throws StalesumError `usage` for interfaces that are not there or down as it begins, `not-permitted`,
 *   `write-failed` for the evidence's folder, `unavailable` for the metrics' address
 */
export async function watch(
  plan: WatchPlan,
  output: WatchOutput,
  stop: AbortSignal,
): Promise<void> {
  const run = new WatchRun(plan, output);
  try {
    await run.start();
    await run.go(stop);
    await run.end();
  } finally {
    await run.close();
  }
}

class WatchRun {
  readonly #plan: WatchPlan;
  readonly #output: WatchOutput;
  readonly #detector: Detector;
  readonly #evidence: EvidenceRing | undefined;
  readonly #startedAt = performance.now();
  readonly #startTime = Date.now() / 1000;
  readonly #rate = new TellingRate();
  #interfaces: readonly InterfaceWatch[] = [];
  #toldOfHolding = false;
  #metrics: MetricsServer | undefined;

  constructor(plan: WatchPlan, output: WatchOutput) {
    this.#plan = plan;
    this.#output = output;
    this.#evidence =
      plan.evidence &&
      new EvidenceRing({
        ...plan.evidence,
        tunnelPorts: plan.ports,
        comment: output.comment,
        onFault: message => output.emit({ event: 'fault', at: nowText(), message }),
      });
    this.#detector = new Detector(new Set(plan.ports), {
      emit: event => output.emit(event),
      mayTell: () => this.#mayTell(),
      keep: (...found) => this.#evidence?.keep(...found),
    });
  }

  async start(): Promise<void> {
    const { interfaces, metrics, ports, sampling, evidence, place } = this.#plan;
    if (interfaces.includes('any')) {
      throw new StalesumError(
        'usage',
        'any: a datagram passes several interfaces of a node, and would be counted on each',
        "name the underlay's, or none for those of the default routes",
      );
    }
    const names = interfaces.length > 0 ? interfaces : await defaultInterfaces(place);
    if (names.length === 0) {
      throw new StalesumError(
        'usage',
        'no interface is named, and there is no default route that would name one',
        'stalesum watch eth0',
      );
    }
    this.#interfaces = [...new Set(names)].map(name => this.#interface(name));
    await Promise.all(this.#interfaces.map(one => one.start()));
    if (metrics) this.#metrics = await serveMetrics(metrics, () => metricsText(this.#meters()));
    this.#output.emit({
      event: 'started',
      at: nowText(),
      tool: TOOL,
      interfaces: this.#interfaces.map(({ name }) => name),
      ports,
      sampling: sampling ?? 'auto',
      metrics: this.#metrics?.url ?? null,
      evidence: evidence ?? null,
    });
  }

  async go(stop: AbortSignal): Promise<void> {
    for (let ticks = 1; !stop.aborted; ticks++) {
      await sleep(TICK_MILLISECONDS, undefined, { signal: stop }).catch(() => undefined);
      if (stop.aborted) return;
      for (const one of this.#interfaces) await one.tick();
      this.#detector.forgetIdle(Math.floor(Date.now() / 1000));
      if (this.#plan.interfaces.length === 0 && ticks % ROUTES_SECONDS === 0) {
        await this.#findInterfaces();
      }
      if (ticks % SUMMARY_SECONDS === 0) this.#tell('summary');
      this.#output.progress(this.#totals());
    }
  }

  /** Ends the captures and says what was seen. */
  async end(): Promise<void> {
    for (const one of this.#interfaces) await one.stop();
    this.#detector.end();
    this.#tell('ended');
  }

  /** Gives everything back; also after a fault. */
  async close(): Promise<void> {
    this.#metrics?.close();
    this.#evidence?.close();
    await Promise.allSettled(this.#interfaces.map(one => one.stop()));
  }

  #interface(name: string): InterfaceWatch {
    const { place, ports, sampling } = this.#plan;
    return new InterfaceWatch(name, {
      place,
      ports,
      sampling,
      detector: this.#detector,
      emit: event => this.#output.emit(event),
    });
  }

  #mayTell(): boolean {
    if (this.#rate.take()) return true;
    if (!this.#toldOfHolding) {
      this.#toldOfHolding = true;
      const message = 'too many findings: some are only counted from here on';
      this.#output.emit({ event: 'fault', at: nowText(), message });
    }
    return false;
  }

  get #linesDropped(): number {
    return this.#output.linesDropped + this.#rate.heldBack;
  }

  /** Adds interfaces that have a default route now; those that had one are watched on. */
  async #findInterfaces(): Promise<void> {
    const known = new Set(this.#interfaces.map(({ name }) => name));
    const names = (await defaultInterfaces(this.#plan.place)).filter(name => !known.has(name));
    const room = MOST_FOUND_INTERFACES - known.size;
    // They are started as those are that have come back.
    const found = names.slice(0, Math.max(0, room)).map(name => this.#interface(name));
    this.#interfaces = [...this.#interfaces, ...found];
  }

  #tell(event: 'summary' | 'ended'): void {
    this.#output.emit({ event, at: nowText(), ...this.#totals() });
  }

  #totals(): WatchTotals {
    const { found, retractions, flowsEvicted } = this.#detector;
    return {
      seconds: Math.round(performance.now() - this.#startedAt) / 1000,
      interfaces: this.#interfaces.map(({ name, totals }) => ({ interface: name, ...totals })),
      flows: { ...found, retractions, evicted: flowsEvicted },
      evidence: this.#evidence?.written ?? null,
      linesDropped: this.#linesDropped,
    };
  }

  #meters(): Meters {
    const { found, retractions, flowsHeld, flowsEvicted } = this.#detector;
    const evidence = this.#evidence;
    return {
      startTime: this.#startTime,
      interfaces: this.#interfaces,
      found,
      retractions,
      flowsHeld,
      flowsEvicted,
      linesDropped: this.#linesDropped,
      evidence: { ...(evidence?.written ?? { frames: 0, bytes: 0 }), size: evidence?.size ?? 0 },
    };
  }
}
