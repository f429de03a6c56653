import { expect, test } from 'vitest';
import { progressText, ReadingProgress } from '../../src/report/reading-progress.js';

test.each([
  [1_200_000_000, 8_000_000_000, 950_000_000, '1.2 of 8.0 GB, 950 MB/s, 8 s left'],
  [1_000_000_000, 100_000_000_000, 500_000_000, '1.0 of 100.0 GB, 500 MB/s, 3 min 18 s left'],
  [1_000_000_000, 100_000_000_000, 990_000_000, '1.0 of 100.0 GB, 990 MB/s, 1 min 40 s left'],
  [2_500_000_000, undefined, 100_000_000, '2.5 GB, 100 MB/s'],
  // It grew.
  [2_500_000_000, 2_000_000_000, 100_000_000, '2.5 GB, 100 MB/s'],
])('%i of %s bytes at %i a second', (bytes, size, rate, text) => {
  expect(progressText(bytes, size, rate)).toBe(text);
});

test('nothing is told within the first second, then four times a second, of each file anew', () => {
  let now = 100;
  const told: string[] = [];
  const progress = new ReadingProgress(
    text => told.push(`${now - 100} s: ${text}`),
    () => now,
  );
  const read = (name: string, seconds: number, size: number | undefined) => {
    for (let at = 0; at <= seconds; at += 0.125, now += 0.125) progress.note(name, at * 2e9, size);
  };
  read('a.pcap', 1.5, 8e9);
  read('b\u001b[2J', 1.125, undefined);
  expect(told).toEqual([
    '1 s: reading a.pcap: 2.0 of 8.0 GB, 2000 MB/s, 3 s left',
    '1.25 s: reading a.pcap: 2.5 of 8.0 GB, 2000 MB/s, 3 s left',
    '1.5 s: reading a.pcap: 3.0 of 8.0 GB, 2000 MB/s, 3 s left',
    '2.625 s: reading b [2J: 2.0 GB, 2000 MB/s',
  ]);
});
