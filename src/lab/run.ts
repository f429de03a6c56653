/** One run of a scenario: the lab is built, the run recorded, and the recording examined. */
import { mkdtemp } from 'node:fs/promises';
import type { ExitPolicy } from '../analysis/exit-code.js';
import type { VerdictDocument } from '../analysis/verdict.js';
import { tcpdump } from '../capture/tcpdump.js';
import { examinePaths } from '../evidence/examine.js';
import { recordRun } from '../evidence/record.js';
import type { Node } from '../node/node.js';
import { SynWatch } from '../probe/syn-watch.js';
import { progressOn } from '../report/progress.js';
import { startLab } from './lab.js';
import { VXLAN } from './layout.js';
import type { Scenario } from './scenarios.js';

export interface RunOptions {
  /** Where the recording is kept; without one it is gone with the lab. An empty folder. */
  readonly folder: string | undefined;
  readonly timeoutSeconds: number;
  readonly quiet: boolean;
  readonly policy: ExitPolicy;
}

/** Runs a scenario and examines the recording of it. Must be called inside the lab's namespaces. */
export async function runInLab(
  scenario: Scenario,
  { folder: kept, timeoutSeconds, quiet, policy }: RunOptions,
): Promise<VerdictDocument> {
  const progress = progressOn(process.stderr, quiet);
  try {
    progress.show(`lab      building: ${scenario.title}`);
    const lab = await startLab(scenario);
    // The lab's own /run is in memory and goes with its namespaces, whatever ends them.
    const folder = kept ?? (await mkdtemp('/run/stalesum-'));
    try {
      const watch = new SynWatch(await linearTimeouts(lab.nodeA), text =>
        progress.show(`connect  ${text}`),
      );
      const point = { overlay: VXLAN.device, underlay: 'eth0' };
      await recordRun(
        {
          scenario: scenario.name,
          title: scenario.title,
          emulated: false,
          engine: tcpdump,
          nodes: [
            { node: lab.nodeA, ...point },
            { node: lab.nodeB, ...point },
          ],
          tunnelPort: VXLAN.port,
          control: lab.podTarget,
          target: lab.target,
          timeoutSeconds,
        },
        folder,
        { step: text => progress.show(`run      ${text}`), overlayFrame: watch.visit },
      );
    } finally {
      await lab.close();
    }
    progress.show('analyse  reading the captures');
    return await examinePaths([folder], { tunnelPorts: [], policy });
  } finally {
    progress.clear();
  }
}

async function linearTimeouts(node: Node): Promise<number> {
  const path = '/proc/sys/net/ipv4/tcp_syn_linear_timeouts';
  const { stdout } = await node.run('cat', [path], { mayFail: true });
  return Number(stdout.trim());
}
