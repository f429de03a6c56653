/**
 * One set-up at a time in a clone: a lock file that says which process holds it.
 *
 * Whoever holds it may be killed, so a lock of a process that is no more is taken over. A process is known by
 * its id and the time it started, because ids are used again, and by its pid namespace: the id of a process in
 * another container says nothing here, so such a lock is only waited for.
 */
import { readFileSync, readlinkSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { handOver } from './clone.mjs';
import { SetupFault, say } from './fault.mjs';

const lockName = '.setup-lock';

/** Calls `body` while the lock is held. */
export async function withLock(root, owner, body, { pollEvery = 100, patience = 900_000 } = {}) {
  const path = join(root, lockName);
  const giveUpAt = Date.now() + patience;
  for (let tries = 0; !acquire(path, owner); tries++) {
    if (tries === 0) say('another set-up is at work in this clone; waiting for it');
    if (Date.now() > giveUpAt)
      throw new SetupFault(70, `${path} is held still; if no set-up is running, delete it`);
    await sleep(pollEvery);
  }
  try {
    return await body();
  } finally {
    unlinkSync(path);
  }
}

/** Creates the lock file, or says no. */
function acquire(path, owner) {
  removeIfStale(path);
  try {
    writeFileSync(path, self(), { flag: 'wx' });
  } catch (fault) {
    if (fault.code === 'EEXIST') return false;
    if (['EACCES', 'EPERM', 'EROFS'].includes(fault.code)) {
      throw new SetupFault(
        77,
        `this clone has to be set up first, but this user may not write in it (${fault.message})`,
      );
    }
    throw fault;
  }
  handOver(path, owner);
  return true;
}

/**
 * Between the reading and the unlinking another process may have taken over the same dead lock: microseconds,
 * once after a crash. The worst that follows is two `npm ci` at once.
 */
function removeIfStale(path) {
  try {
    if (isStale(readFileSync(path, 'utf8'), path)) unlinkSync(path);
  } catch (fault) {
    if (fault.code !== 'ENOENT') throw fault;
  }
}

function isStale(text, path) {
  const [pid, started, namespace] = text.trim().split(' ');
  // Created and not written yet; only if that lasts did its process die between the two.
  if (namespace === undefined) return Date.now() - statSync(path).mtimeMs > 10_000;
  return namespace === pidNamespace() && startOf(Number(pid)) !== started;
}

function self() {
  return `${process.pid} ${startOf(process.pid)} ${pidNamespace()}\n`;
}

/** When a process started, in ticks since the kernel did (field 22; the name before it may contain anything). */
function startOf(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return status.slice(status.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return 'gone';
  }
}

function pidNamespace() {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return 'unknown';
  }
}
