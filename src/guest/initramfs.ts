/** The guest's whole file system, as one archive that its kernel unpacks into memory. */
import { closeSync, mkdtempSync, openSync, rmSync, writevSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { messageOf, StalesumError } from '../errors.js';
import { builtFile } from '../package-root.js';
import { CHANNEL_PORT, CONSOLE_PORT, type GuestOrder, ORDER_FILE } from './channel.js';
import { cpioArchive } from './cpio.js';
import { addTools, GuestFiles } from './guest-files.js';
import type { KernelModule } from './modules.js';
import { addOwnFiles } from './own-files.js';
import { systemFolders } from './shared-libraries.js';

/** An open file without a name: it is gone when it is closed, whatever ends us. */
export interface Initramfs {
  readonly descriptor: number;
  readonly bytes: number;
  close(): void;
}

/**
 * Makes the guest's file system from the running one.
 *
 * @throws StalesumError `missing-tool` if this system lacks what the lab needs; `write-failed`
 */
export function makeInitramfs(
  order: Omit<GuestOrder, 'modules'>,
  modules: readonly KernelModule[],
): Initramfs {
  const files = new GuestFiles(systemFolders());
  addTools(files);
  addOwnFiles(files);
  const paths = modules.map(({ name }) => `/modules/${name}.ko`);
  modules.forEach(({ bytes }, index) => {
    files.write(paths[index] as string, bytes);
  });
  addSystemFolders(files, order.folder);
  for (const path of order.outputs) files.folder(dirname(path));
  files.write('/init', `#!${process.execPath} ${builtFile('guest/guest-init.js')}\n`, 0o755);
  files.write(ORDER_FILE, JSON.stringify({ ...order, modules: paths } satisfies GuestOrder));
  return writeArchive(files);
}

/** What a root file system has beside programs. Character devices by Documentation/admin-guide/devices.txt. */
function addSystemFolders(files: GuestFiles, workingFolder: string): void {
  for (const path of ['/proc', '/sys', '/run', '/root', workingFolder]) files.folder(path);
  files.folder('/tmp', 0o1777);
  files.device('/dev/null', 0o666, 1, 3);
  files.device('/dev/zero', 0o666, 1, 5);
  files.device('/dev/random', 0o666, 1, 8);
  files.device('/dev/urandom', 0o666, 1, 9);
  files.device('/dev/tty', 0o666, 5, 0);
  files.device('/dev/console', 0o600, 5, 1);
  files.device(`/dev/${CONSOLE_PORT}`, 0o600, 4, 64);
  files.device(`/dev/${CHANNEL_PORT}`, 0o600, 4, 65);
  // tcpdump and unshare look users up.
  files.write(
    '/etc/passwd',
    'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n',
  );
  files.write('/etc/group', 'root:x:0:\nnogroup:x:65534:\n');
  files.write('/etc/nsswitch.conf', 'passwd: files\ngroup: files\nprotocols: files\n');
}

/** Not compressed: the copy costs less than an emulated processor would need to decompress it. */
function writeArchive(files: GuestFiles): Initramfs {
  try {
    const folder = mkdtempSync(join(tmpdir(), 'stalesum-initramfs-'));
    const path = join(folder, 'initramfs');
    const descriptor = openSync(path, 'wx+', 0o600);
    rmSync(folder, { recursive: true });
    let bytes = 0;
    for (const piece of cpioArchive(files.entries())) bytes += writeAll(descriptor, piece);
    return { descriptor, bytes, close: () => closeSync(descriptor) };
  } catch (thrown) {
    throw new StalesumError('write-failed', `the guest's file system: ${messageOf(thrown)}`);
  }
}

function writeAll(descriptor: number, bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length; ) at += writevSync(descriptor, [bytes.subarray(at)]);
  return bytes.length;
}
