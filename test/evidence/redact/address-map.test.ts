/**
 * The address map: Crypto-PAn's own vectors for its core, and, for the map that is used, that it is a
 * permutation which keeps prefixes and special ranges. ipaddr.js judges ranges; prefixes are compared bit
 * by bit here.
 */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import { AddressMap } from '../../../src/evidence/redact/address-map.js';
import { addressKeys, keyOf } from '../../../src/evidence/redact/key.js';
import { cryptoPan } from '../../../src/evidence/redact/prefix-preserving.js';
import { addressBytes } from '../../support/packet-builder.js';

const bytes = (text: string) => Uint8Array.from(addressBytes(text));
const text = (address: Uint8Array) => ipaddr.fromByteArray([...address]).toString();

/** Of the sample trace in the Crypto-PAn 1.0 distribution, and how other implementations map IPv6. */
const SAMPLE_KEY = Uint8Array.from([
  21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16, 216, 152, 143, 131, 121,
  121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2,
]);
const SAMPLE = [
  ['128.11.68.132', '135.242.180.132'],
  ['129.118.74.4', '134.136.186.123'],
  ['130.132.252.244', '133.68.164.234'],
  ['141.223.7.43', '141.167.8.160'],
  ['192.102.249.13', '252.138.62.131'],
  ['192.215.32.125', '252.43.47.189'],
  ['24.0.250.221', '100.15.198.226'],
  ['38.15.67.68', '64.3.66.187'],
  ['64.14.118.196', '0.255.183.58'],
  ['10.185.25.118', '117.161.29.118'],
  ['::1', '78ff:f001:9fc0:20df:8380:b1f1:704:ed'],
  ['2001:db8::1', '4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e'],
  ['2001:db8::2', '4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1c'],
] as const;

test.each(SAMPLE)('without ranges it is Crypto-PAn: %s is %s', (original, expected) => {
  expect(text(cryptoPan(SAMPLE_KEY)(bytes(original)))).toBe(text(bytes(expected)));
});

const mapOf = (secret: Uint8Array) => new AddressMap(addressKeys(keyOf(secret)));
const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });
const address = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

/** Addresses of which many share long prefixes, in all sorts of ranges. */
const RANGES = [
  '10.244.0.0',
  '192.168.50.1',
  '172.20.1.1',
  '100.64.3.4',
  '169.254.1.1',
  '8.8.8.8',
  '192.169.1.1',
];
const ipv4 = fc.oneof(
  address(4),
  fc
    .tuple(fc.constantFrom(...RANGES), fc.integer({ min: 0, max: 31 }), address(4))
    .map(([base, bits, noise]) => blended(bytes(base), bits, noise)),
);
const RANGES_6 = [
  'fd44::1',
  'fe80::aa:ff:fe00:1',
  '2001:db8::1',
  '::ffff:10.1.2.3',
  '64:ff9b::8.8.8.8',
  'fc00::1',
];
const ipv6 = fc.oneof(
  address(16),
  fc
    .tuple(fc.constantFrom(...RANGES_6), fc.integer({ min: 0, max: 127 }), address(16))
    .map(([base, bits, noise]) => blended(bytes(base), bits, noise)),
);

/** The first `bits` bits of one, the rest of the other. */
function blended(a: Uint8Array, bits: number, b: Uint8Array): Uint8Array {
  return a.map((byte, index) => {
    const kept = Math.min(Math.max(bits - index * 8, 0), 8);
    const mask = (0xff00 >> kept) & 0xff;
    return (byte & mask) | (b[index]! & ~mask & 0xff);
  });
}

function commonBits(a: Uint8Array, b: Uint8Array): number {
  const binary = (one: Uint8Array) =>
    [...one].map(byte => byte.toString(2).padStart(8, '0')).join('');
  const [first, second] = [binary(a), binary(b)];
  const at = [...first].findIndex((bit, index) => bit !== second[index]);
  return at < 0 ? first.length : at;
}

const isGroup = (one: Uint8Array) => one.length === 16 && one[0] === 0xff;

describe.each([
  ['IPv4', ipv4],
  ['IPv6', ipv6],
])('%s', (_name, any) => {
  test('two addresses share in the copy as many bits as they did: so no two become one', () => {
    fc.assert(
      fc.property(secret, any, any, (key, a, b) => {
        fc.pre(!isGroup(a) && !isGroup(b));
        const map = mapOf(key);
        expect(commonBits(map.ip(a), map.ip(b))).toBe(commonBits(a, b));
      }),
      { numRuns: 300 },
    );
  });

  test('each stays in its range', () => {
    fc.assert(
      fc.property(secret, any, (key, a) => {
        const range = (one: Uint8Array) => ipaddr.fromByteArray([...one]).range();
        const special = [
          'private',
          'linkLocal',
          'loopback',
          'multicast',
          'uniqueLocal',
          'carrierGradeNat',
          'unspecified',
          'broadcast',
          'ipv4Mapped',
          'rfc6052',
        ];
        const [before, after] = [range(a), range(mapOf(key).ip(a))];
        if (special.includes(before) || special.includes(after)) {
          // fe80::/64 is what is in use of fe80::/10.
          if (before === 'linkLocal' && a.length === 16)
            fc.pre(commonBits(a, bytes('fe80::')) >= 64);
          if (after === 'linkLocal' && a.length === 16 && before !== 'linkLocal') return;
          expect(after).toBe(before);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('none is its own replacement, but those that are kept', () => {
    fc.assert(
      fc.property(secret, any, (key, a) => {
        const kept = ['loopback', 'multicast', 'unspecified', 'broadcast', 'reserved'];
        // IPv4 within IPv6, groups, and 0/8: kept or not by rules of their own.
        fc.pre(!kept.includes(ipaddr.fromByteArray([...a]).range()) && a[0] !== 0);
        expect(text(mapOf(key).ip(a))).not.toBe(text(a));
      }),
      { numRuns: 300 },
    );
  });

  test('the key decides, and the same key decides the same', () => {
    const [one, two] = [randomBytes(32), randomBytes(32)];
    const samples = fc.sample(any, 40).filter(a => text(mapOf(one).ip(a)) !== text(a));
    expect(samples.length).toBeGreaterThan(20);
    const mapped = (key: Uint8Array) => samples.map(a => text(mapOf(key).ip(a)));
    expect(mapped(one)).toEqual(mapped(one));
    const differing = mapped(one).filter((name, index) => name !== mapped(two)[index]);
    expect(differing.length).toBeGreaterThan(samples.length * 0.9);
  });
});

test.each([
  '0.0.0.0',
  '127.0.0.1',
  '255.255.255.255',
  '255.255.255.0',
  '224.0.0.22',
  '::',
  '::1',
  'ff02::1',
])('%s stays', special => {
  expect(text(mapOf(randomBytes(32)).ip(bytes(special)))).toBe(text(bytes(special)));
});

test('all addresses of a /20 are permuted: nothing is lost', () => {
  const map = mapOf(randomBytes(32));
  const seen = new Set<string>();
  for (let low = 0; low < 4096; low++) {
    seen.add(text(map.ip(Uint8Array.of(192, 168, low >> 8, low & 255))));
  }
  expect(seen.size).toBe(4096);
  const blocks = new Set(
    [...seen].map(one => one.split('.', 3)[2]!).map(third => Number(third) >> 4),
  );
  expect(blocks.size).toBe(1);
  expect([...seen].every(one => one.startsWith('192.168.'))).toBe(true);
});

test('an address of a solicited-node group goes where the frame’s group address goes', () => {
  const map = mapOf(randomBytes(32));
  const group = map.ip(bytes('ff02::1:ff12:3456'));
  const frame = map.mac(Uint8Array.of(0x33, 0x33, 0xff, 0x12, 0x34, 0x56));
  expect([...group.subarray(13)]).toEqual([...frame.subarray(3)]);
  expect([...group.subarray(13)]).not.toEqual([0x12, 0x34, 0x56]);
});

describe('MAC addresses', () => {
  test('are mapped one to one; a vendor stays, as does being nobody’s', () => {
    fc.assert(
      fc.property(secret, address(6), address(6), (key, a, b) => {
        const map = mapOf(key);
        const [x, y] = [map.mac(a), map.mac(b)];
        expect(x.join() === y.join()).toBe(a.join() === b.join());
        expect(x[0]! & 3).toBe(a[0]! & 3);
        if ((a[0]! & 3) === 0) expect([...x.subarray(0, 3)]).toEqual([...a.subarray(0, 3)]);
      }),
      { numRuns: 300 },
    );
  });

  test('that hold an IPv4 address (0a:58 and 02:42, as CNI plugins and docker make them) do not after', () => {
    const mapped = mapOf(SAMPLE_KEY).mac(Uint8Array.of(0x0a, 0x58, 10, 244, 1, 2));
    expect([...mapped.subarray(2)]).not.toEqual([10, 244, 1, 2]);
  });

  test.each([
    'ff:ff:ff:ff:ff:ff',
    '00:00:00:00:00:00',
    '01:80:c2:00:00:00',
    '33:33:00:00:00:01',
  ])('%s stays', mac => {
    const original = Uint8Array.from(mac.split(':'), part => Number.parseInt(part, 16));
    expect([...mapOf(randomBytes(32)).mac(original)]).toEqual([...original]);
  });
});
