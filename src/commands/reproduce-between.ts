/** `stalesum reproduce --from NODE --to NODE --target TARGET`: between two real nodes. */
import { readdir } from 'node:fs/promises';
import type { VerdictDocument } from '../analysis/verdict.js';
import { messageOf, StalesumError } from '../errors.js';
import { type BundlePlace, bundlePlace, makePlace } from '../evidence/bundle-place.js';
import { beginBundle, leaveBundle } from '../evidence/unfinished-bundle.js';
import { choosePair } from '../harness/choose-pair.js';
import { withCleanup } from '../harness/cleanup.js';
import { type PairOptions, runBetween } from '../harness/run.js';
import { parseTarget } from '../harness/target.js';
import { makeTemporaryFolder } from '../harness/temporary-folder.js';
import { kubectl } from '../kubernetes/client.js';
import { parseNode } from '../node/description.js';
import { type Voice, voiceOn } from '../report/voice.js';
import { clusterSettings } from './between-options.js';
import { finishRun } from './finish-run.js';
import { exitPolicyOf } from './options.js';
import type { ReproduceOptions } from './reproduce-options.js';

/** Runs between the nodes, prints the verdict, and returns the exit code. */
export async function reproduceBetween(options: ReproduceOptions): Promise<number> {
  const { out } = options;
  const voice = voiceOn(options.quiet || options.json);
  const plan = {
    ...(await pairOf(options, voice)),
    cluster: clusterSettings(options),
    attempts: options.attempts,
    timeoutSeconds: options.timeout,
    engine: options.engine,
    exposeVethLoss: options.exposeVethLoss,
    keepPayload: options.keepPayload,
    policy: exitPolicyOf(options),
  } as const;
  const run = (folder: string) => runIn({ ...plan, folder }, voice);
  if (out === undefined) return (await runOnce(run, options, voice)).exitCode;
  return (await runFor(bundlePlace(out), run, options)).exitCode;
}

type Between = Pick<PairOptions, 'from' | 'to' | 'target' | 'protocol' | 'endpoints'>;

/** What is named in full, or what the cluster has for it. */
async function pairOf(options: ReproduceOptions, voice: Voice): Promise<Between> {
  const { from, to, protocol } = options;
  if (options.target === undefined) throw incomplete();
  const wish = {
    from: from === undefined ? undefined : parseNode(from),
    to: to === undefined ? undefined : parseNode(to),
    target: parseTarget(options.target),
  };
  const { target } = wish;
  if (target.kind === 'address') {
    if (!wish.from || !wish.to) throw incomplete();
    return { from: wish.from, to: wish.to, target, protocol: protocol ?? 'tcp', endpoints: [] };
  }
  voice.show('cluster  looking up the target');
  const { notes, ...pair } = await choosePair(kubectl(options.context), {
    ...{ ...wish, target, protocol },
  });
  for (const note of notes) voice.warn(note);
  return pair;
}

function incomplete(): StalesumError {
  return new StalesumError(
    'usage',
    'expected --from, --to and --target together, or none of them for the lab',
    'with --target svc/NAMESPACE/NAME:PORT or pod/NAMESPACE/NAME:PORT the cluster chooses the nodes',
  );
}

/** The run, with what has to be put in order behind it. */
async function runIn(options: PairOptions, voice: Voice): Promise<VerdictDocument> {
  try {
    return await withCleanup((atEnd, signal) => runBetween(options, voice, atEnd, signal));
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
