import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type MessageKind, MessageReader, messageBytes } from '../../src/guest/channel.js';

const kinds: MessageKind[] = ['hello', 'stdout', 'stderr', 'results', 'warning', 'alive', 'exit'];
const message = fc.record({
  kind: fc.constantFrom(...kinds),
  body: fc.uint8Array({ maxLength: 300 }),
});

test('messages arrive as they were sent, in pieces of whatever size', () => {
  fc.assert(
    fc.property(fc.array(message), fc.integer({ min: 1, max: 64 }), (sent, size) => {
      const bytes = Buffer.concat(sent.map(({ kind, body }) => messageBytes(kind, body)));
      const reader = new MessageReader();
      const arrived = [];
      for (let at = 0; at < bytes.length; at += size) {
        arrived.push(...reader.read(bytes.subarray(at, at + size)));
      }
      expect(arrived.map(({ kind, body }) => ({ kind, body: [...body] }))).toEqual(
        sent.map(({ kind, body }) => ({ kind, body: [...body] })),
      );
    }),
  );
});

test.each([
  ['a kind that there is not', [99, 0, 0, 0, 0]],
  ['a length that none has', [1, 0xff, 0xff, 0xff, 0xff]],
])('%s is noticed', (_, bytes) => {
  expect(() => new MessageReader().read(Uint8Array.from(bytes))).toThrow('garbled');
});
