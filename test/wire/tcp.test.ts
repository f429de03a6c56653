/** TCP headers (RFC 9293) and the timestamps option (RFC 7323), built by hand. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as tcp from '../../src/wire/tcp.js';
import { FLAGS, hex, tcp as segment, timestamps } from '../support/packet-builder.js';

const fields = {
  source: '10.0.0.1',
  destination: '10.0.0.2',
  sourcePort: 64139,
  destinationPort: 8080,
  sequence: 0xfedcba98,
  acknowledgment: 0x89abcdef,
};

/** The value of the option, as bytes; undefined where none was found. */
function found(bytes: readonly number[], captured = bytes.length): readonly number[] | undefined {
  const view = new DataView(Uint8Array.from([0xee, ...bytes, 8, 10, 1, 2, 3, 4]).buffer);
  const at = tcp.timestampsOffset(view, 1, 1 + captured);
  return at < 0 ? undefined : Array.from({ length: 8 }, (_, i) => view.getUint8(at + i));
}

const withOptions = (options: readonly number[], dataOffset?: number) =>
  segment({ ...fields, options, ...(dataOffset === undefined ? {} : { dataOffset }) });

test('a header’s fields stand where RFC 9293 section 3.1 puts them', () => {
  const bytes = segment({ ...fields, flags: FLAGS.syn | FLAGS.ack, options: timestamps(1, 2) });
  const view = new DataView(Uint8Array.from([0xee, ...bytes]).buffer);
  expect(tcp.sourcePort(view, 1)).toBe(64139);
  expect(tcp.destinationPort(view, 1)).toBe(8080);
  expect(tcp.sequence(view, 1)).toBe(0xfedcba98);
  expect(tcp.acknowledgment(view, 1)).toBe(0x89abcdef);
  expect(tcp.headerLength(view, 1)).toBe(32);
  expect(tcp.flags(view, 1)).toBe(tcp.FLAG_SYN | tcp.FLAG_ACK);
  expect(tcp.checksum(view, 1)).toBe(bytes[16]! * 256 + bytes[17]!);
});

describe('the timestamps option is found', () => {
  const value = hex('11223344 55667788');

  test.each([
    ['behind two NOPs, as Linux sends it in established connections', '01 01 08 0a'],
    ['behind MSS and SACK permitted, as Linux sends it in a SYN', '02 04 05b4 04 02 08 0a'],
    ['first', '08 0a'],
    ['behind an option nobody knows', 'fd 05 000000 08 0a'],
  ])('%s', (_where, before) => {
    expect(found(withOptions([...hex(before), ...value]))).toEqual(value);
  });

  test('behind a timestamps kind of another length, which is another option', () => {
    expect(found(withOptions([...hex('08 06 00000000 08 0a'), ...value]))).toEqual(value);
  });
});

describe('there is no timestamps option', () => {
  test('in a header without options, even if the payload looks like one', () => {
    expect(found(segment({ ...fields, payload: timestamps(1, 2) }))).toBeUndefined();
  });

  test('behind the end of the list', () => {
    expect(found(withOptions([0, ...timestamps(1, 2)]))).toBeUndefined();
  });

  test.each([
    ['an option of length 0', '05 00'],
    ['an option of length 1', '05 01'],
    ['an option longer than the header', '05 ff'],
  ])('behind %s', (_name, before) => {
    expect(found(withOptions([...hex(before), ...timestamps(1, 2)]))).toBeUndefined();
  });

  test('where the header ends within it', () => {
    // Ten bytes of option, and a header that ends eight bytes behind its fixed part.
    expect(found(withOptions([8, 10, ...hex('11223344 55667788')], 7))).toBeUndefined();
    expect(found(withOptions([...hex('01 01 01'), 8], 6))).toBeUndefined();
  });

  test('where the capture ends within it', () => {
    const bytes = withOptions(timestamps(1, 2));
    for (let captured = 20; captured < 32; captured++) {
      expect(found(bytes, captured)).toBeUndefined();
    }
    expect(found(bytes, 32)).toBeDefined();
  });

  test('where the header claims fewer than five words', () => {
    expect(found(withOptions(timestamps(1, 2), 4))).toBeUndefined();
  });
});

test('whatever the options are, the search ends, and finds only what lies within the header', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 40 }), fc.nat(15), (options, words) => {
      const bytes = withOptions([...options], words);
      const view = new DataView(Uint8Array.from(bytes).buffer);
      const at = tcp.timestampsOffset(view, 0, bytes.length);
      if (at < 0) return;
      expect(at).toBeGreaterThanOrEqual(22);
      expect(at + 8).toBeLessThanOrEqual(Math.min(words * 4, bytes.length));
      expect([bytes[at - 2], bytes[at - 1]]).toEqual([8, 10]);
    }),
    { numRuns: 1000 },
  );
});
