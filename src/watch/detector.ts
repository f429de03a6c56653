/**
 * From datagrams to findings: judges each, remembers which flows were reported, and takes back what later
 * datagrams refute. No I/O; findings are handed on.
 */
import { hex16 } from '../analysis/verdict.js';
import type { CapturedFrame } from '../capture-file/frame.js';
import type { DatagramCounts, Direction } from './counts.js';
import { type FindingEvent, type OuterReport, timeText, type WatchEvent } from './events.js';
import { type FlowKind, FlowMemory, type WatchedFlow } from './flow-memory.js';
import { DatagramJudge, type Judgement } from './judge.js';
import { SharedDifferences } from './shared-differences.js';

/** A flow is forgotten when it was not seen for so long: ten times what a NAT binding of UDP lives. */
const IDLE_SECONDS = 300;

/** What findings are handed to. */
export interface DetectorOutput {
  emit(event: WatchEvent): void;
  /** Whether one more flow may be told, and its frames be kept; else it is counted only. */
  mayTell(): boolean;
  /** A frame that is evidence: of a wrong datagram, as `flow` tells. */
  keep(frame: CapturedFrame, flow: WatchedFlow, judgement: Judgement, kind: FlowKind): void;
}

export interface DetectorLimits {
  readonly flows?: number;
}

export class Detector {
  readonly #judge: DatagramJudge;
  readonly #flows: FlowMemory;
  readonly #differences = new SharedDifferences();
  readonly #output: DetectorOutput;
  readonly #found: Record<FlowKind, number> = { stale: 0, mangled: 0, other: 0 };
  #retractions = 0;

  constructor(
    tunnelPorts: ReadonlySet<number>,
    output: DetectorOutput,
    { flows }: DetectorLimits = {},
  ) {
    this.#judge = new DatagramJudge(tunnelPorts);
    this.#flows = new FlowMemory(flows);
    this.#output = output;
  }

  /** Flows that were reported, by kind. */
  get found(): Readonly<Record<FlowKind, number>> {
    return this.#found;
  }

  get retractions(): number {
    return this.#retractions;
  }

  get flowsHeld(): number {
    return this.#flows.size;
  }

  get flowsEvicted(): number {
    return this.#flows.evicted;
  }

  /** Takes a frame of an interface; whether it is one of those that a sample prefers. */
  take(interfaceName: string, frame: CapturedFrame, counts: DatagramCounts): boolean {
    const judgement = this.#judge.judge(frame);
    const direction: Direction = frame.direction === 'out' ? 'out' : 'in';
    const isWrong =
      judgement.kind === 'stale' || judgement.kind === 'mangled' || judgement.kind === 'other';
    const kind = isWrong ? this.#takeWrong(interfaceName, frame, judgement) : judgement.kind;
    if (kind === 'fine' && judgement.isSyn && judgement.stored === judgement.correct) {
      this.#takeRightSyn(interfaceName, frame, judgement);
    }
    counts.add(kind, direction);
    return judgement.isSyn || judgement.stored === 0xffff;
  }

  /** Forgets flows that have been quiet. @param now seconds of the epoch */
  forgetIdle(now: number): void {
    for (const flow of this.#flows.takeIdle(now - IDLE_SECONDS)) this.#tellFlow(flow, 'idle');
  }

  /** Forgets all flows. */
  end(): void {
    for (const flow of this.#flows.takeAll()) this.#tellFlow(flow, 'ended');
  }

  #takeWrong(interfaceName: string, frame: CapturedFrame, judgement: Judgement): FlowKind {
    const known = this.#flows.find(interfaceName, frame, judgement);
    const kind = this.#kindOf(interfaceName, frame, judgement, known);
    const flow = known ?? this.#addFlow(interfaceName, frame, judgement, kind);
    // What was corrupt before may turn out to be a rewritten port; what was taken back may not.
    const isNew = !known || (flow.kind === 'other' && kind !== 'other');
    if (isNew || kind !== 'other') {
      flow.outerSourcePort = judgement.outerSourcePort;
      flow.difference = judgement.difference;
      flow.stored = judgement.stored;
    }
    flow.datagrams++;
    flow.lastSeen = { seconds: frame.seconds, nanoseconds: frame.nanoseconds };
    if (isNew) {
      flow.kind = kind;
      flow.told = this.#output.mayTell();
      this.#found[kind]++;
    }
    if (!flow.told) return kind;
    // What is told is on disk by then.
    this.#output.keep(frame, flow, judgement, kind);
    if (isNew) this.#output.emit(finding(frame, flow, judgement, kind));
    return kind;
  }

  /** SYNs are never cut up by segmentation offload, so all of one rewritten outer flow fare alike. */
  #takeRightSyn(interfaceName: string, frame: CapturedFrame, judgement: Judgement): void {
    if (this.#flows.size === 0) return;
    const known = this.#flows.find(interfaceName, frame, judgement);
    const isRefuted = known?.kind === 'stale' || known?.kind === 'mangled';
    if (!isRefuted || known.outerSourcePort !== judgement.outerSourcePort) return;
    this.#takeBack(frame, known, 'other SYNs from the same outer port have a right checksum');
  }

  #takeBack(frame: CapturedFrame, flow: WatchedFlow, reason: string): void {
    flow.retracted = reason;
    flow.kind = 'other';
    if (flow.told) this.#retract(frame, flow.interface, flow, reason);
  }

  #kindOf(
    interfaceName: string,
    frame: CapturedFrame,
    judgement: Judgement,
    known: WatchedFlow | undefined,
  ): FlowKind {
    const kind = judgement.kind as FlowKind;
    if (kind === 'other') return 'other';
    if (known?.retracted) return this.#other(judgement, known.retracted);
    const isSamePort = known?.outerSourcePort === judgement.outerSourcePort;
    if (isSamePort && known.kind !== 'other') {
      // What one rewritten port leaves is one difference; of zeros that were mangled, one value.
      const isSteady =
        known.kind === 'mangled'
          ? judgement.stored === known.stored
          : judgement.difference === known.difference;
      if (!isSteady) {
        const reason = 'the difference varies within one outer flow';
        this.#takeBack(frame, known, reason);
        return this.#other(judgement, reason);
      }
      if (known.kind === 'mangled') return 'mangled';
    } else if (kind === 'mangled') return 'mangled';
    const ports = this.#differences.add(judgement.difference, judgement.outerSourcePort);
    if (ports > 0) {
      const reason = `${ports} ports show the same difference, so the port is not what changed`;
      this.#retract(frame, interfaceName, { difference: judgement.difference }, reason);
    }
    if (!this.#differences.isShared(judgement.difference)) return 'stale';
    return this.#other(
      judgement,
      'flows from different ports show the same difference, so the port is not what changed',
    );
  }

  #other(judgement: Judgement, reason: string): 'other' {
    judgement.recoveredPort = -1;
    judgement.reason = reason;
    return 'other';
  }

  #addFlow(
    interfaceName: string,
    frame: CapturedFrame,
    judgement: Judgement,
    kind: FlowKind,
  ): WatchedFlow {
    const { flow, evicted } = this.#flows.add(interfaceName, frame, judgement, kind);
    if (evicted) this.#tellFlow(evicted, 'no-room');
    return flow;
  }

  #retract(
    frame: CapturedFrame,
    interfaceName: string,
    what: { readonly difference: number } & Partial<WatchedFlow>,
    reason: string,
  ): void {
    this.#retractions++;
    const { inner = null, outer, outerSourcePort = 0, difference } = what;
    this.#output.emit({
      event: 'retracted',
      at: timeText(frame),
      interface: interfaceName,
      difference: hex16(difference),
      inner,
      outer: outer ? { ...outer, sourcePortBefore: null, sourcePortAfter: outerSourcePort } : null,
      reason,
    });
  }

  /** Of a flow with one datagram all was told when it was seen. */
  #tellFlow(flow: WatchedFlow, because: 'idle' | 'no-room' | 'ended'): void {
    if (flow.datagrams < 2 || !flow.told) return;
    this.#output.emit({
      event: 'flow',
      at: timeText(flow.lastSeen),
      interface: flow.interface,
      kind: flow.kind,
      inner: flow.inner,
      outer: flow.outer,
      datagrams: flow.datagrams,
      firstSeen: timeText(flow.firstSeen),
      lastSeen: timeText(flow.lastSeen),
      because,
    });
  }
}

function finding(
  frame: CapturedFrame,
  flow: WatchedFlow,
  judgement: Judgement,
  kind: FlowKind,
): FindingEvent {
  const { stored, correct, difference, innerPending, recoveredPort, reason } = judgement;
  const outer: OuterReport = {
    ...flow.outer,
    sourcePortBefore: kind === 'stale' ? recoveredPort : null,
    sourcePortAfter: judgement.outerSourcePort,
  };
  return {
    event: kind,
    at: timeText(frame),
    interface: flow.interface,
    direction: frame.direction,
    grade: kind === 'other' ? 'none' : 'supported',
    inner: flow.inner,
    outer,
    checksum: {
      stored: hex16(stored),
      correct: hex16(correct),
      difference: hex16(difference),
      innerPending,
    },
    reason: kind === 'other' ? reason : null,
  };
}
