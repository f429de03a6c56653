/** Columns, line breaks, indentation. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { columns, indent, shortened, wrap } from '../../src/report/text.js';

const word = fc.stringMatching(/^[a-z0-9.:]{1,12}$/);
const words = (text: string) => text.split(/\s+/).filter(part => part !== '');

describe('wrap', () => {
  test('breaks at spaces', () => {
    expect(wrap('one two three four', 9)).toEqual(['one two', 'three', 'four']);
    expect(wrap('one two', 7)).toEqual(['one two']);
    expect(wrap('', 10)).toEqual([]);
  });

  test('starts further lines at the hanging column', () => {
    expect(wrap('control  one two three', 13, 9)).toEqual([
      'control  one',
      '         two',
      '         thre',
      '         e',
    ]);
    expect(wrap('- first second third', 14, 2)).toEqual(['- first second', '  third']);
  });

  test('keeps spaces within a line: labels are padded with them', () => {
    expect(wrap('input    2 captures', 40)).toEqual(['input    2 captures']);
  });

  test('loses no word, and makes no line longer than the width', () => {
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 40 }),
        fc.integer({ min: 24, max: 60 }),
        fc.nat(10),
        (list, width, hanging) => {
          const lines = wrap(list.join(' '), width, hanging);
          expect(words(lines.join(' '))).toEqual(list);
          for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
          for (const line of lines.slice(1))
            expect(line.startsWith(' '.repeat(hanging))).toBe(true);
        },
      ),
    );
  });

  test('breaks a word that has no room on a line of its own, and loses none of it', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z/]{1,200}$/),
        fc.integer({ min: 10, max: 40 }),
        fc.nat(5),
        (path, width, hanging) => {
          const lines = wrap(`to ${path}`, width, hanging);
          expect(
            lines
              .map(line => line.trim())
              .join('')
              .replace('to', '')
              .trim(),
          ).toBe(path);
          for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
        },
      ),
    );
  });

  test('wastes no line: two neighbours never fit into one', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), list => {
        const lines = wrap(list.join(' '), 40);
        for (let i = 1; i < lines.length; i++) {
          const [first = ''] = words(lines[i]!);
          expect(lines[i - 1]!.length + 1 + first.length).toBeGreaterThan(40);
        }
      }),
    );
  });
});

describe('columns', () => {
  test('are as wide as their widest cell, two spaces between, none at the end of a line', () => {
    expect(
      columns([
        ['a', 'bbb', 'c'],
        ['aa', 'b', ''],
      ]),
    ).toEqual(['a   bbb  c', 'aa  b']);
    expect(columns([])).toEqual([]);
  });

  test('begin at the same place in every row', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(word, word, word), { minLength: 1, maxLength: 8 }), rows => {
        const lines = columns(rows);
        const widest = (column: 0 | 1) => Math.max(...rows.map(row => row[column].length));
        const second = widest(0) + 2;
        const third = second + widest(1) + 2;
        rows.forEach((row, i) => {
          expect(lines[i]!.slice(0, second).trimEnd()).toBe(row[0]);
          expect(lines[i]!.slice(second, third).trimEnd()).toBe(row[1]);
          expect(lines[i]!.slice(third)).toBe(row[2]);
        });
      }),
    );
  });

  test('may be missing from a row', () => {
    expect(columns([['a'], ['b', 'c']])).toEqual(['a', 'b  c']);
  });
});

test('indentation leaves empty lines empty', () => {
  expect(indent(['a', '', ' b'])).toEqual(['  a', '', '   b']);
});

test('a name too long for its column keeps its end', () => {
  expect(shortened('overlay.pcap', 12)).toBe('overlay.pcap');
  expect(shortened('/long/way/overlay.pcap', 12)).toBe('...rlay.pcap');
});
