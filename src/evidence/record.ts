/**
 * Records a live run into a folder: captures on overlay and underlay of both nodes, conntrack events,
 * snapshots before and after, the control connection, and then the connection in question. Nothing is
 * judged here: the folder is a recording, and is analysed like any other.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProbedConnection, VirtualMachine } from '../analysis/input.js';
import type { RunNote } from '../analysis/run-notes.js';
import type { CaptureEngine, LiveCapture } from '../capture/engine.js';
import { type CaptureFilter, EVERYTHING, type InnerFilter } from '../capture/filter.js';
import { writtenFilter } from '../capture/pcap-filter.js';
import { tcpdump } from '../capture/tcpdump.js';
import type { CapturedFrame } from '../capture-file/frame.js';
import { messageOf, StalesumError } from '../errors.js';
import type { Node } from '../node/node.js';
import type { ProbeClient } from '../probe/clients.js';
import { probe, type Target } from '../probe/connect.js';
import { watchConntrack } from '../snapshot/conntrack-watch.js';
import { takeConntrackList, takeCounters, takeStaticSnapshot } from '../snapshot/take.js';
import { DEFAULT_TUNNEL_PORTS } from '../wire/packet.js';
import { CaptureWriter } from './capture-writer.js';
import { NEW_RUN, type RunCapture, type RunFile, writeRunFile } from './run-record.js';

/** A node that takes part, with its two capture points. */
export interface RunNode {
  readonly node: Node;
  readonly overlay: string;
  readonly underlay: string;
  readonly engine: CaptureEngine;
  /** Whether it has conntrack, to be watched. */
  readonly hasConntrack: boolean;
  /** What shows its tunnel datagrams in front of NAT: `nflog:5`. */
  readonly tap?: string;
}

export interface RunPlan {
  readonly scenario: string | undefined;
  readonly title: string | undefined;
  readonly emulated: boolean;
  readonly machine?: VirtualMachine | undefined;
  /** The client's node first. */
  readonly nodes: readonly [RunNode, RunNode];
  readonly tunnelPort: number;
  /** What of the overlay is captured, and of the tunnel's datagrams; a lab's are all of interest. */
  readonly overlayFilter: CaptureFilter;
  readonly innerFilter?: InnerFilter | undefined;
  readonly protocol: 'tcp' | 'udp';
  /** A connection that cannot have the fault: straight to the pod. */
  readonly control: Target;
  readonly target: Target;
  /** Connections to the target at once. */
  readonly attempts: number;
  /** Bytes to be echoed over each; 0: connecting is enough. */
  readonly bytes: number;
  /** What opens them, and the address that they get through the tunnel, if these are known. */
  readonly client?: ProbeClient;
  readonly source?: string | undefined;
  readonly timeoutSeconds: number;
  /** Whether payload is written as it is captured, and not blanked. */
  readonly keepPayload: boolean;
  /** What limits the verdict. */
  readonly notes: readonly RunNote[];
  /** Between the control and the target: what a lab does to its wire only then. */
  readonly afterControl: () => Promise<void>;
}

/** Told while the run goes on. */
export interface RunProgress {
  step(text: string): void;
  /** A frame on the client's overlay, after the control is done. */
  overlayFrame(frame: CapturedFrame): void;
}

/** An entry lives long enough to be listed a little after the connection began. Seconds. */
const LIST_AFTER_SECONDS = 0.6;
/** What a packet may take to pass all capture points once the connection is closed. Seconds. */
const SETTLE_SECONDS = 0.15;

/**
 * Runs the plan and writes everything into `folder`, which must exist. Whatever ends the run before its
 * time, what was captured until then is whole on disk, and the run record says what ended it.
 *
 * @param interruption ends the run when it is aborted; its reason is then what is thrown
 * @throws StalesumError `write-failed` as soon as the disk takes no more
 */
export async function recordRun(
  plan: RunPlan,
  folder: string,
  progress: RunProgress,
  interruption?: AbortSignal,
): Promise<void> {
  const run = new Running(interruption);
  const record = new RunRecorder(plan, folder);
  await record.write();
  try {
    for (const { node } of plan.nodes) await makeNodeFolder(join(folder, node.name));
    progress.step('reading rules, links, offload and counters');
    await Promise.all(plan.nodes.map(runNode => snapshotBefore(runNode, folder)));
    run.signal.throwIfAborted();
    progress.step('starting captures');
    await run.start(plan, folder, progress);
    await connectBoth(plan, folder, progress, run, record);
    await sleep(SETTLE_SECONDS * 1000);
    record.captures = await run.stop();
    await takeAllCounters(plan, folder);
    run.signal.throwIfAborted();
    await record.write('analysing');
  } catch (thrown) {
    const reason = run.signal.aborted ? run.signal.reason : thrown;
    await saveRest(plan, folder, run, record, reason);
    throw reason;
  }
}

/** After a fault, whose own message is the one that counts: ends what runs, and saves what can be saved. */
async function saveRest(
  plan: RunPlan,
  folder: string,
  run: Running,
  record: RunRecorder,
  reason: unknown,
): Promise<void> {
  const ended = run.abandon().then(captures => {
    record.captures = captures;
  });
  await Promise.allSettled([ended, takeAllCounters(plan, folder)]);
  await record.write('interrupted', messageOf(reason)).catch(() => undefined);
}

function takeAllCounters(plan: RunPlan, folder: string): Promise<unknown> {
  return Promise.all(
    plan.nodes.map(({ node }) => takeCounters(node, join(folder, node.name), 'after')),
  );
}

async function makeNodeFolder(path: string): Promise<void> {
  await mkdir(path).catch(thrown => {
    throw new StalesumError('write-failed', `${path}: ${messageOf(thrown)}`);
  });
}

/** What goes into the run record as the run goes on. */
class RunRecorder {
  readonly #plan: RunPlan;
  readonly #folder: string;
  connections: readonly ProbedConnection[] = [];
  captures: readonly RunCapture[] = [];

  constructor(plan: RunPlan, folder: string) {
    this.#plan = plan;
    this.#folder = folder;
  }

  async write(phase: RunFile['phase'] = 'recording', reason: string | null = null): Promise<void> {
    const { scenario, title, emulated, machine, tunnelPort, notes } = this.#plan;
    const { connections, captures } = this;
    await writeRunFile(this.#folder, {
      ...NEW_RUN,
      phase,
      reason,
      scenario: scenario ?? null,
      title: title ?? null,
      emulated,
      machine: machine ?? null,
      tunnelPort,
      notes,
      connections,
      captures,
    });
  }
}

async function snapshotBefore({ node, overlay, underlay }: RunNode, folder: string): Promise<void> {
  const own = join(folder, node.name);
  await Promise.all([
    takeStaticSnapshot(node, own, [underlay, overlay]),
    takeCounters(node, own, 'before'),
  ]);
}

async function connectBoth(
  plan: RunPlan,
  folder: string,
  progress: RunProgress,
  run: Running,
  record: RunRecorder,
): Promise<void> {
  const [{ node: client }] = plan.nodes;
  const { protocol, timeoutSeconds } = plan;
  const { signal } = run;
  progress.step('control connection');
  const control = await probe(
    client,
    {
      protocol,
      purpose: 'control',
      target: plan.control,
      attempts: 1,
      bytes: 0,
      timeoutSeconds,
      source: plan.source,
      signal,
    },
    plan.client,
  );
  record.connections = control;
  await record.write();
  await plan.afterControl();
  signal.throwIfAborted();
  progress.step(`connecting to ${plan.target.address}:${plan.target.port}`);
  run.watched = true;
  const listing = sleep(LIST_AFTER_SECONDS * 1000).then(() =>
    takeConntrackList(client, join(folder, client.name)),
  );
  // Whatever becomes of the connection, nobody may be left with a rejection.
  listing.catch(() => undefined);
  const targets = await probe(
    client,
    {
      protocol,
      purpose: 'target',
      target: plan.target,
      attempts: plan.attempts,
      bytes: plan.bytes,
      timeoutSeconds,
      signal,
    },
    plan.client,
  );
  record.connections = [...control, ...targets];
  await listing;
}

interface RunningCapture {
  readonly name: string;
  readonly device: string;
  readonly writer: CaptureWriter;
  readonly live: LiveCapture;
}

/** Everything of a run that has to be ended. */
class Running {
  /** Whether frames on the client's overlay are of interest to the progress. */
  watched = false;
  readonly #captures: RunningCapture[] = [];
  readonly #watches: { stop(): Promise<void> }[] = [];
  readonly #fault = new AbortController();
  /** Aborted by the user, or by a disk that takes no more. */
  readonly signal: AbortSignal;

  constructor(interruption: AbortSignal | undefined) {
    const signals = [this.#fault.signal, ...(interruption ? [interruption] : [])];
    this.signal = AbortSignal.any(signals);
  }

  async start(plan: RunPlan, folder: string, progress: RunProgress): Promise<void> {
    const { tunnelPort: port, innerFilter: inner, overlayFilter, keepPayload } = plan;
    const tunnel = { kind: 'tunnel', port, ...(inner && { inner }) } as const;
    const tunnelPorts = new Set([...DEFAULT_TUNNEL_PORTS, plan.tunnelPort]);
    const onFault = (fault: StalesumError) => this.#fault.abort(fault);
    const writing = { keepPayload, tunnelPorts, onFault };
    const points = plan.nodes.flatMap(({ node, engine, overlay, underlay, tap }, index) => [
      {
        node,
        layer: 'overlay',
        device: overlay,
        filter: overlayFilter,
        engine,
        isClients: index === 0,
      },
      { node, layer: 'underlay', device: underlay, filter: tunnel, engine, isClients: false },
      // Only libpcap reads netfilter's log.
      ...(tap === undefined
        ? []
        : [
            {
              node,
              layer: 'tap',
              device: tap,
              filter: EVERYTHING,
              engine: tcpdump,
              isClients: false,
            },
          ]),
    ]);
    const started = await Promise.allSettled([
      ...points.map(async ({ node, layer, device, filter, engine: taker, isClients }) => {
        const name = `${node.name}/${layer}.pcapng`;
        const description = `${layer} of ${node.name}`;
        const described = { name: device, description, filter: writtenFilter(filter) };
        const writer = new CaptureWriter(join(folder, name), described, writing);
        const onFrame = (frame: CapturedFrame) => {
          writer.visit(frame);
          if (isClients && this.watched) progress.overlayFrame(frame);
        };
        const live = await taker.start({ node, interface: device, filter, onFrame });
        this.#captures.push({ name, device, writer, live });
      }),
      ...plan.nodes.map(async ({ node, hasConntrack }) => {
        if (!hasConntrack) return;
        this.#watches.push(await watchConntrack(node, join(folder, node.name)));
      }),
    ]);
    const failed = started.find(result => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  /**
   * Ends all captures and watches; what each capture counted, in the order of their names.
   *
   * @throws what went wrong first, once all have ended
   */
  async stop(): Promise<RunCapture[]> {
    const { counted, faults } = await this.#end();
    const [fault] = faults;
    if (fault) throw fault.reason;
    return counted;
  }

  /** The same after a fault, whose own message is the one that counts. */
  async abandon(): Promise<RunCapture[]> {
    return (await this.#end()).counted;
  }

  async #end(): Promise<{ counted: RunCapture[]; faults: PromiseRejectedResult[] }> {
    const [captures, watches] = await Promise.all([
      Promise.allSettled(this.#captures.splice(0).map(endCapture)),
      Promise.allSettled(this.#watches.splice(0).map(watch => watch.stop())),
    ]);
    const counted = captures.flatMap(result =>
      result.status === 'fulfilled' ? [result.value] : [],
    );
    const faults = [...captures, ...watches].filter(result => result.status === 'rejected');
    return { counted: counted.sort((a, b) => a.name.localeCompare(b.name)), faults };
  }
}

async function endCapture({ name, device, writer, live }: RunningCapture): Promise<RunCapture> {
  const { linkType, kernelDrops, frames, interruption } = await live.stop();
  writer.end(linkType, kernelDrops, frames);
  if (interruption) throw new StalesumError('internal', `${name}: ${interruption}`);
  return { name, interface: device, kernelDrops };
}
