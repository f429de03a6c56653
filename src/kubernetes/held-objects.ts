/**
 * Objects of our own in a cluster. A shell of this machine makes them, holds them, and removes them when we are
 * gone, `kill -9` included; and the kubelet ends their pods after a deadline in any case.
 */
import { randomBytes } from 'node:crypto';
import { messageOf, StalesumError } from '../errors.js';
import { firstLine, settlesWithin, startChild } from '../node/child.js';
import { findCommand } from '../node/find-command.js';
import type { Kubectl } from './client.js';
import { isServersAnswer, kubectlFault, plainWords } from './faults.js';

export const LABELS = {
  'app.kubernetes.io/name': 'stalesum',
  'app.kubernetes.io/managed-by': 'stalesum',
} as const;

export function uniqueName(prefix: string): string {
  return `${prefix}-${randomBytes(5).toString('hex')}`;
}

export interface HoldRequest {
  /** That all of them have. */
  readonly name: string;
  /** As kubectl takes them: `pod`, `pod,service`. */
  readonly kinds: string;
  readonly manifest: unknown;
  /** `undefined`: that of the context. */
  readonly namespace: string | undefined;
  /** What they are for, as the beginning of a sentence. */
  readonly purpose: string;
  /** After which the pod ends, whatever has become of us. */
  readonly deadlineSeconds: number;
}

/** They were made; whether a pod of them runs is another matter. */
export interface HeldObjects {
  readonly namespace: string;
  readonly name: string;
  /** May be called twice. @throws StalesumError `unavailable`, with the command that removes them */
  remove(): Promise<void>;
}

/** Two tries of five seconds, and the start of kubectl. */
const REMOVE_SECONDS = 15;

/**
 * $0: the name; $1: the kinds; $2: the manifest; behind it kubectl. It says `made NAMESPACE`, or `not made`; then
 * its input says `delete`, or `leave` where nothing came to be. When it ends without a word we are gone, and
 * what runs in the pod gets a moment to put things in order.
 */
const HOLD = `trap '' PIPE HUP INT TERM
kinds=$1 manifest=$2
shift 2
if namespace=$(printf '%s' "$manifest" | "$@" create --validate=false --request-timeout=15s -o 'jsonpath={.metadata.namespace}{" "}' -f -)
then namespace=\${namespace%% *}; echo "made $namespace"
else namespace=; echo 'not made'
fi
read -r word || { word=delete; sleep 3; }
[ "$word" = delete ] || exit 0
[ -z "$namespace" ] || set -- "$@" --namespace="$namespace"
for try in 1 2
do
  "$@" delete "$kinds" "$0" --ignore-not-found --wait=false --request-timeout=5s </dev/null >/dev/null && exit 0
done
exit 1`;

/**
 * Makes objects, and holds them.
 *
 * @throws StalesumError `not-permitted`, `unavailable`
 */
export async function holdObjects(client: Kubectl, request: HoldRequest): Promise<HeldObjects> {
  const { name, kinds, namespace: asked } = request;
  const line = [...client.line, ...(asked === undefined ? [] : [`--namespace=${asked}`])];
  const manifest = JSON.stringify(request.manifest);
  const held = startChild([findCommand('sh'), '-c', HOLD, name, kinds, manifest, ...line], {
    openInput: true,
    outlivesUs: true,
  });
  let words = '';
  held.stderr.on('data', chunk => {
    words += String(chunk);
  });
  const said = await firstLine(held);
  const namespace = /^made (\S+)$/.exec(said ?? '')?.[1];
  const end = async (word: 'delete' | 'leave') => {
    held.write(`${word}\n`);
    held.closeInput();
    if ((await settlesWithin(held.ended, REMOVE_SECONDS)) && (await held.ended).exitCode === 0)
      return;
    throw leftOver(client, request, namespace ?? asked, words);
  };
  if (namespace === undefined) {
    const fault = kubectlFault(request.purpose, words);
    // A connection that broke may have made it all the same, and of several objects some may be there.
    const isNothing = isServersAnswer(words) && !kinds.includes(',');
    await end(isNothing ? 'leave' : 'delete').catch(more => {
      throw new StalesumError(fault.kind, `${fault.message}; ${messageOf(more)}`, fault.remedy);
    });
    throw fault;
  }
  words = '';
  let removal: Promise<void> | undefined;
  return {
    namespace,
    name,
    remove: () => {
      removal ??= end('delete');
      return removal;
    },
  };
}

function leftOver(
  { typed }: Kubectl,
  { kinds, name, deadlineSeconds }: HoldRequest,
  namespace: string | undefined,
  words: string,
): StalesumError {
  const command = `${typed} delete ${kinds}${namespace === undefined ? '' : ` -n ${namespace}`} ${name}`;
  const why = plainWords(words.trim().split('\n').at(-1) ?? '') || 'no answer';
  return new StalesumError(
    'unavailable',
    `the ${kinds.replace(',', ' and the ')} ${name} may be left (${why}); remove it: ${command} (the pod ends by itself ${deadlineSeconds} s after its start)`,
  );
}
