// More frames than a tiny ring holds, while the event loop is blocked; and what is left afterwards.
import { setTimeout as sleep } from 'node:timers/promises';
import { ringEngine } from '../../../dist/capture/ring.js';
import { capture, makeLink, numbered, print, sender } from './world.mjs';

const BURST = 2000;

const { left, right } = makeLink();
const { send, close } = await sender(left, 'l0');
const tiny = ringEngine({ blockBytes: 16 * 1024, blocks: 4 });
const { live, frames } = await capture(tiny, right, 'r0');
const numbers = () => frames.map(({ hex }) => Number.parseInt(hex.slice(28, 36), 16));

for (let number = 0; number < BURST; number++) send(numbered(number));
await sleep(200);
const counts = live.counts();
const afterBurst = numbers();

// It goes on once there is room again.
frames.length = 0;
for (let number = 0; number < 5; number++) send(numbered(10_000 + number));
const statistics = await live.stop();
await close();
print({ burst: BURST, counts, afterBurst, later: numbers(), statistics });
