/**
 * The generator of the live benchmark: raw frames out of an interface at a steady rate, with sendmmsg(2)
 * through koffi (64-bit Linux). `node live-sender.mjs DEVICE PACKETS RATE LENGTH`, in the interface's
 * namespace. Prints {"sent", "seconds"}.
 *
 * The frames are VXLAN datagrams to port 8472 with a checksum in use, from one source port after the
 * other.
 */
import koffi from 'koffi';

const [device, packets, rate, length] = process.argv.slice(2);
const COUNT = Number(packets);
const RATE = Number(rate);
const LENGTH = Number(length);

const BATCH = 64;
const AF_PACKET = 17;
const SOCK_RAW = 3;
/** struct mmsghdr and struct iovec of 64-bit Linux. */
const MMSGHDR_BYTES = 64;
const IOVEC_BYTES = 16;

const libc = koffi.load(null);
const socket = libc.func('int socket(int, int, int)');
const bind = libc.func('int bind(int, void *, uint32_t)');
const sendmmsg = libc.func('int sendmmsg(int, void *, uint32_t, int)');
const if_nametoindex = libc.func('uint32_t if_nametoindex(const char *)');

const descriptor = openOn(device);
const frames = new Uint8Array(BATCH * LENGTH);
for (let index = 0; index < BATCH; index++) frames.set(frame(index), index * LENGTH);
const messages = messageHeaders();

const started = performance.now();
let sent = 0;
while (sent < COUNT) {
  const due = Math.min(COUNT, Math.floor(((performance.now() - started) * RATE) / 1000));
  while (sent < due) {
    const done = sendmmsg(descriptor, messages, Math.min(BATCH, due - sent), 0);
    if (done <= 0) throw new Error(`sendmmsg: error ${koffi.errno()}`);
    sent += done;
  }
  await new Promise(resolve => setTimeout(resolve, 1));
}
const seconds = (performance.now() - started) / 1000;
process.stdout.write(`${JSON.stringify({ sent, seconds })}\n`);

function openOn(name) {
  const opened = socket(AF_PACKET, SOCK_RAW, 0);
  const address = new Uint8Array(20);
  new Uint16Array(address.buffer)[0] = AF_PACKET;
  new Int32Array(address.buffer)[1] = if_nametoindex(name);
  if (opened < 0 || bind(opened, address, address.length) !== 0) {
    throw new Error(`${name}: error ${koffi.errno()}`);
  }
  return opened;
}

/** One message a frame, each of one piece. */
function messageHeaders() {
  const headers = Buffer.alloc(BATCH * MMSGHDR_BYTES);
  const pieces = Buffer.alloc(BATCH * IOVEC_BYTES);
  const framesAt = koffi.address(frames);
  const piecesAt = koffi.address(pieces);
  for (let index = 0; index < BATCH; index++) {
    pieces.writeBigUInt64LE(framesAt + BigInt(index * LENGTH), index * IOVEC_BYTES);
    pieces.writeBigUInt64LE(BigInt(LENGTH), index * IOVEC_BYTES + 8);
    headers.writeBigUInt64LE(piecesAt + BigInt(index * IOVEC_BYTES), index * MMSGHDR_BYTES + 16);
    headers.writeBigUInt64LE(1n, index * MMSGHDR_BYTES + 24);
  }
  // The memory behind the addresses must stay.
  headers.pieces = pieces;
  return headers;
}

function frame(index) {
  const bytes = Buffer.alloc(LENGTH);
  bytes.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00, 0x45, 0x00]);
  bytes.writeUInt16BE(LENGTH - 14, 16);
  bytes.set([64, 17], 22);
  bytes.set([10, 0, 0, 1, 10, 0, 0, 2], 26);
  bytes.writeUInt16BE(40000 + index, 34);
  bytes.writeUInt16BE(8472, 36);
  bytes.writeUInt16BE(LENGTH - 34, 38);
  bytes.writeUInt16BE(0x1234, 40);
  bytes.set([8, 0, 0, 0, 0, 0, 1, 0], 42);
  return bytes;
}
