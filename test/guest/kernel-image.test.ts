/** Headers by Documentation/arch/x86/boot.rst; a real image is in test/guest-boot. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readKernelImage } from '../../src/guest/kernel-image.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stalesum-image-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function image(version: string): Buffer {
  const bytes = Buffer.alloc(8192);
  bytes.writeUInt16LE(0xaa55, 0x1fe);
  bytes.write('HdrS', 0x202);
  bytes.writeUInt16LE(0x1000 - 0x200, 0x20e);
  bytes.write(version, 0x1000);
  return bytes;
}

function read(bytes: Uint8Array) {
  const path = join(folder, 'vmlinuz');
  writeFileSync(path, bytes);
  return readKernelImage(path);
}

test('the release is the first word of the version', () => {
  const bytes = image('4.19.0-8-amd64 (debian-kernel@lists.debian.org) #1 SMP Debian 4.19.98-1');
  expect(read(bytes).release).toBe('4.19.0-8-amd64');
});

test.each([
  ['an empty file', Buffer.alloc(0), 'is no kernel image'],
  ['another boot sector', image('6.1').fill(0, 0x202, 0x206), 'is no kernel image'],
  ['a file that ends in the header', image('6.1').subarray(0, 0x210), 'is no kernel image'],
  ['a vmlinux', Buffer.from('\x7fELF\x02\x01', 'latin1'), 'is an ELF file, as vmlinux is'],
  ['a version that is none', image('\x1b[2Jhello'), 'does not say its version'],
  ['a version beyond the end', image('6.1').subarray(0, 0x1000), 'does not say its version'],
])('%s is refused', (_, bytes, words) => {
  expect(() => read(bytes)).toThrow(words);
});

test('a file that is not there is named', () => {
  expect(() => readKernelImage('/nowhere/vmlinuz')).toThrow(/^\/nowhere\/vmlinuz: ENOENT/);
});
