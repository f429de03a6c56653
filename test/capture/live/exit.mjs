// A process that ends in the middle of its captures, of which one had an error.
//   node exit.mjs exit|throw|stop
import { setTimeout as sleep } from 'node:timers/promises';
import { allEngines, capture, makeLink, numbered, sender } from './world.mjs';

const { left, right } = makeLink();
const { engines } = allEngines();
const captures = await Promise.all(engines.map(engine => capture(engine, right, 'r0')));
const { send } = await sender(left, 'l0');
for (let number = 0; number < 100; number++) send(numbered(number));
await sleep(50);
if (process.argv[2] === 'exit') process.exit(7);
if (process.argv[2] === 'throw') throw new Error('on purpose');
// Nothing may keep the process from ending of itself, an idle link least of all.
await Promise.all(captures.map(({ end }) => end()));
process.exitCode = 8;
