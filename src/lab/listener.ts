/**
 * The program in pod web: a TCP echo server, and a DNS server that has one answer. Run as
 * `node listener.js ADDRESS TCP-PORT UDP-PORT`.
 *
 * It says "listening" on stdout when both are ready, and ends when its standard input does. The
 * address may come to be after it was started.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerTo } from '../probe/dns-query.js';

const RETRY_MILLISECONDS = 5;

const [address = '', tcpPort, udpPort] = process.argv.slice(2);
const ownAddress = address.split('.').map(Number);

process.stdin.on('end', () => process.exit(0)).resume();
try {
  await Promise.all([untilBound(echo), untilBound(nameServer)]);
  process.stdout.write('listening\n');
} catch (fault) {
  process.stderr.write(`${fault instanceof Error ? fault.message : fault}\n`);
  process.exit(1);
}

async function echo(): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  await once(server.listen(Number(tcpPort), address), 'listening');
}

async function nameServer(): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (asked, { address: client, port }) => {
    socket.send(answerTo(asked, ownAddress), port, client);
  });
  socket.bind(Number(udpPort), address);
  await once(socket, 'listening');
  socket.on('error', () => undefined);
}

async function untilBound(bind: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await bind();
    } catch (fault) {
      if ((fault as NodeJS.ErrnoException).code !== 'EADDRNOTAVAIL') throw fault;
      await sleep(RETRY_MILLISECONDS);
    }
  }
}
