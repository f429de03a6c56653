/** Every recording in captures/, against the counts of capinfos. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readCaptureFile } from '../../src/capture-file/file.js';
import { fixturesFolder } from './support.js';

const captures = fileURLToPath(new URL('../../captures/', import.meta.url));
const listed = readFileSync(new URL('capture-counts.txt', fixturesFolder), 'utf8')
  .trim()
  .split('\n')
  .map(line => line.split('\t'));

test('the 124 recordings have as many frames as capinfos counts, and are whole', async () => {
  expect(listed).toHaveLength(124);
  for (const [name, count] of listed) {
    const path = captures + name;
    let visited = 0;
    const summary = await readCaptureFile(path, () => visited++);
    expect(visited, name).toBe(Number(count));
    expect(summary, name).toMatchObject({
      format: 'pcap',
      frames: visited,
      truncated: null,
      bytes: readFileSync(path).length,
      sha256: createHash('sha256').update(readFileSync(path)).digest('hex'),
      interfaces: [{ linkType: 1, snapLength: 262_144 }],
    });
  }
});
