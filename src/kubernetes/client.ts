/** The user's own kubectl, with the user's own configuration (KUBECONFIG). */
import { StalesumError } from '../errors.js';
import { findCommand } from '../node/find-command.js';
import { localNode } from '../node/local.js';
import type { CommandResult } from '../node/node.js';
import { tookTooLong } from '../node/remote.js';
import { isNotFound, kubectlFault } from './faults.js';
import { listAt } from './json.js';
import { checkedContext } from './names.js';
import { type ClusterNode, readNode } from './objects.js';

/** What the API server gets for an answer. Seconds. */
const REQUEST_SECONDS = 15;
/** With the start of kubectl, name resolution, and credential plugins. */
const PATIENCE_SECONDS = 30;

export interface Kubectl {
  /** The command line that arguments of kubectl are put behind. */
  readonly line: readonly [string, ...string[]];
  /** What a user types for the same. */
  readonly typed: string;
}

/**
 * kubectl, and the cluster that it speaks to.
 *
 * @param context `undefined`: the configuration's current one
 * @throws StalesumError `missing-tool` without kubectl; `usage`
 */
export function kubectl(context: string | undefined): Kubectl {
  const path = kubectlPath();
  if (context === undefined) return { line: [path], typed: 'kubectl' };
  const option = `--context=${checkedContext(context)}`;
  const typed = /^[\w.:/@=-]+$/.test(option) ? option : `'${option.replaceAll("'", "'\\''")}'`;
  return { line: [path, option], typed: `kubectl ${typed}` };
}

function kubectlPath(): string {
  try {
    return findCommand('kubectl');
  } catch {
    throw new StalesumError(
      'missing-tool',
      'kubectl is not on this machine',
      'install it (https://kubernetes.io/docs/tasks/tools/), or name nodes and target without it: --from ssh:..., --target IP:PORT',
    );
  }
}

/** Runs kubectl to its end, whatever it says. @throws StalesumError `unavailable` if that takes too long */
async function runKubectl(
  { line: [path, ...options], typed }: Kubectl,
  args: readonly string[],
): Promise<CommandResult> {
  const words = [...options, `--request-timeout=${REQUEST_SECONDS}s`, ...args];
  const limits = { mayFail: true, timeoutSeconds: PATIENCE_SECONDS };
  return localNode('kubectl')
    .run(path, words, limits)
    .catch(thrown => {
      if (!tookTooLong(thrown)) throw thrown;
      const text = `kubectl: the API server does not answer within ${PATIENCE_SECONDS} s`;
      throw new StalesumError('unavailable', text, `"${typed} get nodes" must work`);
    });
}

/**
 * One object, or a list, as JSON; `undefined` if there is no such thing.
 *
 * @throws StalesumError `not-permitted`, `unavailable`
 */
export async function getJson(client: Kubectl, args: readonly string[]): Promise<unknown> {
  const { exitCode, stdout, stderr } = await runKubectl(client, ['get', '-o', 'json', ...args]);
  const what = `get ${args.filter(word => !word.startsWith('-')).join(' ')}`;
  if (exitCode !== 0) {
    if (isNotFound(stderr)) return undefined;
    throw kubectlFault(what, stderr);
  }
  try {
    return JSON.parse(stdout) as unknown;
  } catch {
    throw new StalesumError('unavailable', `kubectl: ${what}: its answer is no JSON`);
  }
}

/** @throws StalesumError `not-permitted`, `unavailable` */
export async function clusterNode(client: Kubectl, name: string): Promise<ClusterNode | undefined> {
  return readNode(await getJson(client, ['nodes', name]));
}

/** All nodes, by name. @throws StalesumError `not-permitted`, `unavailable` */
export async function clusterNodes(client: Kubectl): Promise<readonly ClusterNode[]> {
  const nodes = listAt(await getJson(client, ['nodes']), 'items').flatMap(
    item => readNode(item) ?? [],
  );
  return nodes.sort((one, other) => (one.name < other.name ? -1 : 1));
}
