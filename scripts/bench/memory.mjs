/** How much memory the greatest inputs take. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { cloneRoot } from '../setup/clone.mjs';
import { makeCapture } from './make-capture.mjs';
import { measure } from './measure.mjs';

const CLI = join(cloneRoot, 'dist', 'cli.js');
const ANALYZE = [process.execPath, CLI, 'analyze', '--quiet'];
const FILE_HEADER = 24;
/** Times that the capture comes through standard input, one behind the other as one. */
const LOOPS = 10;

/** Peak memory, in units of 10^6 bytes, of a long standard input and of a capture of flows alone. */
export async function memory(folder, { packets, seed, mixed, say }) {
  say(`the capture ${LOOPS} times through standard input`);
  const stdin = await measure([...ANALYZE, '-'], { input: Readable.from(looped(mixed)) });
  const file = join(folder, 'flows.pcap');
  say(`a capture of ${packets} flows`);
  makeCapture(file, { packets, shape: 'small', seed, flows: packets });
  const flows = await measure([...ANALYZE, '--json', file]);
  return {
    stdin: { captures: LOOPS, peakMegabytes: Math.round(stdin.peakMegabytes) },
    flows: { flows: packets, peakMegabytes: Math.round(flows.peakMegabytes) },
  };
}

async function* looped(file) {
  for (let loop = 0; loop < LOOPS; loop++) {
    yield* createReadStream(file, { start: loop === 0 ? 0 : FILE_HEADER, highWaterMark: 1 << 20 });
  }
}
