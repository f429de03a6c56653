/**
 * A node whose commands go there together, where each way costs much: a process of kubectl, and a connection of the
 * API server to the kubelet. Those that are asked for at the same time run side by side on the node, and their
 * answers come back in one.
 */
import { randomUUID } from 'node:crypto';
import { StalesumError } from '../errors.js';
import type { CommandResult, Node, RunOptions } from './node.js';
import { answerOf, DEFAULT_TIMEOUT_SECONDS, missingThere, tookTooLong } from './remote.js';
import { NOT_FOUND, wasNotFound } from './remote-script.js';

const MOST_AT_ONCE = 16;

interface Call {
  readonly command: string;
  readonly args: readonly string[];
  readonly options: RunOptions;
  readonly resolve: (result: CommandResult) => void;
  readonly reject: (fault: unknown) => void;
}

/**
 * $1: a folder; $2: a mark that no output has; behind them for each command the number of its words, and these.
 * Each one's exit code, output and words come behind a line of the mark.
 */
const TOGETHER = `folder=$1 mark=$2
shift 2
index=0 pids=
while [ $# -gt 0 ]
do
  count=$1 words= place=1
  shift
  while [ "$place" -le "$count" ]; do words="$words \\"\\\${$place}\\""; place=$((place + 1)); done
  index=$((index + 1))
  (
    eval "set -- $words"
    command -v "$1" >/dev/null 2>&1 || { echo '${NOT_FOUND}' >&2; exit 127; }
    exec "$@"
  ) </dev/null >"$folder/$mark.$index.out" 2>"$folder/$mark.$index.err" &
  pids="$pids $!"
  shift "$count"
done
index=0
for pid in $pids
do
  index=$((index + 1))
  wait "$pid"
  code=$?
  printf '%s %s\\n' "$mark" "$code"
  cat "$folder/$mark.$index.out"
  printf '%s\\n' "$mark"
  cat "$folder/$mark.$index.err"
done
rm -f "$folder/$mark".*`;

/**
 * The same node. Commands with an input go alone; so does each one again where one of several has not ended in time.
 *
 * @param folder there, for what they say
 */
export function batched(node: Node, folder: string): Node {
  const waiting: Call[] = [];
  const send = () => {
    const calls = waiting.splice(0, MOST_AT_ONCE);
    if (waiting.length > 0) setImmediate(send);
    void runTogether(node, folder, calls);
  };
  return {
    ...node,
    run: (command, args, options = {}) => {
      if (options.input !== undefined) return node.run(command, args, options);
      return new Promise((resolve, reject) => {
        if (waiting.length === 0) setImmediate(send);
        waiting.push({ command, args, options, resolve, reject });
      });
    },
  };
}

async function runTogether(node: Node, folder: string, calls: readonly Call[]): Promise<void> {
  const alone = ({ command, args, options, resolve, reject }: Call) =>
    node.run(command, args, options).then(resolve, reject);
  const [first] = calls;
  if (calls.length === 1 && first) return alone(first);
  const mark = `stalesum-${randomUUID()}`;
  const vectors = calls.flatMap(({ command, args }) => [String(args.length + 1), command, ...args]);
  const times = calls.map(({ options }) => options.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS);
  const timeoutSeconds = Math.max(...times);
  const words = ['-c', TOGETHER, 'sh', folder, mark, ...vectors];
  try {
    const { stdout } = await node.run('sh', words, { timeoutSeconds });
    const parts = stdout.split(new RegExp(`${mark} (\\d+)\\n`));
    for (const [index, call] of calls.entries()) {
      settle(node.name, call, parts[2 * index + 1], parts[2 * index + 2], mark);
    }
  } catch (fault) {
    if (tookTooLong(fault)) await Promise.all(calls.map(alone));
    else for (const { reject } of calls) reject(fault);
  }
}

function settle(
  name: string,
  { command, options, resolve, reject }: Call,
  code: string | undefined,
  text: string | undefined,
  mark: string,
): void {
  const end = text?.lastIndexOf(`${mark}\n`) ?? -1;
  if (code === undefined || text === undefined || end < 0) {
    const fault = `${name}: ${command}: its answer is not among those that came`;
    reject(new StalesumError('unavailable', fault));
    return;
  }
  const exitCode = Number(code);
  const stdout = text.slice(0, end);
  const stderr = text.slice(end + mark.length + 1);
  if (wasNotFound(exitCode, stderr)) {
    reject(missingThere(name, command));
    return;
  }
  try {
    resolve(answerOf(name, command, { exitCode, stdout, stderr }, options));
  } catch (fault) {
    reject(fault);
  }
}
