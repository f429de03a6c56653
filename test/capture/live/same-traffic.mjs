// All engines at once, on three interfaces in two namespaces, while a connection is made through the
// lab's tunnel and talks back and forth: one message at a time, so that the order is certain.
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { netnsNode } from '../../../dist/node/netns.js';
import { allEngines, capture, EVERYTHING, print } from './world.mjs';

const TUNNEL = { kind: 'tunnel', port: 8472 };
const MESSAGES = [1, 100, 1400, 5000, 9000, 100, 1];

const nodeA = netnsNode('node-a');
const nodeB = netnsNode('node-b');
const points = [
  [nodeA, 'flannel.1', EVERYTHING],
  [nodeA, 'eth0', TUNNEL],
  [nodeB, 'eth0', EVERYTHING],
  [nodeB, 'eth0', TUNNEL],
];

const { engines, withoutPcap } = allEngines();
const captures = await Promise.all(
  points.flatMap(([node, device, filter]) =>
    engines.map(engine => capture(engine, node, device, filter)),
  ),
);
await talk();
await sleep(100);
print({ withoutPcap, captures: await Promise.all(captures.map(({ end }) => end())) });

async function talk() {
  const socket = connect(8080, '10.244.1.2');
  socket.setNoDelay(true);
  await once(socket, 'connect');
  for (const length of MESSAGES) {
    socket.write(Buffer.alloc(length, length));
    for (let left = length; left > 0; ) {
      const [chunk] = await once(socket, 'data');
      left -= chunk.length;
    }
    // Whatever is still to be acknowledged is, before the next message.
    await sleep(60);
  }
  socket.end();
  await once(socket, 'close');
}
