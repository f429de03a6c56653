/**
 * Where a program of this machine lies. Ordinary users of Debian have no sbin in their PATH, and most
 * of what is needed here lives there.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { StalesumError } from '../errors.js';

const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** Debian packages of the programs that are not in a package of their own name. */
const PACKAGES: Readonly<Record<string, string>> = {
  bridge: 'iproute2',
  ip: 'iproute2',
  ss: 'iproute2',
  tc: 'iproute2',
  nft: 'nftables',
  'ip6tables-restore': 'iptables',
  'ip6tables-save': 'iptables',
  'iptables-restore': 'iptables',
  'iptables-save': 'iptables',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  unshare: 'util-linux',
  tee: 'coreutils',
  sysctl: 'procps',
  ssh: 'openssh-client',
  xz: 'xz-utils',
};

/** The caller's PATH, completed by the system's folders. */
export function searchPath(): string {
  const own = (process.env.PATH ?? '').split(delimiter).filter(folder => folder !== '');
  return [...own, ...SYSTEM_FOLDERS.filter(folder => !own.includes(folder))].join(delimiter);
}

/**
 * The path of a program; a name with a slash in it is a path already.
 *
 * @throws StalesumError `missing-tool`, with the Debian package that has it.
 */
export function findCommand(command: string): string {
  const candidates = command.includes('/')
    ? [command]
    : searchPath()
        .split(delimiter)
        .map(folder => join(folder, command));
  const found = candidates.find(isProgram);
  if (found === undefined) {
    throw missingCommand(command);
  }
  return found;
}

/** The fault for a program that is not there. */
export function missingCommand(command: string): StalesumError {
  const name = PACKAGES[command] ?? command;
  const remedy = command.includes('/') ? undefined : `install ${name}: apt install ${name}`;
  return new StalesumError('missing-tool', `${command} is not on this machine`, remedy);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
