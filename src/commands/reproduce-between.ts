/** `stalesum reproduce --from NODE --to NODE --target TARGET`: between two real nodes. */
import { readdir } from 'node:fs/promises';
import { StalesumError } from '../errors.js';
import { withCleanup } from '../harness/cleanup.js';
import { runBetween } from '../harness/run.js';
import { parseTarget } from '../harness/target.js';
import { makeTemporaryFolder } from '../harness/temporary-folder.js';
import { parseNode } from '../node/description.js';
import { voiceOn } from '../report/voice.js';
import { exitPolicyOf } from './options.js';
import { keepRun, makeEmptyFolder, type ReproduceOptions } from './reproduce.js';

/** Runs between the nodes, prints the verdict, and returns the exit code. */
export async function reproduceBetween(options: ReproduceOptions): Promise<number> {
  const { from, to, target } = options;
  if (from === undefined || to === undefined || target === undefined) {
    throw new StalesumError(
      'usage',
      'expected --from, --to and --target together, or none of them for the lab',
    );
  }
  const nodes = { from: parseNode(from), to: parseNode(to), target: parseTarget(target) };
  if (options.out !== undefined) await makeEmptyFolder(options.out);
  const temporary = options.out === undefined ? await makeTemporaryFolder() : undefined;
  const folder = options.out ?? temporary?.path ?? '';
  const voice = voiceOn(options.quiet || options.json);
  let failed = true;
  try {
    const verdict = await withCleanup(
      atEnd =>
        runBetween(
          {
            ...nodes,
            protocol: options.protocol ?? 'tcp',
            attempts: options.attempts,
            timeoutSeconds: options.timeout,
            engine: options.engine,
            exposeVethLoss: options.exposeVethLoss,
            folder,
            policy: exitPolicyOf(options),
          },
          voice,
          atEnd,
        ),
      () => voice.clear(),
    );
    failed = false;
    voice.clear();
    return await keepRun(options, verdict);
  } finally {
    voice.clear();
    // After a fault, what was captured is kept.
    if (failed && (await hasCaptures(folder))) {
      await temporary?.keep();
      voice.warn(`what was captured is in ${folder}: stalesum analyze ${folder}`);
    } else {
      await temporary?.remove();
    }
  }
}

async function hasCaptures(folder: string): Promise<boolean> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  return names.some(name => name.endsWith('.pcapng'));
}
