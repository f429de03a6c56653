/** The prediction for a run of the lab, from what was saved of node A before the connection. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VerdictDocument } from '../analysis/verdict.js';
import { StalesumError } from '../errors.js';
import type { Protocol } from '../lab/layout.js';
import { loadOrder } from '../lab/rules.js';
import type { Scenario } from '../lab/scenario.js';
import { targetsOf } from '../lab/services.js';
import { inspectFiles } from '../rules/inspect.js';
import type { Prediction } from '../rules/prediction.js';
import { parseConntrackEvents } from '../snapshot/conntrack.js';
import { type NodeFile, readNodeFiles, recognise } from '../snapshot/node-files.js';
import { SNAPSHOT_FILES } from '../snapshot/read-folder.js';

/** A kernel that has defect A. */
const EMULATED_KERNEL = '5.4.33';

/**
 * Predicts the flow that the run made.
 *
 * The order in which rules were loaded is no part of a snapshot; the lab knows it, and says it. Where a
 * rule of the lab stands for another kernel, the prediction is for that kernel, without the rule.
 */
export async function predictRecording(
  folder: string,
  scenario: Scenario,
  protocol: Protocol,
): Promise<Prediction> {
  const { files, gaps } = await readNodeFiles(folder);
  const { target } = targetsOf(scenario, protocol);
  const { predictions } = inspectFiles(
    { files: scenario.emulated ? ofEmulatedKernel(files) : files, gaps },
    { target, protocol, source: 'host', order: loadOrder(scenario) },
  );
  const [prediction] = predictions;
  if (!prediction) throw new StalesumError('internal', `${folder}: nothing was predicted`);
  return prediction;
}

function ofEmulatedKernel(files: readonly NodeFile[]): NodeFile[] {
  const kept = files.filter(
    ({ kind, name }) =>
      kind !== 'kernel' && kind !== 'os-release' && name !== SNAPSHOT_FILES.nftRules,
  );
  const kernel = recognise('uname.txt', EMULATED_KERNEL);
  return kernel ? [...kept, kernel] : kept;
}

/**
 * Whether node A's conntrack gave the flow's datagrams another source port, by its events; null where it
 * has no such entry.
 */
export async function conntrackRewrote(
  folder: string,
  scenario: Scenario,
  { flows: [flow] }: VerdictDocument,
): Promise<boolean | null> {
  const events = parseConntrackEvents(
    await readFile(join(folder, SNAPSHOT_FILES.conntrackEvents), 'utf8'),
  );
  const sent = flow?.outer?.sourcePortAfter;
  const own = events.find(
    ({ entry: { protocol, original, reply } }) =>
      protocol === 'udp' &&
      original.destinationPort === scenario.vxlan.tunnel.port &&
      reply.destinationPort === sent,
  );
  return own ? own.entry.original.sourcePort !== own.entry.reply.destinationPort : null;
}
