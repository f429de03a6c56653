/** Libraries of this system's own programs: as its loader finds them (ldd), and as we read them. */
import { execFileSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readElf } from '../../src/guest/elf.js';
import { sharedLibraries } from '../../src/guest/shared-libraries.js';
import { findCommand } from '../../src/node/find-command.js';

/** `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x...)`, and the loader without an arrow. */
function asLddSays(program: string): string[] {
  const text = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [...text.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path as string);
}

const real = (paths: readonly string[]) =>
  [...new Set(paths.map(path => realpathSync(path)))].sort();

const programs = [
  'ip',
  'nft',
  'iptables',
  'conntrack',
  'ethtool',
  'tcpdump',
  'unshare',
  'mount',
  'tshark',
];
test.each([process.execPath, ...programs])('%s needs what ldd says', name => {
  const program = findCommand(name);
  const expected = asLddSays(program);
  expect(expected.length).toBeGreaterThan(1);
  expect(real(sharedLibraries(program))).toEqual(real(expected));
});

test('a library that is nowhere is named, and who needs it', () => {
  const program = findCommand('ip');
  expect(() => sharedLibraries(program, [])).toThrow(
    /^\S+ needs the library \S+, which is nowhere/,
  );
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['a text', Buffer.from('#!/bin/sh\n')],
  ['a magic number alone', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1])],
])('%s is no program', (_, bytes) => {
  expect(() => readElf(bytes)).toThrow(RangeError);
});
