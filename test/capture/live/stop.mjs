// Fifty captures that are stopped right after the last frame was sent; and idle ones.
import { setTimeout as sleep } from 'node:timers/promises';
import { capture, makeLink, numbered, print, ring, sender } from './world.mjs';

const ROUNDS = 50;

const { left, right } = makeLink();
const { send, close } = await sender(left, 'l0');
const rounds = [];
for (let round = 0; round < ROUNDS; round++) {
  const captures = await Promise.all([capture(ring, left, 'l0'), capture(ring, right, 'r0')]);
  // Sometimes at once, sometimes in the middle of a block's time.
  await sleep(round % 25);
  const count = 1 + (round % 7);
  for (let number = 0; number < count; number++) send(numbered(round * 100 + number));
  const ended = await Promise.all(captures.map(({ end }) => end()));
  rounds.push({
    first: round * 100,
    count,
    seen: ended.map(({ frames }) =>
      frames.map(({ hex }) => Number.parseInt(hex.slice(28, 36), 16)),
    ),
  });
}

const idle = [];
for (let round = 0; round < 5; round++) {
  const { live } = await capture(ring, right, 'r0');
  const before = performance.now();
  const statistics = await live.stop();
  idle.push({ milliseconds: performance.now() - before, statistics });
}

const { live } = await capture(ring, right, 'r0');
const [first, again] = await Promise.all([live.stop(), live.stop()]);
await close();
print({ rounds, idle, stoppedTwice: first === again });
