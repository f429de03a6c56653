/**
 * The program in pod web: a TCP echo server. Run as `node listener.js ADDRESS PORT`.
 *
 * It says "listening" on stdout when it is ready, and ends when its standard input does. The address
 * may come to be after it was started.
 */
import { createServer } from 'node:net';

const RETRY_MILLISECONDS = 5;

const [address, port] = process.argv.slice(2);

const server = createServer({ allowHalfOpen: true }, socket => {
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
});

server.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EADDRNOTAVAIL') {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
  setTimeout(listen, RETRY_MILLISECONDS);
});
server.on('listening', () => process.stdout.write('listening\n'));
process.stdin.on('end', () => process.exit(0)).resume();
listen();

function listen(): void {
  server.listen(Number(port), address);
}
