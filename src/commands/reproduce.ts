/** `stalesum reproduce`: in the embedded lab. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VerdictDocument } from '../analysis/verdict.js';
import type { EngineChoice } from '../capture/engine.js';
import { messageOf, StalesumError } from '../errors.js';
import { enterLab, insideLab } from '../lab/enter.js';
import type { Expectation } from '../lab/scenario.js';
import { scenarioNamed } from '../lab/scenarios.js';
import { isForKernel, type KernelOptions, onKernel } from './on-kernel.js';
import { exitPolicyOf, type OutputOptions, type PolicyOptions } from './options.js';

export interface ReproduceOptions extends OutputOptions, PolicyOptions, KernelOptions {
  readonly scenario: string;
  readonly timeout?: number;
  readonly attempts?: number;
  readonly protocol?: 'tcp' | 'udp';
  readonly retransmits: 'classic' | 'kernel';
  readonly tap: boolean;
  readonly engine: EngineChoice;
  readonly asExpected: boolean;
  readonly out?: string;
}

/** Runs a scenario, prints the verdict, and returns the exit code. */
export async function reproduce(options: ReproduceOptions): Promise<number> {
  const scenario = scenarioNamed(options.scenario);
  if (!insideLab()) {
    if (options.out !== undefined) await makeEmptyFolder(options.out);
    if (isForKernel(options)) return onKernel(options, [options.out]);
    return enterLab();
  }
  const { runInLab } = await import('../lab/run.js');
  const { printVerdict } = await import('../report/print.js');
  const { verdict, expected } = await runInLab(scenario, {
    folder: options.out,
    timeoutSeconds: options.timeout,
    attempts: options.attempts,
    protocol: options.protocol,
    retransmits: options.retransmits,
    tap: options.tap,
    engine: options.engine,
    quiet: options.quiet || options.json,
    policy: exitPolicyOf(options),
  });
  if (options.out !== undefined) {
    await saveVerdict(options.out, verdict);
    const { writeReports } = await import('../evidence/write-reports.js');
    await writeReports({ folder: options.out, verdict });
  }
  await printVerdict(verdict, { ...options, evidence: options.out });
  return options.asExpected ? expectedCode(expected, verdict) : verdict.exitCode;
}

function expectedCode(expected: Expectation, { verdict, grade }: VerdictDocument): number {
  const asExpected =
    verdict === expected.verdict && (expected.grade === undefined || grade === expected.grade);
  return asExpected ? 0 : 1;
}

async function makeEmptyFolder(folder: string): Promise<void> {
  if (/\.(tar|tgz|tar\.gz|zip)$/i.test(folder)) {
    throw new StalesumError(
      'usage',
      `${folder}: recordings are folders; archives are not written yet`,
    );
  }
  try {
    await mkdir(folder, { recursive: true });
    if ((await readdir(folder)).length === 0) return;
  } catch (thrown) {
    throw new StalesumError('write-failed', `${folder}: ${messageOf(thrown)}`);
  }
  throw new StalesumError('usage', `${folder}: the folder for the recording is not empty`);
}

async function saveVerdict(folder: string, verdict: VerdictDocument): Promise<void> {
  const path = join(folder, 'verdict.json');
  await writeFile(path, `${JSON.stringify(verdict, null, 2)}\n`).catch(thrown => {
    throw new StalesumError('write-failed', `${path}: ${messageOf(thrown)}`);
  });
}
