/**
 * The processes of a pod. A node ends them by the container's cgroup, whatever they did with their process
 * groups; here a mark in their environment, which they inherit, stands for it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { findCommand } from '../../src/node/find-command.js';
import type { Container, Pod } from './objects.js';

const MARK = 'STALESUM_TEST_POD';
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * What executes a command of a pod, as a vector: `['nsenter', '--net=/run/netns/node-a', '--', ...argv]`.
 * Undefined where the container has no such program.
 */
export type Run = (
  pod: Pod,
  container: Container,
  argv: readonly string[],
) => readonly string[] | undefined;

export type Stdio = readonly ('ignore' | 'pipe')[];

/** Undefined where there is no such program. The environment is the container's own. */
export function startIn(
  pod: Pod,
  container: Container,
  argv: readonly string[],
  run: Run,
  stdio: Stdio,
): ChildProcess | undefined {
  const vector = isThere(argv[0]) ? run(pod, container, argv) : undefined;
  if (vector === undefined) return undefined;
  const [file = '', ...args] = vector;
  const own = (container.env ?? []).map(({ name, value = '' }) => [name, value]);
  const base = { PATH, HOME: '/root', HOSTNAME: pod.metadata.name };
  return spawn(findCommand(file), args, {
    stdio: [...stdio],
    cwd: '/',
    detached: true,
    env: { ...base, ...Object.fromEntries(own), [MARK]: pod.metadata.uid },
  });
}

function isThere(program = ''): boolean {
  try {
    findCommand(program);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when the pod has no process any more. (One that is just being executed shows no environment.) */
export async function endAll(uid: string): Promise<void> {
  for (let tries = 0, empty = 0; tries < 500; tries++) {
    const pids = processesOf(uid);
    for (const pid of pids) kill(pid, 'SIGKILL');
    empty = pids.length === 0 ? empty + 1 : 0;
    if (empty === 2) return;
    await sleep(10);
  }
  throw new Error(`processes of a pod do not end: ${processesOf(uid)}`);
}

export function processesOf(uid: string): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && environmentOf(name).includes(`${MARK}=${uid}\0`))
    .map(Number);
}

/** Empty for a zombie, and for a process that has gone or is not ours. */
function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code !== 'ESRCH') throw fault;
  }
}
