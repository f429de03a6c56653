// A transfer of some megabytes each way through the tunnel, with all the offload that the lab's NICs have:
// checksums left open, segments of 64 KiB on the sender, merged ones on the receiver. Nothing of it is wrong.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { print, startWatch } from './watching.mjs';

const BYTES = 4_000_000;

// Sends back whatever it gets.
const echo = `
  require('node:net').createServer({ allowHalfOpen: true }, s => s.pipe(s))
    .listen(9000, () => console.log('listens'));`;
const server = spawn('nsenter', ['--net=/run/netns/web', process.execPath, '-e', echo], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
await once(server.stdout, 'data');
const watches = await Promise.all([
  startWatch(['eth0', '--sample', '1'], 'node-a'),
  startWatch(['eth0', '--sample', '1'], 'node-b'),
]);

// Straight to the pod: without a service nothing is marked, and nothing is rewritten.
const socket = connect(9000, '10.244.1.2');
let received = 0;
socket.on('data', chunk => {
  received += chunk.length;
});
await once(socket, 'connect');
socket.end(Buffer.alloc(BYTES, 0x5a));
await once(socket, 'close');
await sleep(300);
const ended = await Promise.all(watches.map(watch => watch.end()));
server.kill();
print({
  bytes: BYTES,
  received,
  events: watches.map(({ events }) => events),
  outcomes: ended.map(({ outcome }) => outcome),
});
