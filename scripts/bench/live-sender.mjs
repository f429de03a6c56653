/**
 * The generator of the live benchmark: raw frames out of an interface at a steady rate, with sendmmsg(2)
 * through koffi (64-bit Linux). `node live-sender.mjs DEVICE PACKETS RATE LENGTH [MIX]`, in the interface's
 * namespace; a rate of 0 is as fast as it goes. Prints {"sent", "seconds"}.
 *
 * The frames are those of a mix (tunnel-frames.mjs), by default `plain`, one after the other.
 */
import koffi from 'koffi';
import { mixOf } from './tunnel-frames.mjs';

const [device, packets, rate, length, mix = 'plain'] = process.argv.slice(2);
const COUNT = Number(packets);
const RATE = Number(rate) || Number.POSITIVE_INFINITY;
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
const mixed = mixOf(mix, LENGTH);
const frames = Buffer.concat(mixed);
const messages = messageHeaders();

const started = performance.now();
let sent = 0;
while (sent < COUNT) {
  const elapsed = Math.max(1, performance.now() - started);
  const due = Math.min(COUNT, Math.floor((elapsed * RATE) / 1000));
  while (sent < due) {
    const next = sent % mixed.length;
    const most = Math.min(BATCH, due - sent, mixed.length - next);
    const done = sendmmsg(descriptor, messages.subarray(next * MMSGHDR_BYTES), most, 0);
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
  const headers = Buffer.alloc(mixed.length * MMSGHDR_BYTES);
  const pieces = Buffer.alloc(mixed.length * IOVEC_BYTES);
  const framesAt = koffi.address(frames);
  const piecesAt = koffi.address(pieces);
  for (let index = 0; index < mixed.length; index++) {
    pieces.writeBigUInt64LE(framesAt + BigInt(index * LENGTH), index * IOVEC_BYTES);
    pieces.writeBigUInt64LE(BigInt(LENGTH), index * IOVEC_BYTES + 8);
    headers.writeBigUInt64LE(piecesAt + BigInt(index * IOVEC_BYTES), index * MMSGHDR_BYTES + 16);
    headers.writeBigUInt64LE(1n, index * MMSGHDR_BYTES + 24);
  }
  // The memory behind the addresses must stay.
  headers.pieces = pieces;
  return headers;
}
