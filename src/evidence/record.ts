/**
 * Records a live run into a folder: captures on overlay and underlay of both nodes, conntrack events,
 * snapshots before and after, the control connection, and then the connection in question. Nothing is
 * judged here: the folder is a recording, and is analysed like any other.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProbedConnection } from '../analysis/input.js';
import type { CaptureEngine, LiveCapture } from '../capture/engine.js';
import { EVERYTHING } from '../capture/filter.js';
import { pcapFilterText } from '../capture/pcap-filter.js';
import { tcpdump } from '../capture/tcpdump.js';
import type { CapturedFrame } from '../capture-file/frame.js';
import { messageOf, StalesumError } from '../errors.js';
import type { Node } from '../node/node.js';
import { probe, type Target } from '../probe/connect.js';
import { watchConntrack } from '../snapshot/conntrack-watch.js';
import { takeConntrackList, takeCounters, takeStaticSnapshot } from '../snapshot/take.js';
import { CaptureWriter } from './capture-writer.js';
import { RUN_FILE, RUN_SCHEMA, type RunCapture, type RunFile } from './run-record.js';

/** A node that takes part, with its two capture points. */
export interface RunNode {
  readonly node: Node;
  readonly overlay: string;
  readonly underlay: string;
  /** What shows its tunnel datagrams in front of NAT: `nflog:5`. */
  readonly tap?: string;
}

export interface RunPlan {
  readonly scenario: string | undefined;
  readonly title: string | undefined;
  readonly emulated: boolean;
  readonly engine: CaptureEngine;
  /** The client's node first. */
  readonly nodes: readonly [RunNode, RunNode];
  readonly tunnelPort: number;
  readonly protocol: 'tcp' | 'udp';
  /** A connection that cannot have the fault: straight to the pod. */
  readonly control: Target;
  readonly target: Target;
  /** Connections to the target at once. */
  readonly attempts: number;
  /** Bytes to be echoed over each; 0: connecting is enough. */
  readonly bytes: number;
  readonly timeoutSeconds: number;
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

/** Runs the plan and writes everything into `folder`, which must exist and be empty. */
export async function recordRun(
  plan: RunPlan,
  folder: string,
  progress: RunProgress,
): Promise<void> {
  for (const { node } of plan.nodes) mkdirSync(join(folder, node.name));
  progress.step('reading rules, links, offload and counters');
  await Promise.all(plan.nodes.map(runNode => snapshotBefore(runNode, folder)));
  progress.step('starting captures');
  const running = new Running();
  try {
    await running.start(plan, folder, progress);
    const connections = await connectBoth(plan, folder, progress, running);
    await sleep(SETTLE_SECONDS * 1000);
    const captures = await running.stop();
    await Promise.all(
      plan.nodes.map(({ node }) => takeCounters(node, join(folder, node.name), 'after')),
    );
    writeRunFile(plan, folder, connections, captures);
  } finally {
    await running.abandon();
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
  running: Running,
): Promise<ProbedConnection[]> {
  const [{ node: client }] = plan.nodes;
  const { protocol, timeoutSeconds } = plan;
  progress.step('control connection');
  const control = await probe(client, {
    protocol,
    purpose: 'control',
    target: plan.control,
    attempts: 1,
    bytes: 0,
    timeoutSeconds,
  });
  await plan.afterControl();
  progress.step(`connecting to ${plan.target.address}:${plan.target.port}`);
  running.watched = true;
  const listing = sleep(LIST_AFTER_SECONDS * 1000).then(() =>
    takeConntrackList(client, join(folder, client.name)),
  );
  // Whatever becomes of the connection, nobody may be left with a rejection.
  listing.catch(() => undefined);
  const targets = await probe(client, {
    protocol,
    purpose: 'target',
    target: plan.target,
    attempts: plan.attempts,
    bytes: plan.bytes,
    timeoutSeconds,
  });
  await listing;
  return [...control, ...targets];
}

/** Everything of a run that has to be ended. */
class Running {
  /** Whether frames on the client's overlay are of interest to the progress. */
  watched = false;
  readonly #captures: { name: string; device: string; writer: CaptureWriter; live: LiveCapture }[] =
    [];
  readonly #watches: { stop(): Promise<void> }[] = [];

  async start(plan: RunPlan, folder: string, progress: RunProgress): Promise<void> {
    const tunnel = { kind: 'tunnel', port: plan.tunnelPort } as const;
    const { engine } = plan;
    const points = plan.nodes.flatMap(({ node, overlay, underlay, tap }, index) => [
      {
        node,
        layer: 'overlay',
        device: overlay,
        filter: EVERYTHING,
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
        const described = { name: device, description, filter: pcapFilterText(filter) };
        const writer = new CaptureWriter(join(folder, name), described);
        const onFrame = (frame: CapturedFrame) => {
          writer.visit(frame);
          if (isClients && this.watched) progress.overlayFrame(frame);
        };
        const live = await taker.start({ node, interface: device, filter, onFrame });
        this.#captures.push({ name, device, writer, live });
      }),
      ...plan.nodes.map(async ({ node }) => {
        this.#watches.push(await watchConntrack(node, join(folder, node.name)));
      }),
    ]);
    const failed = started.find(result => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  /** Ends all captures and watches; what each capture counted, in the order of their names. */
  async stop(): Promise<RunCapture[]> {
    const captures = this.#captures.splice(0);
    const watches = this.#watches.splice(0);
    const [counted] = await Promise.all([
      Promise.all(
        captures.map(async ({ name, device, writer, live }) => {
          const { linkType, kernelDrops, frames, interruption } = await live.stop();
          writer.end(linkType, kernelDrops, frames);
          if (interruption) throw new StalesumError('internal', `${name}: ${interruption}`);
          return { name, interface: device, kernelDrops };
        }),
      ),
      Promise.all(watches.map(watch => watch.stop())),
    ]);
    return counted.sort((a, b) => a.name.localeCompare(b.name));
  }

  /** Ends what is still running after a fault, whose own message is the one that counts. */
  async abandon(): Promise<void> {
    await Promise.allSettled([
      ...this.#captures.splice(0).map(({ live }) => live.stop()),
      ...this.#watches.splice(0).map(watch => watch.stop()),
    ]);
  }
}

function writeRunFile(
  plan: RunPlan,
  folder: string,
  connections: readonly ProbedConnection[],
  captures: readonly RunCapture[],
): void {
  const file: RunFile = {
    schema: RUN_SCHEMA,
    scenario: plan.scenario ?? null,
    title: plan.title ?? null,
    emulated: plan.emulated,
    connections,
    captures,
  };
  const path = join(folder, RUN_FILE);
  try {
    writeFileSync(path, `${JSON.stringify(file, null, 2)}\n`, { flag: 'wx' });
  } catch (thrown) {
    throw new StalesumError('write-failed', `${path}: ${messageOf(thrown)}`);
  }
}
