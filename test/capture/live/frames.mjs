// Puts the frames of a file on a link, with ring and tcpdump at both ends under every filter.
//   node frames.mjs FILE     {"frames": [hex...], "filters": [[name, filter]...]}
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { tcpdump } from '../../../dist/capture/tcpdump.js';
import { capture, makeLink, print, ring, sender } from './world.mjs';

const { frames, filters } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { left, right } = makeLink();
const { send, close } = await sender(left, 'l0');
const results = [];
for (const [name, filter] of filters) {
  const captures = await Promise.all(
    [
      [left, 'l0'],
      [right, 'r0'],
    ].flatMap(([node, device]) =>
      [ring, tcpdump].map(engine => capture(engine, node, device, filter)),
    ),
  );
  for (const [index, hex] of frames.entries()) {
    send(Buffer.from(hex, 'hex'));
    // A burst is another test's subject.
    if (index % 10 === 0) await sleep(2);
  }
  await sleep(50);
  results.push({ name, captures: await Promise.all(captures.map(({ end }) => end())) });
}
await close();
print(results);
