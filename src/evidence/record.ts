/**
 * Records a live run into a folder: captures on overlay and underlay of both nodes, conntrack events,
 * snapshots before and after, the control connection, and then the connection in question. Nothing is
 * judged here: the folder is a recording, and is analysed like any other.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProbedConnection } from '../analysis/input.js';
import { messageOf, StalesumError } from '../errors.js';
import { patience } from '../guest-environment.js';
import { probe } from '../probe/connect.js';
import { takeConntrackList, takeCounters, takeStaticSnapshot } from '../snapshot/take.js';
import { RunCaptures } from './run-captures.js';
import type { RunNode, RunPlan, RunProgress } from './run-plan.js';
import { NEW_RUN, type RunCapture, type RunFile, writeRunFile } from './run-record.js';

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
  const run = new RunCaptures(interruption);
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
    await sleep(patience(SETTLE_SECONDS) * 1000);
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
  run: RunCaptures,
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
  run: RunCaptures,
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
  const listing = sleep(LIST_AFTER_SECONDS * 1000, undefined, { signal }).then(() =>
    takeConntrackList(client, join(folder, client.name)),
  );
  const connecting = probe(
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
  // Whatever becomes of the connection, nothing is written any more once this has ended.
  await Promise.allSettled([listing, connecting]);
  const targets = await connecting;
  record.connections = [...control, ...targets];
  await listing;
}
