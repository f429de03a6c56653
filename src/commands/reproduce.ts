/** `stalesum reproduce`: in the embedded lab. */
import type { VerdictDocument } from '../analysis/verdict.js';
import type { BundlePlace } from '../evidence/bundle-place.js';
import { enterLab, insideLab } from '../lab/enter.js';
import type { Expectation } from '../lab/scenario.js';
import { scenarioNamed } from '../lab/scenarios.js';
import { printable } from '../output.js';
import { isBetweenNodes } from './between-options.js';
import { finishRun } from './finish-run.js';
import { isForKernel, onKernel } from './on-kernel.js';
import { exitPolicyOf } from './options.js';
import type { ReproduceOptions } from './reproduce-options.js';

/** Runs a scenario, or between two nodes, prints the verdict, and returns the exit code. */
export async function reproduce(options: ReproduceOptions): Promise<number> {
  if (isBetweenNodes(options)) {
    const { reproduceBetween } = await import('./reproduce-between.js');
    return reproduceBetween(options);
  }
  // An unknown one is said before anything is made.
  scenarioNamed(options.scenario);
  const place = await placeOf(options);
  if (insideLab()) return reproduceInside(options, place);
  if (isForKernel(options)) {
    // The machine with that kernel makes the bundle, and it is brought here as a whole.
    if (place !== undefined) await checkPlace(place);
    return onKernel(options, [options.out]);
  }
  return place === undefined ? enterLab() : enterLabFor(place);
}

async function checkPlace(place: BundlePlace): Promise<void> {
  const { assertFree } = await import('../evidence/bundle-place.js');
  await assertFree(place);
}

async function placeOf({ out }: ReproduceOptions): Promise<BundlePlace | undefined> {
  if (out === undefined) return undefined;
  const { bundlePlace } = await import('../evidence/bundle-place.js');
  return bundlePlace(out);
}

/** Outside: makes the place, and if the run inside does not finish its bundle, says what there is. */
async function enterLabFor(place: BundlePlace): Promise<number> {
  const [{ makePlace }, { beginBundle, leaveBundle }] = await Promise.all([
    import('../evidence/bundle-place.js'),
    import('../evidence/unfinished-bundle.js'),
  ]);
  await makePlace(place);
  await beginBundle(place.folder);
  let ending = 'the run did not begin';
  try {
    const exitCode = await enterLab();
    ending = `the run ended with exit code ${exitCode}`;
    return exitCode;
  } finally {
    const left = await leaveBundle(place, ending);
    if (left !== undefined) process.stderr.write(`stalesum: ${printable(left)}\n`);
  }
}

async function reproduceInside(
  options: ReproduceOptions,
  place: BundlePlace | undefined,
): Promise<number> {
  const { runInLab } = await import('../lab/run.js');
  const run = await runInLab(scenarioNamed(options.scenario), {
    folder: place?.folder,
    timeoutSeconds: options.timeout,
    attempts: options.attempts,
    protocol: options.protocol,
    retransmits: options.retransmits,
    tap: options.tap,
    engine: options.engine,
    keepPayload: options.keepPayload,
    quiet: options.quiet || options.json,
    policy: exitPolicyOf(options),
  });
  const verdict = await finishRun(options, place, run.verdict);
  return exitCodeOf(options, run.expected, verdict);
}

function exitCodeOf(
  { asExpected }: ReproduceOptions,
  expected: Expectation,
  { verdict, grade, exitCode }: VerdictDocument,
): number {
  if (!asExpected) return exitCode;
  const isExpected =
    verdict === expected.verdict && (expected.grade === undefined || grade === expected.grade);
  return isExpected ? 0 : 1;
}
