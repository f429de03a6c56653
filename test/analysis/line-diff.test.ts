import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffLines } from '../../src/analysis/line-diff.js';

const texts = (before: readonly string[], after: readonly string[]) =>
  diffLines(before, after).map(({ sign, text }) => `${sign}${text}`);

/** How many lines diff(1) would take out and put in. */
function changedByDiff(before: readonly string[], after: readonly string[]): number {
  const folder = mkdtempSync(join(tmpdir(), 'stalesum-diff-'));
  try {
    const [a, b] = [join(folder, 'a'), join(folder, 'b')];
    writeFileSync(a, before.map(line => `${line}\n`).join(''));
    writeFileSync(b, after.map(line => `${line}\n`).join(''));
    try {
      execFileSync('diff', ['--minimal', a, b]);
      return 0;
    } catch (thrown) {
      const { stdout } = thrown as { stdout: Buffer };
      return stdout.toString().match(/^[<>]/gm)?.length ?? -1;
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('the difference of two lists of lines', () => {
  it.each([
    [[], [], []],
    [['a'], ['a'], [' a']],
    [
      ['a', 'b'],
      ['a', 'c'],
      [' a', '-b', '+c'],
    ],
    [
      ['a', 'b', 'c'],
      ['a', 'c'],
      [' a', '-b', ' c'],
    ],
    [
      ['a', 'c'],
      ['a', 'b', 'c'],
      [' a', '+b', ' c'],
    ],
    [
      ['x', 'a', 'b'],
      ['a', 'b', 'y'],
      ['-x', ' a', ' b', '+y'],
    ],
  ])('%j, then %j', (before, after, expected) => {
    expect(texts(before, after)).toEqual(expected);
  });

  const lists = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 12 });

  it('gives both lists back', () => {
    fc.assert(
      fc.property(lists, lists, (before, after) => {
        const diff = diffLines(before, after);
        const without = (sign: string) =>
          diff.filter(line => line.sign !== sign).map(({ text }) => text);
        expect(without('+')).toEqual(before);
        expect(without('-')).toEqual(after);
      }),
    );
  });

  it('is as short as that of diff(1)', () => {
    fc.assert(
      fc.property(lists, lists, (before, after) => {
        const changed = diffLines(before, after).filter(({ sign }) => sign !== ' ').length;
        expect(changed).toBe(changedByDiff(before, after));
      }),
      { numRuns: 40 },
    );
  });

  it('of lists too long to be compared line by line keeps both ends', () => {
    const before = ['head', ...Array.from({ length: 3000 }, (_, i) => `a${i}`), 'tail'];
    const after = ['head', ...Array.from({ length: 3000 }, (_, i) => `b${i}`), 'tail'];
    const diff = diffLines(before, after);
    expect(diff.filter(({ sign }) => sign === ' ').map(({ text }) => text)).toEqual([
      'head',
      'tail',
    ]);
    expect(diff).toHaveLength(6002);
  });
});
