/** Inside the new namespaces: a /run and a /proc of our own. */
import { openSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, StalesumError } from '../errors.js';
import type { Node } from '../node/node.js';
import { holdLifeline, insideLab } from './lifeline.js';

/** What must be ours: the names of `ip netns`, and the lock of the older iptables. (And mount(8)'s
 * own folder, which it has made by then.) */
const NOT_CARRIED_OVER = ['netns', 'xtables.lock'];

let settled: Promise<void> | undefined;

/**
 * Makes the process inside ready for a lab. Done once; further calls wait for the first.
 *
 * @param host Runs commands in the namespaces we are in.
 * @throws StalesumError `internal` outside of a lab's namespaces; `not-permitted` if mounting is
 *   refused there.
 */
export function settleIn(host: Node): Promise<void> {
  if (!insideLab()) {
    throw new StalesumError('internal', 'a lab can be built only inside its own namespaces');
  }
  holdLifeline();
  settled ??= mountOwn(host);
  return settled;
}

async function mountOwn(host: Node): Promise<void> {
  const old = openSync('/run', 'r');
  await Promise.all([mountRun(host), mountProc(host)]);
  linkToOld(old);
}

async function mountRun(host: Node): Promise<void> {
  const args = ['-t', 'tmpfs', '-o', 'nosuid,nodev,mode=755', 'stalesum', '/run'];
  await host.run('mount', args).catch(fault => {
    throw new StalesumError(
      'not-permitted',
      `the lab needs a /run of its own, and mounting it was refused: ${messageOf(fault)}`,
      'in a container: start it with --privileged, or with --security-opt apparmor=unconfined',
    );
  });
}

/** So that `ps` shows the lab. A container with a masked /proc refuses it; all else works without. */
async function mountProc(host: Node): Promise<void> {
  await host.run('mount', ['-t', 'proc', 'proc', '/proc'], { mayFail: true });
}

/**
 * Whatever else was in /run stays reachable, through our descriptor of the folder that is now hidden:
 * some systems have USB disks there (/run/media), the user's files (/run/user) or even all programs
 * (/run/current-system).
 */
function linkToOld(old: number): void {
  const folder = join('/proc', readlinkSync('/proc/self'), 'fd', String(old));
  const present = [...readdirSync('/run'), ...NOT_CARRIED_OVER];
  for (const name of readdirSync(folder)) {
    if (!present.includes(name)) {
      symlinkSync(join(folder, name), join('/run', name));
    }
  }
}
