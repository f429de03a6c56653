/**
 * What the guest is made of: files of the running system, at the paths that they have here, so that the
 * same program runs with the same libraries and tools. Links are taken over as links.
 */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { StalesumError } from '../errors.js';
import { findCommand } from '../node/find-command.js';
import type { CpioEntry } from './cpio.js';
import { isElf, isX64Elf } from './elf.js';
import { sharedLibraries } from './shared-libraries.js';

/** What the lab, its captures and its snapshots run. */
const COMMANDS = [
  ...['bridge', 'conntrack', 'ethtool', 'ip', 'nft', 'ss', 'tcpdump'],
  ...['iptables', 'iptables-restore', 'iptables-save'],
  ...['ip6tables', 'ip6tables-restore', 'ip6tables-save'],
  ...['cat', 'grep', 'mount', 'nsenter', 'setpriv', 'sh', 'tee', 'uname', 'unshare'],
];

/** What is used where it is there: the tables of the other iptables, a scenario's own tools. */
const MORE_COMMANDS = [
  ...['iptables-legacy', 'iptables-legacy-restore', 'iptables-legacy-save'],
  ...['ip6tables-legacy', 'ip6tables-legacy-restore', 'ip6tables-legacy-save'],
  ...['iptables-nft', 'iptables-nft-restore', 'iptables-nft-save'],
  ...['ip6tables-nft', 'ip6tables-nft-restore', 'ip6tables-nft-save'],
  ...['ipset', 'sysctl', 'tc'],
];

/** Plugins of iptables; the name service of older C libraries, which they load without saying so. */
const PLUGIN_FOLDERS = ['xtables', 'iptables'];
const LOADED_LIBRARIES = ['libnss_files.so.2'];

/** Where tools look names up: of protocols, ports, routing tables; and where the libraries are. */
const DATA = [
  ...['/etc/ld.so.cache', '/etc/ld.so.conf', '/etc/ld.so.conf.d', '/etc/ld-musl-x86_64.path'],
  ...['/etc/protocols', '/etc/services', '/etc/ethertypes', '/etc/iproute2', '/usr/share/iproute2'],
  ...['/usr/lib/iproute2', '/etc/localtime'],
];

const LIBRARY_FOLDERS = ['/lib', '/usr/lib', '/lib64', '/usr/lib64', '/usr/local/lib'];

/** Files of the system by path, folders first. */
export class GuestFiles {
  readonly #entries = new Map<string, CpioEntry>();
  readonly #folders: readonly string[];

  /** @param libraryFolders where shared libraries are looked for */
  constructor(libraryFolders: readonly string[]) {
    this.#folders = libraryFolders;
  }

  /** Bytes of the files so far. */
  get size(): number {
    return this.entries().reduce(
      (sum, entry) => sum + (entry.kind === 'file' ? entry.data.length : 0),
      0,
    );
  }

  entries(): readonly CpioEntry[] {
    return [...this.#entries.values()];
  }

  /** A file that this system does not have, or has otherwise. */
  write(path: string, data: string | Uint8Array, mode = 0o644): void {
    this.#makeFolders(dirname(path));
    this.#put({ kind: 'file', path: path.slice(1), mode, data: Buffer.from(data) });
  }

  folder(path: string, mode = 0o755): void {
    if (path === '/') return;
    this.#makeFolders(dirname(path));
    this.#put({ kind: 'folder', path: path.slice(1), mode });
  }

  device(path: string, mode: number, major: number, minor: number): void {
    this.#makeFolders(dirname(path));
    this.#put({ kind: 'device', path: path.slice(1), mode, device: { major, minor } });
  }

  /** A program with its libraries, or a script with its interpreter. */
  program(path: string): void {
    const bytes = readFileSync(path);
    this.copy(path);
    if (isElf(bytes)) {
      for (const library of sharedLibraries(path, this.#folders)) this.copy(library);
      return;
    }
    const [, interpreter] = /^#!\s*(\/\S+)/.exec(bytes.toString('latin1', 0, 256)) ?? [];
    if (interpreter !== undefined && !this.#entries.has(interpreter)) this.program(interpreter);
  }

  /** What a native addon needs. Packages bring some for other systems as well; those are let be. */
  addLibrariesOf(addon: string): void {
    if (!isX64Elf(readFileSync(addon))) return;
    let libraries: readonly string[];
    try {
      libraries = sharedLibraries(addon, this.#folders);
    } catch (thrown) {
      if (thrown instanceof StalesumError) return;
      throw thrown;
    }
    for (const library of libraries) this.copy(library);
  }

  /** A file or a folder with all in it; `wanted` may leave files out. */
  copy(path: string, wanted: (path: string) => boolean = () => true): void {
    const real = this.#withLinks(resolve(path));
    if (this.#entries.has(real) && !statSync(real).isDirectory()) return;
    const status = statSync(real);
    if (status.isDirectory()) {
      this.folder(real);
      for (const name of readdirSync(real).sort()) {
        const inside = join(real, name);
        if (wanted(inside)) this.copy(inside, wanted);
      }
    } else if (status.isFile()) {
      this.write(real, readFileSync(real), status.mode & 0o755);
    }
  }

  /** Takes the links on the way to a file over; returns where they lead. */
  #withLinks(path: string): string {
    let real = '/';
    const waiting = path.split('/').filter(part => part !== '');
    for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
      const next = join(real, part);
      if (!lstatSync(next).isSymbolicLink()) {
        real = next;
        continue;
      }
      const target = readlinkSync(next);
      this.#makeFolders(dirname(next));
      this.#put({ kind: 'link', path: next.slice(1), target });
      waiting.unshift(...resolve(real, target).split('/').filter(Boolean));
      real = '/';
    }
    return real;
  }

  #makeFolders(path: string): void {
    if (path === '/' || this.#entries.has(path)) return;
    this.#makeFolders(dirname(path));
    this.#put({ kind: 'folder', path: path.slice(1), mode: 0o755 });
  }

  #put(entry: CpioEntry): void {
    this.#entries.set(`/${entry.path}`, entry);
  }
}

/**
 * The tools of the lab with their libraries, plugins and tables of names.
 *
 * @throws StalesumError `missing-tool`, with the package, for a tool that is not here
 */
export function addTools(files: GuestFiles): void {
  files.program(process.execPath);
  for (const name of COMMANDS) files.program(findCommand(name));
  for (const name of MORE_COMMANDS) {
    const path = tryFind(name);
    if (path !== undefined) files.program(path);
  }
  const folders = LIBRARY_FOLDERS.flatMap(folder => [folder, join(folder, 'x86_64-linux-gnu')]);
  for (const folder of folders) {
    for (const name of PLUGIN_FOLDERS) addPlugins(files, join(folder, name));
    for (const name of LOADED_LIBRARIES) {
      const path = join(folder, name);
      if (existsSync(path)) files.program(path);
    }
  }
  for (const path of DATA) if (existsSync(path)) files.copy(path);
}

function addPlugins(files: GuestFiles, folder: string): void {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return;
  for (const name of readdirSync(folder)) {
    if (basename(name).endsWith('.so')) files.program(join(folder, name));
  }
}

function tryFind(command: string): string | undefined {
  try {
    return findCommand(command);
  } catch {
    return undefined;
  }
}
