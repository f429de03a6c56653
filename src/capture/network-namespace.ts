/** Work in another network namespace than this process's own (setns(2)). */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { messageOf, StalesumError } from '../errors.js';
import { type Libc, systemFault } from './libc.js';

const CLONE_NEWNET = 0x4000_0000;

/** Of this thread, since each has its own. */
const OWN = '/proc/thread-self/ns/net';

/**
 * Calls `act` in the network namespace that the file `path` stands for, and comes back. setns(2) moves
 * the calling thread, which is Node's main one: whatever it starts meanwhile would start there. So `act`
 * is one synchronous stretch, and a short one; a socket stays in the namespace that it was made in.
 *
 * @throws StalesumError `not-permitted`; `usage` if there is no such namespace; what `act` throws
 */
export function inNetworkNamespace<T>(libc: Libc, path: string, where: string, act: () => T): T {
  const own = open(OWN, where);
  try {
    const target = open(path, where);
    try {
      // Entering takes CAP_SYS_ADMIN; staying where we are takes nothing.
      if (fstatSync(own).ino === fstatSync(target).ino) return act();
      return actInside(libc, own, target, where, act);
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(own);
  }
}

function actInside<T>(libc: Libc, own: number, target: number, where: string, act: () => T): T {
  if (libc.setns(target, CLONE_NEWNET) !== 0) {
    throw systemFault(libc, where, 'entering the network namespace');
  }
  try {
    return act();
  } finally {
    goBack(libc, own, where);
  }
}

function goBack(libc: Libc, own: number, where: string): void {
  if (libc.setns(own, CLONE_NEWNET) === 0) return;
  // We were there a moment ago. If it fails all the same, nothing that follows can be trusted.
  throw new StalesumError(
    'internal',
    systemFault(libc, where, "going back to this process's network namespace").message,
  );
}

function open(path: string, where: string): number {
  try {
    return openSync(path, 'r');
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code;
    const denied = code === 'EACCES' || code === 'EPERM';
    throw new StalesumError(
      denied ? 'not-permitted' : 'usage',
      `${where}: the network namespace cannot be opened: ${messageOf(thrown)}`,
      denied ? "another user's namespaces are open to root only" : undefined,
    );
  }
}
