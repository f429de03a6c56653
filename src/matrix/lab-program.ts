/**
 * The program inside each lab of a matrix: `node lab-program.js '{"scenario", "protocols", ...}'`. It
 * builds the lab, records a run for each protocol, judges the recording and predicts from the rules that
 * node A had before it. One line of JSON for each run.
 */
import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_EXIT_POLICY } from '../analysis/exit-code.js';
import { messageOf, StalesumError } from '../errors.js';
import { bundlePlace } from '../evidence/bundle-place.js';
import { examinePaths } from '../evidence/examine.js';
import { type Lab, startLab } from '../lab/lab.js';
import type { Protocol } from '../lab/layout.js';
import { type Retransmits, withRetransmits } from '../lab/retransmits.js';
import { recordIn } from '../lab/run.js';
import { scenarioNamed } from '../lab/scenarios.js';
import { finishBundle } from '../report/finish-bundle.js';
import { SILENT } from '../terminal/voice.js';
import { conntrackRewrote, predictRecording } from './predict-recording.js';
import type { LabResult } from './row.js';

/** What it is told, as JSON. */
export interface LabOrder {
  readonly scenario: string;
  readonly protocols: readonly Protocol[];
  readonly retransmits: Retransmits;
  /** Where the recordings are kept, each in a folder `NAME-PROTOCOL`; null: they go with the lab. */
  readonly out: string | null;
}

/** What it tells first: that its lab stands, and why it cannot do just what it was told. */
export interface LabStands {
  readonly stands: true;
  readonly shortcoming: string | null;
}

const order = JSON.parse(process.argv[2] ?? '{}') as LabOrder;
try {
  await run(order);
} catch (thrown) {
  const remedy = thrown instanceof StalesumError && thrown.remedy ? ` (${thrown.remedy})` : '';
  process.stderr.write(`${messageOf(thrown)}${remedy}\n`);
  process.exitCode = thrown instanceof StalesumError ? thrown.exitCode : 70;
}

async function run({ scenario: name, protocols, retransmits, out }: LabOrder): Promise<void> {
  const { scenario, shortcoming } = withRetransmits(scenarioNamed(name), retransmits);
  const lab = await startLab(scenario);
  try {
    say({ stands: true, shortcoming: shortcoming ?? null });
    for (const protocol of protocols) {
      // The lab's own /run is in memory and goes with its namespaces, whatever ends them.
      const folder =
        out === null ? await mkdtemp('/run/stalesum-') : join(out, `${name}-${protocol}`);
      if (out !== null) await mkdir(folder);
      // Of the run before.
      await lab.forgetFlows();
      const result = await measure(lab, protocol, folder);
      if (out === null) say(result);
      else {
        const { verdict } = await finishBundle(bundlePlace(folder), result.verdict);
        say({ ...result, verdict });
      }
    }
  } finally {
    await lab.close();
  }
}

async function measure(lab: Lab, protocol: Protocol, folder: string): Promise<LabResult> {
  const options = {
    engine: 'auto',
    protocol,
    attempts: undefined,
    timeoutSeconds: undefined,
    tap: false,
    keepPayload: false,
  } as const;
  await recordIn(lab, folder, options, SILENT);
  const policy = DEFAULT_EXIT_POLICY;
  const verdict = await examinePaths([folder], { tunnelPorts: [], policy });
  return {
    protocol,
    verdict,
    prediction: await predictRecording(join(folder, lab.nodeA.name), lab.scenario, protocol),
    conntrackRewrote: await conntrackRewrote(join(folder, lab.nodeA.name), lab.scenario, verdict),
  };
}

function say(line: LabResult | LabStands): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
