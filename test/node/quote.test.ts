import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { shellWord } from '../../src/node/quote.js';

/** What a shell makes of the words, each ended by a NUL. */
function words(shell: string, quoted: string): string[] {
  const script = `for word in ${quoted}; do printf '%s\\0' "$word"; done`;
  return execFileSync(shell, ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1);
}

const ODD = [
  '; id',
  '$(id)',
  '`id`',
  'a\nb',
  '\n',
  "it's",
  "'",
  "''",
  '"',
  '-x',
  '--',
  '*',
  '\\',
  '!!',
  '~',
  '',
  '#',
  '\u{1f980}',
];

it.each(['sh', 'bash'])('words reach %s as they are', shell => {
  expect(words(shell, ODD.map(shellWord).join(' '))).toEqual(ODD);
});

it('any text does', () => {
  const text = fc.string({ unit: 'binary' }).filter(value => !value.includes('\0'));
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 40 }), values => {
      expect(words('sh', values.map(shellWord).join(' '))).toEqual(values);
    }),
    { numRuns: 30 },
  );
});
