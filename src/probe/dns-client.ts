/**
 * The program that asks a name server, run in the client's network namespace:
 * `node dns-client.js ADDRESS PORT TRIES INTERVAL-SECONDS COUNT`.
 *
 * COUNT resolvers at once, each as resolvers do: the query is sent again from the same socket, TRIES
 * times in all, and then once more from another socket. One line of JSON for each socket.
 */
import { createSocket } from 'node:dgram';
import { query } from './dns-query.js';

const [address = '', port = '', tries = '', interval = '', count = '1'] = process.argv.slice(2);

await Promise.all(Array.from({ length: Number(count) }, (_, index) => resolve(index)));

async function resolve(index: number): Promise<void> {
  if (await askFrom(2 * index, Number(tries))) return;
  await askFrom(2 * index + 1, 1);
}

/** Asks from a socket of its own; true once it was answered. */
async function askFrom(id: number, most: number): Promise<boolean> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const started = process.hrtime.bigint();
  let sent = 0;
  const result = await new Promise<string>(settle => {
    let timer: NodeJS.Timeout | undefined;
    const ask = () => {
      if (sent === most) return settle('timeout');
      sent++;
      socket.send(query(id));
      timer = setTimeout(ask, Number(interval) * 1000);
    };
    socket.on('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
    socket.on('message', answer => {
      if (answer.readUInt16BE(0) !== id) return;
      clearTimeout(timer);
      settle('answered');
    });
    socket.connect(Number(port), address, ask);
  });
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const { address: localAddress, port: localPort } = socket.address();
  process.stdout.write(`${JSON.stringify({ result, seconds, localAddress, localPort, sent })}\n`);
  socket.close();
  return result === 'answered';
}
