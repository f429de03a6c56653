/**
 * The program that opens TCP connections, run in the client's network namespace:
 * `node tcp-client.js ADDRESS PORT TIMEOUT-SECONDS COUNT BYTES`.
 *
 * It opens COUNT connections at once and prints one line of JSON for each: as soon as its connect()
 * has ended or, with BYTES above 0, as soon as so many bytes came back from the echo. It holds them
 * open until its standard input ends, so that the kernel can be asked about the sockets.
 */
import { connect } from 'node:net';

const [address = '', port = '', timeout = '', count = '1', bytes = '0'] = process.argv.slice(2);
let open = Number(count);

for (let index = 0; index < Number(count); index++) openOne();

function openOne(): void {
  const started = process.hrtime.bigint();
  const socket = connect({ host: address, port: Number(port) });
  let connectedAfter: number | undefined;
  let missing = Number(bytes);
  let told = false;

  const tell = (result: string) => {
    if (told) return;
    told = true;
    clearTimeout(timer);
    const { localAddress, localPort } = socket;
    const seconds = connectedAfter ?? secondsSince(started);
    process.stdout.write(`${JSON.stringify({ result, seconds, localAddress, localPort })}\n`);
  };
  const timer = setTimeout(() => {
    tell(connectedAfter === undefined ? 'timeout' : 'stalled');
    socket.destroy();
  }, Number(timeout) * 1000);

  socket.on('error', (error: NodeJS.ErrnoException) => tell(error.code ?? error.message));
  socket.on('connect', () => {
    connectedAfter = secondsSince(started);
    if (missing > 0) socket.write(Buffer.alloc(missing));
    else tell('connected');
    process.stdin.on('end', () => socket.end()).resume();
  });
  socket.on('data', chunk => {
    missing -= chunk.length;
    if (missing <= 0) tell('connected');
  });
  socket.on('close', () => {
    tell('closed');
    if (--open === 0) process.exit(0);
  });
}

function secondsSince(started: bigint): number {
  return Number(process.hrtime.bigint() - started) / 1e9;
}
