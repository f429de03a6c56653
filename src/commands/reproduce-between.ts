/** `stalesum reproduce --from NODE --to NODE --target TARGET`: between two real nodes. */
import { readdir } from 'node:fs/promises';
import type { VerdictDocument } from '../analysis/verdict.js';
import { messageOf, StalesumError } from '../errors.js';
import { type BundlePlace, bundlePlace, makePlace } from '../evidence/bundle-place.js';
import { beginBundle, leaveBundle } from '../evidence/unfinished-bundle.js';
import { unlessAborted, withCleanup } from '../harness/cleanup.js';
import { type PairOptions, runBetween } from '../harness/run.js';
import { makeTemporaryFolder } from '../harness/temporary-folder.js';
import { type Voice, voiceOn } from '../terminal/voice.js';
import { clusterSettings } from './between-options.js';
import { type Between, type ChoosePair, pairFor } from './between-pair.js';
import { finishRun } from './finish-run.js';
import { exitPolicyOf } from './options.js';
import type { ReproduceOptions } from './reproduce-options.js';

/** Runs between the nodes, prints the verdict, and returns the exit code. */
export async function reproduceBetween(options: ReproduceOptions): Promise<number> {
  const { out } = options;
  const voice = voiceOn(options.quiet || options.json);
  const plan = {
    cluster: clusterSettings(options),
    attempts: options.attempts,
    timeoutSeconds: options.timeout,
    engine: options.engine,
    exposeVethLoss: options.exposeVethLoss,
    keepPayload: options.keepPayload,
    policy: exitPolicyOf(options),
  } as const;
  const choose = await pairFor(options, voice);
  const run = (folder: string) => runIn({ ...plan, folder }, choose, voice);
  if (out === undefined) return (await runOnce(run, options, voice)).exitCode;
  return (await runFor(bundlePlace(out), run, options)).exitCode;
}

/** The run, with what has to be put in order behind it. */
async function runIn(
  options: Omit<PairOptions, keyof Between>,
  choose: ChoosePair,
  voice: Voice,
): Promise<VerdictDocument> {
  try {
    return await withCleanup(async (atEnd, signal) => {
      const between = await unlessAborted(signal, choose(atEnd, signal));
      return runBetween({ ...options, ...between }, voice, atEnd, signal);
    });
  } finally {
    voice.clear();
  }
}

/** A run whose recording is of no more use once its verdict is there; but it stays if there is none. */
async function runOnce(
  run: (folder: string) => Promise<VerdictDocument>,
  options: ReproduceOptions,
  voice: Voice,
): Promise<VerdictDocument> {
  const { path, keep, remove } = await makeTemporaryFolder();
  try {
    const verdict = await run(path);
    return await finishRun(options, undefined, verdict);
  } catch (thrown) {
    const isOver = thrown instanceof StalesumError && thrown.kind === 'interrupted';
    if (!isOver && (await hasCaptures(path))) {
      await keep();
      voice.warn(`evidence so far: ${path}  (stalesum analyze ${path})`);
    }
    throw thrown;
  } finally {
    await remove();
  }
}

async function runFor(
  place: BundlePlace,
  run: (folder: string) => Promise<VerdictDocument>,
  options: ReproduceOptions,
): Promise<VerdictDocument> {
  await makePlace(place);
  await beginBundle(place.folder);
  let ending = 'the run ended';
  try {
    const verdict = await run(place.folder);
    return await finishRun(options, place, verdict);
  } catch (thrown) {
    ending = messageOf(thrown);
    throw thrown;
  } finally {
    const left = await leaveBundle(place, ending);
    if (left !== undefined) voiceOn(false).warn(left);
  }
}

async function hasCaptures(folder: string): Promise<boolean> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  return names.some(name => name.endsWith('.pcapng'));
}
