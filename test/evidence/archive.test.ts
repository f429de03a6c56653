/** Archives from anywhere: what is taken from them, what is refused, and with what words. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { packTar, type TarEntry } from 'modern-tar';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StalesumError } from '../../src/errors.js';
import { ARCHIVE_LIMITS, unpackArchive } from '../../src/evidence/archive-read.js';
import { packFolder } from '../../src/evidence/archive-write.js';
import { withBundle } from '../../src/evidence/bundle.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stalesum-archives-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;

/** Unpacks bytes, and gives what came out by name, or the fault. */
async function unpacked(
  bytes: Uint8Array,
  limits = ARCHIVE_LIMITS,
): Promise<Record<string, string> | StalesumError> {
  const archive = join(folder, `${++count}.tar.gz`);
  const target = join(folder, String(count));
  writeFileSync(archive, bytes);
  mkdirSync(target);
  try {
    await unpackArchive(archive, target, limits);
    return contents(target);
  } catch (thrown) {
    if (thrown instanceof StalesumError) return thrown;
    throw thrown;
  } finally {
    rmSync(target, { recursive: true });
    rmSync(archive);
  }
}

function contents(target: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(target, { recursive: true, withFileTypes: true })
      .filter(entry => !entry.isDirectory())
      .map(entry => {
        const path = join(entry.parentPath, entry.name);
        expect(entry.isFile()).toBe(true);
        return [path.slice(target.length + 1), readFileSync(path, 'latin1')];
      }),
  );
}

async function expectRefused(bytes: Uint8Array, words: RegExp, limits = ARCHIVE_LIMITS) {
  const fault = await unpacked(bytes, limits);
  expect(fault).toBeInstanceOf(StalesumError);
  const { kind, message } = fault as StalesumError;
  expect([kind, message]).toEqual(['bad-input', expect.stringMatching(words)]);
  // Named by its path, in one line that steers no terminal.
  expect(message).toMatch(/^\/.*\.tar\.gz: /);
  expect(message).not.toMatch(/\p{Cc}/u);
}

const file = (name: string, body = 'x'): TarEntry => ({
  header: { name, size: body.length, type: 'file' },
  body,
});
const tar = (...entries: TarEntry[]) => packTar(entries);
const tgz = async (...entries: TarEntry[]) => gzipSync(await tar(...entries));

describe('an archive', () => {
  it('gives its files, from gzip or without, in one member or several', async () => {
    const entries = [file('top/run.json', '{}'), file('top/node-a/ip.txt', 'links')];
    const expected = { 'top/run.json': '{}', 'top/node-a/ip.txt': 'links' };
    const plain = await tar(...entries);
    expect(await unpacked(plain)).toEqual(expected);
    expect(await unpacked(gzipSync(plain))).toEqual(expected);
    const members = Buffer.concat([
      gzipSync(plain.subarray(0, 700)),
      gzipSync(plain.subarray(700)),
    ]);
    expect(await unpacked(members)).toEqual(expected);
  });

  it.each([
    'gnu',
    'pax',
    'ustar',
    'v7',
  ])('made by tar itself (%s) is read, and ours by tar', async format => {
    const source = join(folder, `source-${format}`);
    // Longer than a header's field, where the format can have it.
    const longest: Record<string, number> = { v7: 20, ustar: 23 };
    const long = `node-a/${'long'.repeat(longest[format] ?? 30)}.txt`;
    mkdirSync(join(source, 'node-a'), { recursive: true });
    writeFileSync(join(source, 'node-a/empty.txt'), '');
    writeFileSync(join(source, long), 'L'.repeat(5000));
    const theirs = join(folder, `theirs-${format}.tar.gz`);
    execFileSync('tar', [`--format=${format}`, '-czf', theirs, '-C', source, '.']);
    const expected = contents(source);
    expect(Object.keys(expected)).toHaveLength(2);
    expect(await unpacked(readFileSync(theirs))).toEqual(expected);

    const ours = join(folder, `ours-${format}.tar.gz`);
    await packFolder(source, ours, 'bundle');
    mkdirSync(join(folder, format));
    execFileSync('tar', ['-xzf', ours, '-C', join(folder, format)]);
    expect(contents(join(folder, format, 'bundle'))).toEqual(expected);
  });

  it('is refused for a place outside of its folder', async () => {
    const outside = join(folder, 'outside');
    for (const name of [
      `${outside}`,
      '../outside',
      'top/../../outside',
      './../outside',
      'top/..',
      '..',
      'a\\..\\..\\outside',
      'top/\u0007bell',
      `${'deep/'.repeat(20)}x`,
      'x'.repeat(300),
    ]) {
      await expectRefused(await tgz(file(name)), /names ".*", which is no place in a bundle/);
    }
    expect(existsSync(outside)).toBe(false);
    expect(existsSync(join(folder, '..', 'outside'))).toBe(false);
  });

  it.each([
    'symlink',
    'link',
    'character-device',
    'block-device',
    'fifo',
  ] as const)('is refused for a %s', async type => {
    const entry: TarEntry = {
      header: { name: 'top/node-a', size: 0, type, linkname: '/etc/passwd' },
    };
    await expectRefused(
      await tgz(file('top/a'), entry, file('top/node-a/ip.txt')),
      new RegExp(`"top/node-a" is a ${type}: expected plain files and folders alone`),
    );
  });

  it('is refused for a name that is there twice, or is a file and a folder', async () => {
    await expectRefused(await tgz(file('a'), file('./a')), /holds "\.\/a" twice/);
    await expectRefused(await tgz(file('a'), file('a/b')), /holds "a\/b" twice/);
    await expectRefused(await tgz(file('a/b'), file('a')), /holds "a" twice/);
  });

  it('is refused for being larger than the limits, and is read no further', async () => {
    const limits = { file: 1000, total: 100_000, entries: 3 };
    await expectRefused(
      await tgz(file('a', 'y'.repeat(1001))),
      /"a" has 1001 bytes: the limit is 1000/,
      limits,
    );
    await expectRefused(
      await tgz(...['a', 'b', 'c', 'd'].map(name => file(name))),
      /more than 3 entries/,
      limits,
    );
    // A bomb: a hundred megabytes of nothing in a hundred kilobytes.
    const bomb = gzipSync(Buffer.concat([await tar(), Buffer.alloc(100 << 20)]));
    expect(bomb.length).toBeLessThan(110_000);
    await expectRefused(bomb, /more than 100000 bytes once unpacked: read no further at/, limits);
    const inFile = await tgz(file('a', 'z'.repeat(200_000)));
    await expectRefused(inFile, /more than 100000 bytes once unpacked/, { ...limits, file: 1e9 });
  });

  it('is refused for what it says of a size that cannot be', async () => {
    const bytes = await tar(file('a', 'y'.repeat(100)));
    const header = Buffer.from(bytes);
    // 12 bytes of octal size, and the header's own checksum made right again.
    header.write('77777777777\0', 124, 'latin1');
    header.fill(' ', 148, 156);
    const sum = header.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    await expectRefused(gzipSync(header), /"a" has 8589934591 bytes: the limit is/);
  });

  it('is refused for being none', async () => {
    const none = /expected a tar archive, found none at byte \d+ of the archive/;
    await expectRefused(gzipSync('just text, and more of it. '.repeat(50)), none);
    await expectRefused(Buffer.from('just text, and more of it. '.repeat(50)), none);
    await expectRefused(Buffer.alloc(0), /cut off at byte 0|is empty/);
    await expectRefused(await tgz(), /expected an archive of a bundle, it is empty/);
  });

  it('is refused, with the place, where it is cut off anywhere', async () => {
    const names = Array.from({ length: 6 }, (_, index) => `top/node-a/${index}.txt`);
    const noise = names.map((name, index) =>
      file(name, Buffer.alloc(3000, `${index * 7919}`).toString('latin1')),
    );
    const whole = await tgz(...noise);
    for (let length = 1; length < whole.length - 1; length += 7) {
      await expectRefused(
        whole.subarray(0, length),
        /(cut off|expected a tar archive, found none|damaged) at byte \d+ of the archive/,
      );
    }
    const plain = await tar(...noise);
    for (const length of [100, 512, 600, 5000, plain.length - 1024, plain.length - 512]) {
      await expectRefused(plain.subarray(0, length), /cut off at byte \d+ of the archive/);
    }
  });

  it('gives an answer or a clear fault, whatever its bytes', async () => {
    const plain = await tar(file('top/node-a/a.txt', 'content'), file('top/b', 'more'));
    const changes = fc.array(fc.tuple(fc.nat(plain.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(changes, fc.boolean(), async (at, isGzipped) => {
        const bytes = Buffer.from(plain);
        for (const [offset, value] of at) bytes[offset] = value;
        const found = await unpacked(isGzipped ? gzipSync(bytes) : bytes);
        if (found instanceof StalesumError) expect(found.kind).toBe('bad-input');
      }),
      { numRuns: 300 },
    );
  });
});

describe('withBundle', () => {
  const temporary = () => readdirSync(tmpdir()).filter(name => /^stalesum-[\w-]{6}$/.test(name));

  it('names files by the archive, and leaves no copy, however it ends', async () => {
    const archive = join(folder, 'bundle.tgz');
    writeFileSync(archive, await tgz(file('top/node-a/ip.txt'), file('top/run.json', '{}')));
    let copy = '';
    const fault = withBundle(archive, async bundle => {
      copy = bundle.folder;
      expect(readFileSync(join(copy, 'node-a/ip.txt'), 'utf8')).toBe('x');
      expect(bundle).toMatchObject({ path: archive, verified: false });
      throw new StalesumError('bad-input', `${copy}/node-a/ip.txt: line 1`);
    });
    await expect(fault).rejects.toThrow(`${archive}/node-a/ip.txt: line 1`);
    expect(existsSync(copy)).toBe(false);
    expect(temporary().filter(name => copy.includes(name))).toEqual([]);
  });

  it('takes a folder for one, whatever its name', async () => {
    const path = join(folder, 'folder.tar.gz');
    mkdirSync(path);
    await withBundle(path, async bundle => expect(bundle.folder).toBe(path));
  });
});
