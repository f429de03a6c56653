/** Addresses as text: RFC 5952 as its sections say it, and ipaddr.js for all others. */
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import { addressWords, formatAddress, formatEndpoint } from '../../src/wire/address.js';
import { addressBytes } from '../support/packet-builder.js';

function format(bytes: readonly number[]): string {
  // In the middle of other bytes, so that the offset matters.
  const view = new DataView(Uint8Array.from([0xee, ...bytes, 0xee]).buffer);
  return formatAddress(view, 1, bytes.length);
}

const bytesOfWords = (words: readonly number[]) => words.flatMap(word => [word >> 8, word & 0xff]);
const ipv6Words = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), {
  minLength: 8,
  maxLength: 8,
});

describe('an IPv6 address is written as RFC 5952 wants it', () => {
  test.each([
    [
      '4.1: leading zeros are suppressed',
      '2001:0db8:0001:0000:0001:0001:0001:0001',
      '2001:db8:1:0:1:1:1:1',
    ],
    ['4.2.1: :: is used to its full extent', '2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    [
      '4.2.2: one 16-bit zero field is not shortened',
      '2001:db8:0:1:1:1:1:1',
      '2001:db8:0:1:1:1:1:1',
    ],
    ['4.2.3: the longest run of zeros is shortened', '2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['4.2.3: of equal runs the first is shortened', '2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    [
      '4.3: letters are lower case',
      '2001:DB8:AAAA:BBBB:CCCC:DDDD:EEEE:AAAA',
      '2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa',
    ],
    ['the unspecified address', '0:0:0:0:0:0:0:0', '::'],
    ['loopback', '0:0:0:0:0:0:0:1', '::1'],
    ['zeros at the end', 'fd00:0:0:0:0:0:0:0', 'fd00::'],
  ])('%s', (_rule, full, short) => {
    expect(format(addressBytes(full))).toBe(short);
  });

  test('as ipaddr.js writes it, for any address', () => {
    fc.assert(
      fc.property(ipv6Words, words => {
        const bytes = bytesOfWords(words);
        expect(format(bytes)).toBe(new ipaddr.IPv6(bytes).toRFC5952String());
      }),
    );
  });
});

test('an IPv4 address is four decimal numbers', () => {
  expect(format([10, 244, 0, 0])).toBe('10.244.0.0');
  expect(format([255, 1, 99, 100])).toBe('255.1.99.100');
});

test('an endpoint has brackets around an IPv6 address only', () => {
  expect(formatEndpoint('10.0.0.1', 80)).toBe('10.0.0.1:80');
  expect(formatEndpoint('fd00::1', 8472)).toBe('[fd00::1]:8472');
});

describe('the 16-bit words of an address', () => {
  test('are those of its bytes', () => {
    // 192 = c0, 168 = a8, 50 = 32, 1 = 01
    expect(addressWords('192.168.50.1')).toEqual([0xc0a8, 0x3201]);
    expect(addressWords('fd00::2:1')).toEqual([0xfd00, 0, 0, 0, 0, 0, 2, 1]);
    expect(addressWords('::')).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(addressWords('1::')).toEqual([1, 0, 0, 0, 0, 0, 0, 0]);
    // RFC 4291 section 2.2: the last 32 bits in dotted form.
    expect(addressWords('::ffff:10.0.0.1')).toEqual([0, 0, 0, 0, 0, 0xffff, 0x0a00, 1]);
  });

  test('come back from the text of any address', () => {
    fc.assert(
      fc.property(ipv6Words, words => {
        expect(addressWords(format(bytesOfWords(words)))).toEqual(words);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), bytes => {
        const [a = 0, b = 0, c = 0, d = 0] = bytes;
        expect(addressWords(format([...bytes]))).toEqual([a * 256 + b, c * 256 + d]);
      }),
    );
  });

  test.each([
    '',
    'node-a',
    '10.0.0',
    '10.0.0.256',
    '10.0.0.1.2',
    '10.0.0.',
    '10.0.0.-1',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '1:2:3:4:5:6:7::8',
    'fd00::12345',
    'fd00::g',
    'fe80::1%eth0',
    '::10.0.0.256',
    ':1:2:3:4:5:6:7:8',
  ])('are not there for %j, which is no address', text => {
    expect(addressWords(text)).toBeUndefined();
  });
});
