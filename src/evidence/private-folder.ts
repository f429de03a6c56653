/**
 * Folders for what only this process needs: made in the system's folder for temporary files, readable by
 * us alone, and taken away at the end, by signals too. (After kill -9 the system's own cleaning does it.)
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, StalesumError } from '../errors.js';

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;

/** Hidden: what is in it is not yet what it will be. */
const PREFIX = '.stalesum-';

const folders = new Set<string>();

/**
 * Makes one in the system's folder, or in `parent` where it is to be renamed to its place.
 *
 * @throws StalesumError `write-failed`
 */
export function makePrivateFolder(parent = tmpdir()): string {
  if (folders.size === 0) watchForTheEnd();
  try {
    // With mode 0700.
    const folder = mkdtempSync(join(parent, PREFIX));
    folders.add(folder);
    return folder;
  } catch (thrown) {
    if (folders.size === 0) stopWatching();
    throw new StalesumError(
      'write-failed',
      `${parent}: no folder for temporary files can be made: ${messageOf(thrown)}`,
      'TMPDIR names another place for them.',
    );
  }
}

/** Takes one away with all that is in it. Never throws. */
export function removePrivateFolder(folder: string): void {
  remove(folder);
  folders.delete(folder);
  if (folders.size === 0) stopWatching();
}

function remove(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  } catch {
    // What cannot be taken away stays readable by us alone.
  }
}

function removeAll(): void {
  for (const folder of folders) remove(folder);
  folders.clear();
}

/** How long what Node's threads have begun, such as making a folder, may take. */
const IN_FLIGHT_MS = 50;

/** Ends as the signal would have ended us, so that whoever started us is told the same. */
function endBySignal(signal: NodeJS.Signals): void {
  const ours = [...folders];
  removeAll();
  // What is unpacked at this moment would make the folder again behind us.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, IN_FLIGHT_MS);
  for (const folder of ours) remove(folder);
  stopWatching();
  process.kill(process.pid, signal);
}

function watchForTheEnd(): void {
  process.on('exit', removeAll);
  for (const signal of SIGNALS) process.on(signal, endBySignal);
}

function stopWatching(): void {
  process.off('exit', removeAll);
  for (const signal of SIGNALS) process.off(signal, endBySignal);
}
