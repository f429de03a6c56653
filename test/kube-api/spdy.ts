/**
 * SPDY/3.1 as kubectl speaks it for exec (SPDY Protocol Draft 3.1, sections 2.2 to 2.6.7): the client opens a
 * stream for each channel, its name in the header `streamtype`; FIN half-closes one. Neither kubectl nor a
 * real API server has SPDY's flow control (moby/spdystream issue 2), so windows are neither kept nor announced.
 */
import { constants, inflateSync } from 'node:zlib';
import type { Channel, Framing, Message } from './framing.js';
import { DICTIONARY } from './spdy-dictionary.js';

const VERSION = 0x8003;
const SYN_STREAM = 1;
const SYN_REPLY = 2;
const RST_STREAM = 3;
const PING = 6;
const GOAWAY = 7;
const FIN = 1;

interface Frame {
  /** A control frame's type; undefined for data. */
  readonly type: number | undefined;
  /** Of data. */
  readonly stream: number;
  readonly flags: number;
  readonly body: Buffer;
}

export function spdyFraming(): Framing {
  const names = new Map<number, Channel>();
  const ids = new Map<Channel, number>();
  let waiting = Buffer.alloc(0);
  const headersOf = headerReader();
  const replyTo = replyWriter();

  function take(frame: Frame, answer: (bytes: Buffer) => void): Message[] {
    const { type, stream, flags, body } = frame;
    if (type === undefined) return messages(stream, body, flags);
    if (type === PING) answer(control(PING, body));
    if (type === RST_STREAM) return messages(body.readUInt32BE(0), Buffer.alloc(0), FIN);
    if (type !== SYN_STREAM) return [];
    const id = body.readUInt32BE(0);
    const channel = headersOf(body.subarray(10)).get('streamtype') as Channel;
    names.set(id, channel);
    ids.set(channel, id);
    answer(replyTo(id));
    return messages(id, Buffer.alloc(0), flags);
  }

  function messages(stream: number, bytes: Buffer, flags: number): Message[] {
    const channel = names.get(stream);
    const last = (flags & FIN) !== 0;
    return channel === undefined || (bytes.length === 0 && !last) ? [] : [{ channel, bytes, last }];
  }

  return {
    farewell: control(GOAWAY, Buffer.alloc(8)),
    isOpen: channel => ids.has(channel),
    receive(bytes, answer) {
      const { frames, rest } = framesOf(Buffer.concat([waiting, bytes]));
      waiting = rest;
      return frames.flatMap(frame => take(frame, answer));
    },
    encode({ channel, bytes, last }) {
      const head = Buffer.alloc(8);
      head.writeUInt32BE(ids.get(channel) ?? 0, 0);
      head.writeUInt32BE(bytes.length, 4);
      head.writeUInt8(last ? FIN : 0, 4);
      return Buffer.concat([head, bytes]);
    },
  };
}

export function framesOf(bytes: Buffer): { frames: Frame[]; rest: Buffer<ArrayBuffer> } {
  const frames: Frame[] = [];
  let at = 0;
  while (bytes.length - at >= 8) {
    const end = at + 8 + bytes.readUIntBE(at + 5, 3);
    if (end > bytes.length) break;
    const isControl = bytes.readUInt16BE(at) === VERSION;
    const type = isControl ? bytes.readUInt16BE(at + 2) : undefined;
    const stream = isControl ? 0 : bytes.readUInt32BE(at);
    frames.push({
      type,
      stream,
      flags: bytes.readUInt8(at + 4),
      body: bytes.subarray(at + 8, end),
    });
    at = end;
  }
  return { frames, rest: Buffer.from(bytes.subarray(at)) };
}

/**
 * All header blocks of a connection are one zlib stream. There are five at most, so it is read again
 * from its beginning for each.
 */
function headerReader(): (block: Buffer) => Map<string, string> {
  let compressed = Buffer.alloc(0);
  let before = 0;
  return block => {
    compressed = Buffer.concat([compressed, block]);
    const settings = { dictionary: DICTIONARY, finishFlush: constants.Z_SYNC_FLUSH };
    const text = inflateSync(compressed, settings);
    const fresh = text.subarray(before);
    before = text.length;
    return pairs(fresh);
  };
}

/** Section 2.6.10: a count, then names and values, each after its length. */
function pairs(block: Buffer): Map<string, string> {
  let at = 4;
  const next = () => {
    const from = at + 4;
    at = from + block.readUInt32BE(at);
    return block.toString('latin1', from, at);
  };
  const count = block.readUInt32BE(0);
  return new Map(Array.from({ length: count }, () => [next(), next()] as const));
}

/**
 * SYN_REPLY without headers. Its block, four zeros, is stored instead of compressed (RFC 1951, section 3.2.4);
 * an empty block after it makes Go's reader hand it on. The first one has zlib's header before it (RFC 1950),
 * which names no dictionary.
 */
function replyWriter(): (id: number) => Buffer {
  const stored = Buffer.from([0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
  let zlib = Buffer.from([0x78, 0x01]);
  return id => {
    const stream = Buffer.alloc(4);
    stream.writeUInt32BE(id);
    const reply = control(SYN_REPLY, Buffer.concat([stream, zlib, stored]));
    zlib = Buffer.alloc(0);
    return reply;
  };
}

function control(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(VERSION, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt32BE(body.length, 4);
  return Buffer.concat([head, body]);
}
