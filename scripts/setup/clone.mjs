/** The clone that these scripts stand in, and whose it is. */
import {
  chownSync,
  lchownSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const cloneRoot = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The ids to run npm and tsc with when root works in somebody else's clone, so that they find no file of
 * root's in it afterwards; otherwise undefined.
 */
export function foreignOwner(root) {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = statSync(root);
  return uid === 0 ? undefined : { uid, gid };
}

/** Gives the owner of the clone a file that root wrote there. */
export function handOver(path, owner) {
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
}

/** The same for a whole folder, if there is one. */
export function handOverFolder(path, owner) {
  if (owner === undefined) return;
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return;
  lchownSync(path, owner.uid, owner.gid);
  if (!status.isDirectory()) return;
  for (const name of readdirSync(path)) handOverFolder(join(path, name), owner);
}

/**
 * Calls `body` with the environment for a process that runs with the owner's ids: their home instead of
 * root's, and none of root's npm paths, which they may not read. An owner without a home on this machine
 * (a clone mounted into a container) gets a temporary one.
 */
export async function withEnvironmentOf(owner, environment, body) {
  if (owner === undefined) return body(environment);
  const { npm_config_cache, npm_config_userconfig, npm_config_init_module, ...rest } = environment;
  const account = accountOf(owner.uid);
  const home = account === undefined ? mkdtempSync(join(tmpdir(), 'stalesum-home-')) : account.home;
  try {
    if (account === undefined) handOver(home, owner);
    const name = account === undefined ? String(owner.uid) : account.name;
    return await body({ ...rest, HOME: home, USER: name, LOGNAME: name });
  } finally {
    if (account === undefined) rmSync(home, { recursive: true, force: true });
  }
}

/** Name and home of a user of this machine whose home is there and is theirs. */
function accountOf(uid) {
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [name, , id, , , home] = line.split(':');
    if (id !== String(uid) || !home) continue;
    if (statSync(home, { throwIfNoEntry: false })?.uid === uid) return { name, home };
  }
  return undefined;
}
