// A link full of right checksums: a sample that was asked for, then one that the load calls for.
import { setTimeout as sleep } from 'node:timers/promises';
import { makeLink } from '../../capture/live/world.mjs';
import { print, send, startWatch } from './watching.mjs';

const PACKETS = 50_000;

makeLink();
const asked = await startWatch(['l0', '--sample', '10'], 'left');
const { sent } = await send('left', 'l0', PACKETS, 'right-and-stale');
await sleep(500);
const askedEnd = await asked.end();

const auto = await startWatch(['l0'], 'left');
// However busy the machine is: until the load was noticed.
let flooded = 0;
const noticed = auto.until(({ event }) => event === 'sampling');
let isNoticed = false;
void noticed.then(() => {
  isNoticed = true;
});
while (!isNoticed) flooded += (await send('left', 'l0', PACKETS, 'right')).sent;
const before = auto.events.indexOf(await noticed) + 1;
await send('left', 'l0', PACKETS, 'right-and-stale');
// Then the link is quiet, and everything is looked at again.
const relaxed = await auto.until(({ event, other }) => event === 'sampling' && other === 1, before);
const autoEnd = await auto.end();
print({
  sent,
  asked: { events: asked.events, ...askedEnd },
  flooded,
  noticed: await noticed,
  relaxed,
  auto: { events: auto.events, ...autoEnd },
});
