/**
 * WebSocket (RFC 6455) with the subprotocol v5.channel.k8s.io (KEP 4006), which kubectl tries first from 1.31
 * on: the first byte of a binary message is its channel; 255 and a channel half-closes that channel.
 */
import { createHash } from 'node:crypto';
import type { Channel, Framing, Message } from './framing.js';

export const SUBPROTOCOL = 'v5.channel.k8s.io';

const CHANNELS: readonly Channel[] = ['stdin', 'stdout', 'stderr', 'error'];
const CLOSED = 255;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/** Section 4.2.2: what the server makes of the client's key. */
export const acceptOf = (key: string) =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

export function webSocketFraming(): Framing {
  let waiting = Buffer.alloc(0);
  let fragments: Buffer[] = [];

  return {
    /** Status 1000: normal. */
    farewell: frame(CLOSE, Buffer.from([0x03, 0xe8])),
    isOpen: () => true,
    receive(bytes, answer) {
      waiting = Buffer.concat([waiting, bytes]);
      const messages: Message[] = [];
      for (let next = nextFrame(waiting); next !== undefined; next = nextFrame(waiting)) {
        waiting = Buffer.from(waiting.subarray(next.length));
        if (next.opcode === PING) answer(frame(PONG, next.payload));
        if (next.opcode >= CLOSE) continue;
        fragments.push(next.payload);
        if (!next.final) continue;
        messages.push(...messageOf(Buffer.concat(fragments)));
        fragments = [];
      }
      return messages;
    },
    encode: ({ channel, bytes }) =>
      bytes.length === 0
        ? Buffer.alloc(0)
        : frame(BINARY, Buffer.concat([Buffer.from([CHANNELS.indexOf(channel)]), bytes])),
  };
}

function messageOf(payload: Buffer): Message[] {
  const last = payload[0] === CLOSED;
  const channel = CHANNELS[(last ? payload[1] : payload[0]) ?? CLOSED];
  const bytes = last ? Buffer.alloc(0) : payload.subarray(1);
  return channel === undefined ? [] : [{ channel, bytes, last }];
}

/** Section 5.2, from a client, so always masked. */
function nextFrame(bytes: Buffer) {
  if (bytes.length < 2) return undefined;
  const short = bytes.readUInt8(1) & 0x7f;
  const extra = short === 127 ? 8 : short === 126 ? 2 : 0;
  const start = 2 + extra + 4;
  if (bytes.length < start) return undefined;
  const size = extra === 0 ? short : bytes.readUIntBE(extra === 8 ? 4 : 2, extra === 8 ? 6 : 2);
  const length = start + size;
  if (bytes.length < length) return undefined;
  const mask = bytes.subarray(start - 4, start);
  const payload = Buffer.from(bytes.subarray(start, length));
  for (let at = 0; at < payload.length; at++) payload[at]! ^= mask[at & 3]!;
  const first = bytes.readUInt8(0);
  return { final: first >= 0x80, opcode: first & 0x0f, payload, length };
}

function frame(opcode: number, payload: Buffer): Buffer {
  const size = payload.length;
  const extra = size > 0xffff ? 8 : size > 125 ? 2 : 0;
  const head = Buffer.alloc(2 + extra);
  head.writeUInt8(0x80 | opcode, 0);
  head.writeUInt8(extra === 8 ? 127 : extra === 2 ? 126 : size, 1);
  if (extra > 0) head.writeUIntBE(size, extra === 8 ? 4 : 2, extra === 8 ? 6 : 2);
  return Buffer.concat([head, payload]);
}
