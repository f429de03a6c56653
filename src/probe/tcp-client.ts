/**
 * The program that opens one TCP connection, run in the client's network namespace:
 * `node tcp-client.js ADDRESS PORT TIMEOUT-SECONDS`.
 *
 * It prints one line of JSON as soon as connect() has ended, echoes a few bytes to see that the
 * connection carries data, and holds it open until its standard input ends, so that the kernel can be
 * asked about the socket.
 */
import { connect } from 'node:net';

const [address = '', port = '', timeout = ''] = process.argv.slice(2);
const started = process.hrtime.bigint();
const socket = connect({ host: address, port: Number(port) });
const timer = setTimeout(() => fail('timeout'), Number(timeout) * 1000);

socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
socket.on('connect', () => {
  clearTimeout(timer);
  tell('connected');
  socket.write('stalesum');
  process.stdin.on('end', () => socket.end()).resume();
});
socket.resume();
socket.on('close', () => process.exit(0));

function fail(reason: string): void {
  clearTimeout(timer);
  tell(reason);
  process.exit(0);
}

function tell(result: string): void {
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const { localAddress, localPort } = socket;
  process.stdout.write(`${JSON.stringify({ result, seconds, localAddress, localPort })}\n`);
}
