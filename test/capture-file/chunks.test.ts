/** However a capture is cut into chunks, it reads the same. */

import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatenated, fixture, fixturesFolder, read } from './support.js';

const names = readdirSync(fixturesFolder).filter(name => /\.pcap(ng)?$/.test(name));

test.each(names)('%s reads the same in chunks of 1, 7 and 4096 bytes', name => {
  const bytes = fixture(name);
  const whole = read(bytes);
  for (const length of [1, 7, 4096]) expect(read(bytes, [length])).toEqual(whole);
});

test('any chunks at all, empty ones among them', () => {
  const lengths = fc.array(fc.oneof(fc.nat(3), fc.nat(200)), { minLength: 1 });
  fc.assert(
    fc.property(fc.constantFrom(...names), lengths, (name, chunks) => {
      const bytes = fixture(name);
      expect(read(bytes, [...chunks, 64])).toEqual(read(bytes));
    }),
    { numRuns: 500 },
  );
});

test('a chunk greater than the pieces it is taken in, behind an unfinished record', () => {
  const records = fixture('ns.pcap').subarray(24);
  const many = concatenated(fixture('ns.pcap'), ...new Array<Uint8Array>(3000).fill(records));
  const whole = read(many);
  expect(whole.summary.frames).toBe(8 * 3001);
  expect(read(many, [100, many.length])).toEqual(whole);
});
