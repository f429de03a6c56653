/** Archives of the kernel's kind, as GNU cpio and libarchive read them. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { type CpioEntry, cpioArchive } from '../../src/guest/cpio.js';

const long = `deep/${'n'.repeat(200)}`;
const entries: CpioEntry[] = [
  { kind: 'folder', path: 'bin', mode: 0o755 },
  { kind: 'file', path: 'bin/run', mode: 0o755, data: Buffer.from('#!/bin/sh\n') },
  { kind: 'link', path: 'bin/again', target: 'run' },
  { kind: 'folder', path: 'tmp', mode: 0o1777 },
  { kind: 'folder', path: 'dev', mode: 0o755 },
  { kind: 'device', path: 'dev/console', mode: 0o600, device: { major: 5, minor: 1 } },
  { kind: 'folder', path: 'deep', mode: 0o700 },
  { kind: 'file', path: long, mode: 0o400, data: Buffer.from('x') },
  // Every length modulo the padding.
  ...[0, 1, 2, 3, 4, 5].map(
    (length): CpioEntry => ({
      kind: 'file',
      path: `deep/${'é'.repeat(length + 1)}`,
      mode: 0o644,
      data: Buffer.alloc(length, 'abcdef'),
    }),
  ),
];
const archive = Buffer.concat([...cpioArchive(entries)]);

function tool(command: string, ...args: string[]): string {
  return execFileSync(command, args, {
    input: archive,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
}

test('GNU cpio lists the kinds, rights, owners, sizes and targets', () => {
  const lines = tool('cpio', '--list', '--verbose', '--numeric-uid-gid').trim().split('\n');
  // drwxr-xr-x   2 0        0               0 Jan  1  1970 bin
  const listed = lines.map(line => line.replace(/\s+/g, ' ').replace(/ Jan 1 1970/, ''));
  expect(listed).toEqual([
    'drwxr-xr-x 1 0 0 0 bin',
    '-rwxr-xr-x 1 0 0 10 bin/run',
    'lrwxrwxrwx 1 0 0 3 bin/again -> run',
    'drwxrwxrwt 1 0 0 0 tmp',
    'drwxr-xr-x 1 0 0 0 dev',
    'crw------- 1 0 0 5, 1 dev/console',
    'drwx------ 1 0 0 0 deep',
    `-r-------- 1 0 0 1 ${long}`,
    ...[0, 1, 2, 3, 4, 5].map(n => `-rw-r--r-- 1 0 0 ${n} deep/${'é'.repeat(n + 1)}`),
  ]);
});

test.each([
  'bin/run',
  long,
  'deep/é',
  'deep/éé',
  'deep/ééé',
  'deep/éééééé',
])('libarchive reads the bytes of %s', path => {
  const entry = entries.find(candidate => candidate.path === path);
  expect(tool('bsdtar', '-xOf', '-', path)).toBe(
    entry?.kind === 'file' ? Buffer.from(entry.data).toString() : '',
  );
});

test('what the format cannot hold is refused', () => {
  // Its length alone is looked at, so that nobody needs 4 GiB for it.
  const data = { length: 2 ** 32 } as Uint8Array;
  const tooLarge = () => [...cpioArchive([{ kind: 'file', path: 'big', mode: 0o644, data }])];
  expect(tooLarge).toThrow('big is too large');
});
