/** What kubectl 1.20.2 and 1.32.4 sent for `printf 'stale\n' | kubectl exec -i web-b -- cat`, after the switch. */
import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Channel, Framing } from './framing.js';
import { framesOf, spdyFraming } from './spdy.js';
import { DICTIONARY } from './spdy-dictionary.js';
import { acceptOf, webSocketFraming } from './websocket.js';

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex');

const OF_KUBECTL_1_20 = hex(`
  80030001 00000029 00000001 00000000 0000 78f9e3c6a7c26260606004a7b392a2d4c45c6851c29a0a0a6800000000ffff
  80030001 00000017 00000003 00000000 0000 c22e555c92929907000000ffff
  80030001 00000019 00000005 00000000 0000 c22ac5565c92925f5a02000000ffff
  80030001 00000015 00000007 00000000 0000 c229975a5404000000ffff
  00000003 00000006 7374616c650a
  00000003 01000000`);

const OF_KUBECTL_1_32 = hex(`
  8287 042820ac 045b54cd684d2a
  8282 45a0215e baa0
  8882 f2703848 f198`);

const STALE = [
  { channel: 'stdin', bytes: Buffer.from('stale\n'), last: false },
  { channel: 'stdin', bytes: Buffer.alloc(0), last: true },
];

/** Everything at once, and byte by byte as no frame begins where a packet does. */
const HOW = [
  ['at once', (bytes: Buffer) => [bytes]],
  ['byte by byte', (bytes: Buffer) => [...bytes].map(byte => Buffer.from([byte]))],
] as const;

function received(framing: Framing, parts: readonly Buffer[]) {
  const answers: Buffer[] = [];
  const messages = parts.flatMap(part => framing.receive(part, bytes => void answers.push(bytes)));
  return { messages, answer: Buffer.concat(answers) };
}

describe('SPDY as kubectl speaks it', () => {
  it.each(HOW)('gives the channels and the input, %s', (_, split) => {
    const framing = spdyFraming();
    const { messages, answer } = received(framing, split(OF_KUBECTL_1_20));
    expect(messages).toEqual(STALE);
    const channels: Channel[] = ['error', 'stdin', 'stdout', 'stderr'];
    expect(channels.map(channel => framing.isOpen(channel))).toEqual([true, true, true, true]);
    const { frames, rest } = framesOf(answer);
    expect(rest).toHaveLength(0);
    expect(frames.map(({ type, body }) => [type, body.readUInt32BE(0)])).toEqual([
      [2, 1],
      [2, 3],
      [2, 5],
      [2, 7],
    ]);
    const blocks = Buffer.concat(frames.map(({ body }) => body.subarray(4)));
    const settings = { dictionary: DICTIONARY, finishFlush: 2 };
    expect(inflateSync(blocks, settings)).toEqual(Buffer.alloc(4 * 4));
  });

  it('sends data in the stream that the client opened for it', () => {
    const framing = spdyFraming();
    received(framing, [OF_KUBECTL_1_20]);
    const bytes = Buffer.from('out');
    expect(framing.encode({ channel: 'stdout', bytes, last: false })).toEqual(
      hex('00000005 00000003 6f7574'),
    );
    expect(framing.encode({ channel: 'error', bytes: Buffer.alloc(0), last: true })).toEqual(
      hex('00000001 01000000'),
    );
  });

  it('returns a ping as it came', () => {
    const ping = hex('80030006 00000004 0000002b');
    expect(received(spdyFraming(), [ping])).toEqual({ messages: [], answer: ping });
  });
});

describe('WebSocket as kubectl speaks it', () => {
  it.each(HOW)('gives the input, %s', (_, split) => {
    const { messages, answer } = received(webSocketFraming(), split(OF_KUBECTL_1_32));
    expect(messages).toEqual(STALE);
    expect(answer).toHaveLength(0);
  });

  it('puts a message in fragments together, and answers a ping between them', () => {
    const parts = hex('0282 00000000 0061  8981 01010101 79  8081 00000000 62');
    expect(received(webSocketFraming(), [parts])).toEqual({
      messages: [{ channel: 'stdin', bytes: Buffer.from('ab'), last: false }],
      answer: hex('8a01 78'),
    });
  });

  it.each([
    [124, '827d 01'],
    [125, '827e007e 01'],
    [65_534, '827effff 01'],
    [65_535, '827f0000000000010000 01'],
  ])('sends %i bytes of output under the length that RFC 6455 has for it', (size, head) => {
    const bytes = Buffer.alloc(size, 0x61);
    const sent = webSocketFraming().encode({ channel: 'stdout', bytes, last: false });
    expect(sent.equals(Buffer.concat([hex(head), bytes]))).toBe(true);
  });

  it("answers RFC 6455's own example of a key", () => {
    expect(acceptOf('dGhlIHNhbXBsZSBub25jZQ==')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  });
});
