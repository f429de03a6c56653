/** A kernel image as boot loaders take it (Documentation/arch/x86/boot.rst): is it one, and which. */
import { closeSync, openSync, readSync } from 'node:fs';
import { messageOf, StalesumError } from '../errors.js';
import { isElf } from './elf.js';

export interface KernelImage {
  readonly path: string;
  /** As `uname -r` will print it: `6.1.0-56-amd64`. */
  readonly release: string;
}

/** The first sector and the setup code; 64 sectors of setup are the most there are. */
const READ_BYTES = 65 * 512;
const BOOT_FLAG_AT = 0x1fe;
const MAGIC_AT = 0x202;
const VERSION_POINTER_AT = 0x20e;
const HEADER_END = 0x268;
/** The pointer counts from the second sector. */
const VERSION_BASE = 0x200;

/** @throws StalesumError `bad-input` if it cannot be read or is no bzImage */
export function readKernelImage(path: string): KernelImage {
  const start = readStart(path);
  const complain = (what: string) =>
    new StalesumError(
      'bad-input',
      `${path}: ${what}; expected a Linux bzImage for x86-64 ("HdrS" at offset 0x202)`,
      'distributions have it as /boot/vmlinuz-VERSION, a build as arch/x86/boot/bzImage',
    );
  if (isElf(start)) throw complain('is an ELF file, as vmlinux is');
  const isImage =
    start.length >= HEADER_END &&
    start.readUInt16LE(BOOT_FLAG_AT) === 0xaa55 &&
    start.toString('latin1', MAGIC_AT, MAGIC_AT + 4) === 'HdrS';
  if (!isImage) throw complain('is no kernel image');
  const at = VERSION_BASE + start.readUInt16LE(VERSION_POINTER_AT);
  const end = start.indexOf(0, at);
  const [release = ''] = start.toString('latin1', at, end === -1 ? at : end).split(' ');
  if (!/^\d+\.\d+[\w.+~-]*$/.test(release)) throw complain('does not say its version');
  return { path, release };
}

function readStart(path: string): Buffer {
  const bytes = Buffer.alloc(READ_BYTES);
  try {
    const descriptor = openSync(path, 'r');
    try {
      return bytes.subarray(0, readSync(descriptor, bytes, 0, READ_BYTES, 0));
    } finally {
      closeSync(descriptor);
    }
  } catch (thrown) {
    throw new StalesumError('bad-input', `${path}: ${messageOf(thrown)}`);
  }
}
