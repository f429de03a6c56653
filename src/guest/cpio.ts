/**
 * Writes cpio archives of the "newc" kind, which is what a kernel unpacks as its first file system
 * (Documentation/driver-api/early-userspace/buffer-format.rst). Everything in it belongs to root.
 */

export type CpioEntry =
  | { readonly kind: 'folder'; readonly path: string; readonly mode: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'device';
      readonly path: string;
      readonly mode: number;
      readonly device: Device;
    }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly mode: number;
      readonly data: Uint8Array;
    };

/** A character device. */
export interface Device {
  readonly major: number;
  readonly minor: number;
}

const S_IFDIR = 0o040000;
const S_IFCHR = 0o020000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;

/** Files, and names with their header, are filled up to so many bytes. */
const ALIGNMENT = 4;
const HEADER_BYTES = 110;
const END = 'TRAILER!!!';

/**
 * The pieces of an archive, to be written one after the other. A folder must come before what is in
 * it, as the kernel makes none by itself. Paths have no leading slash.
 *
 * @throws RangeError for a file of 4 GiB or more, which the format cannot hold
 */
export function* cpioArchive(entries: Iterable<CpioEntry>): Generator<Uint8Array> {
  let inode = 1;
  for (const entry of entries) {
    const data = dataOf(entry);
    yield header(entry.path, inode++, modeOf(entry), data.length, deviceOf(entry));
    yield data;
    yield padding(data.length);
  }
  yield header(END, 0, 0, 0, { major: 0, minor: 0 });
}

function dataOf(entry: CpioEntry): Uint8Array {
  switch (entry.kind) {
    case 'file':
      return entry.data;
    case 'link':
      return Buffer.from(entry.target);
    case 'folder':
    case 'device':
      return new Uint8Array();
  }
}

function modeOf(entry: CpioEntry): number {
  switch (entry.kind) {
    case 'file':
      return S_IFREG | entry.mode;
    case 'link':
      return S_IFLNK | 0o777;
    case 'folder':
      return S_IFDIR | entry.mode;
    case 'device':
      return S_IFCHR | entry.mode;
  }
}

function deviceOf(entry: CpioEntry): Device {
  return entry.kind === 'device' ? entry.device : { major: 0, minor: 0 };
}

/** Magic and thirteen numbers of eight hexadecimal digits, the name, a zero byte, and padding. */
function header(
  path: string,
  inode: number,
  mode: number,
  size: number,
  device: Device,
): Uint8Array {
  if (size >= 2 ** 32) throw new RangeError(`${path} is too large for a cpio archive`);
  const name = Buffer.from(`${path}\0`);
  const owner = 0;
  const links = 1;
  // No time of change, so that the same files give the same archive.
  const changed = 0;
  const checksum = 0;
  const fields = [
    ...[inode, mode, owner, owner, links, changed, size],
    // The device that holds the file, and the device that it is.
    ...[0, 0, device.major, device.minor, name.length, checksum],
  ];
  const text = `070701${fields.map(field => field.toString(16).padStart(8, '0')).join('')}`;
  return Buffer.concat([Buffer.from(text), name, padding(HEADER_BYTES + name.length)]);
}

function padding(length: number): Uint8Array {
  return new Uint8Array((ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT);
}
