/** What a killed lab may leave behind, looked for in /proc and not through the code under test. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

const NAMESPACE_KINDS = ['user', 'mnt', 'net', 'pid'];

/** Processes that have the mark among their arguments or in their environment. Zombies have neither. */
export function processesMarked(mark: string): number[] {
  return allProcesses().filter(
    pid =>
      read(`/proc/${pid}/cmdline`).includes(mark) || read(`/proc/${pid}/environ`).includes(mark),
  );
}

export function childrenOf(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);
}

/** The namespaces a process is in, of the kinds that a lab makes: `net:[4026532179]`. */
export function namespacesOf(pid: number): string[] {
  return NAMESPACE_KINDS.map(kind => link(`/proc/${pid}/ns/${kind}`)).filter(name => name !== '');
}

/**
 * Processes in any of the namespaces, of those that were there at a time (in clock ticks since boot):
 * the kernel gives the number of a namespace that is gone to the next one at once. Zombies, which
 * only wait for their parent, are in none.
 */
export function processesIn(namespaces: readonly string[], startedUntil: number): number[] {
  return allProcesses().filter(pid => {
    // The name, in parentheses, may have spaces in it.
    const [state, ...fields] = read(`/proc/${pid}/stat`)
      .replace(/^.*\) /s, '')
      .split(' ');
    const started = Number(fields[18]);
    return (
      state !== 'Z' &&
      started <= startedUntil &&
      namespacesOf(pid).some(name => namespaces.includes(name))
    );
  });
}

/** Clock ticks (1/100 s) since boot. */
export function ticksNow(): number {
  return Math.ceil(Number(read('/proc/uptime').split(' ')[0]) * 100);
}

/** What the lab must leave as it was: our links and mounts. */
export function surroundings(): { links: string[]; mounts: string } {
  return { links: readdirSync('/sys/class/net').sort(), mounts: read('/proc/self/mountinfo') };
}

/** Waits until something is so; 20 s at most, then the caller's assertion finds that it is not. */
export async function eventually(isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1000 && !isSo(); tries++) {
    await setTimeout(20);
  }
}

function allProcesses(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
