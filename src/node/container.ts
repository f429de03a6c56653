/**
 * Containers of Docker and Podman: kind nodes, and whatever else stands for a node. On this machine the
 * container's network namespace is entered and this machine's tools are used, since kind's image has no
 * tcpdump, conntrack or ethtool. Elsewhere (a remote engine, a virtual machine) its own commands run, by
 * `exec`.
 */
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { messageOf, StalesumError } from '../errors.js';
import { findCommand } from './find-command.js';
import { localNode } from './local.js';
import type { Node, OpenNode } from './node.js';
import { processNode } from './process.js';
import { type Carrier, remoteNode } from './remote.js';

export type ContainerEngine = 'docker' | 'podman';

/** Docker's and Podman's own exit codes where a container cannot be executed in. */
const ENGINE_FAILED = new Set([125, 126, 255]);

/**
 * @param container Name or id, checked before (description.ts).
 * @throws StalesumError `unavailable` if there is no such container or it does not run;
 *   `missing-tool` without the engine's client; `not-permitted`
 */
export async function containerNode(engine: ContainerEngine, container: string): Promise<OpenNode> {
  const pid = await runningPid(engine, container);
  const inside = remoteNode(containerCarrier(engine, container));
  const here = await namespaceHere(inside, pid);
  const close = async () => undefined;
  if (here === undefined) return { node: processNode(container, pid), notes: [], close };
  return { node: inside, notes: [`${container}: its own tools are used: ${here}`], close };
}

/** The number of its first process, as the engine's machine counts. */
async function runningPid(engine: ContainerEngine, container: string): Promise<number> {
  const client = localNode(container);
  const format = '{{.State.Running}} {{.State.Pid}}';
  const args = ['container', 'inspect', '--format', format, '--', container];
  const { exitCode, stdout, stderr } = await client.run(engine, args, { mayFail: true });
  if (exitCode !== 0) throw refusal(engine, container, stderr);
  const [, running, pid] = /^(true|false) (\d+)\s*$/.exec(stdout) ?? [];
  if (running !== 'true' || pid === undefined || pid === '0') {
    throw new StalesumError('unavailable', `${engine}: the container ${container} does not run`);
  }
  return Number(pid);
}

function refusal(engine: ContainerEngine, container: string, words: string): StalesumError {
  const text = messageOf(words.trim() || 'it says nothing');
  const message = `${engine}: container ${container}: ${text}`;
  if (/permission denied/i.test(text)) {
    return new StalesumError('not-permitted', message, `"${engine} ps" must work for this user`);
  }
  return new StalesumError('unavailable', message);
}

/**
 * Why the container's network namespace is not one of this machine that we may enter; `undefined` if it
 * is. That the process with its number is its own, and not another one of a machine with other numbers,
 * shows in the kernel's boot and the namespace's number.
 */
async function namespaceHere(inside: Node, pid: number): Promise<string | undefined> {
  const script = 'cat /proc/sys/kernel/random/boot_id; readlink /proc/self/ns/net';
  const { stdout } = await inside.run('sh', ['-c', script], { mayFail: true });
  const [boot = '', namespace = ''] = stdout.trim().split('\n');
  const path = `/proc/${pid}/ns/net`;
  try {
    if (readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() !== boot) {
      return 'it runs on another machine';
    }
    if (!existsSync(`/proc/${pid}`) || readlinkSync(path) !== namespace) {
      return 'its processes have other numbers here';
    }
  } catch (thrown) {
    return `its namespaces are not ours to enter (${messageOf(thrown)})`;
  }
  const entered = await processNode(inside.name, pid)
    .run('true', [], { mayFail: true })
    .catch(thrown => thrown);
  return entered instanceof Error ? messageOf(entered) : undefined;
}

/** Commands by `exec`. */
export function containerCarrier(engine: ContainerEngine, container: string): Carrier {
  return {
    name: container,
    commandLine: remote => [findCommand(engine), 'exec', '-i', container, ...remote],
    fault: async (exitCode, words) => {
      if (!ENGINE_FAILED.has(exitCode) || !/^Error|OCI runtime|is not running/im.test(words)) {
        return undefined;
      }
      return new StalesumError('unavailable', messageOf(`${engine}: ${container}: ${words}`));
    },
  };
}
