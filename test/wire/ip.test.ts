/** IPv4 (RFC 791) and IPv6 (RFC 8200) headers, built by hand. */
import { describe, expect, test } from 'vitest';
import { emptyIpLayer, type IpLayer, isFragment } from '../../src/wire/ip.js';
import { readIpv4, timeToLive } from '../../src/wire/ipv4.js';
import { readIpv6 } from '../../src/wire/ipv6.js';
import { hex, ipv4, ipv6, TCP, UDP, u16, u32 } from '../support/packet-builder.js';

const AT = 3;

/** Reads the packet where it lies behind 3 other bytes; `undefined` where there is none. */
function read(
  packet: readonly number[],
  reader: typeof readIpv4,
  behind: readonly number[] = [],
): (IpLayer & { relative(at: number): number }) | undefined {
  const bytes = Uint8Array.from([0xee, 0xee, 0xee, ...packet, ...behind, 0xee, 0xee, 0xee]);
  const layer = emptyIpLayer();
  const view = new DataView(bytes.buffer);
  if (!reader(view, AT, AT + packet.length + behind.length, layer)) return undefined;
  return { ...layer, relative: at => at - AT };
}

const fields4 = { source: '10.0.0.1', destination: '10.0.0.2', protocol: UDP };
const fields6 = { source: 'fd00::1', destination: 'fd00::2' };
const PAYLOAD = [1, 2, 3, 4, 5, 6, 7, 8];

describe('an IPv4 header', () => {
  test('of 20 bytes has its addresses at 12 and 16 and its payload behind it', () => {
    const layer = read(ipv4({ ...fields4, payload: PAYLOAD }), readIpv4)!;
    expect(layer).toMatchObject({ version: 4, protocol: 17, addressLength: 4 });
    expect(layer.relative(layer.sourceAt)).toBe(12);
    expect(layer.relative(layer.destinationAt)).toBe(16);
    expect(layer.relative(layer.payload)).toBe(20);
    expect(layer.relative(layer.end)).toBe(28);
    expect(isFragment(layer)).toBe(false);
  });

  test('with options has its payload behind them: 40 bytes at most', () => {
    for (const length of [4, 12, 40]) {
      const options = new Array<number>(length).fill(1);
      const layer = read(ipv4({ ...fields4, options, payload: PAYLOAD }), readIpv4)!;
      expect(layer.relative(layer.payload)).toBe(20 + length);
      expect(layer.relative(layer.end)).toBe(28 + length);
    }
  });

  test('says itself where the packet ends: Ethernet padding is no part of it', () => {
    const layer = read(ipv4({ ...fields4, payload: PAYLOAD }), readIpv4, [0, 0, 0, 0])!;
    expect(layer.relative(layer.end)).toBe(28);
  });

  test('may claim more than was captured', () => {
    const layer = read(ipv4({ ...fields4, payload: PAYLOAD, totalLength: 1500 }), readIpv4)!;
    expect(layer.relative(layer.end)).toBe(1500);
  });

  test('with total length 0 (captured before segmentation) goes to the end of the frame', () => {
    const layer = read(ipv4({ ...fields4, payload: PAYLOAD, totalLength: 0 }), readIpv4, [9, 9])!;
    expect(layer.relative(layer.end)).toBe(30);
  });

  test('of fewer than 5 words is none', () => {
    for (const headerWords of [0, 4]) {
      expect(read(ipv4({ ...fields4, payload: PAYLOAD, headerWords }), readIpv4)).toBeUndefined();
    }
  });

  test('of more words than were captured is none', () => {
    expect(read(ipv4({ ...fields4, payload: PAYLOAD, headerWords: 8 }), readIpv4)).toBeUndefined();
    expect(read(ipv4({ ...fields4, payload: PAYLOAD, headerWords: 7 }), readIpv4)).toBeDefined();
  });

  test('longer than its packet is none', () => {
    expect(read(ipv4({ ...fields4, payload: PAYLOAD, totalLength: 19 }), readIpv4)).toBeUndefined();
    expect(read(ipv4({ ...fields4, payload: PAYLOAD, totalLength: 20 }), readIpv4)).toBeDefined();
  });

  test('cut off anywhere is none', () => {
    const packet = ipv4({ ...fields4, options: [1, 1, 1, 1], payload: [] });
    for (let length = 0; length < 24; length++) {
      expect(read(packet.slice(0, length), readIpv4)).toBeUndefined();
    }
    expect(read(packet, readIpv4)).toBeDefined();
  });

  test('has its fragment offset in units of 8 bytes, and a bit for more to come', () => {
    const first = read(ipv4({ ...fields4, payload: PAYLOAD, moreFragments: true }), readIpv4)!;
    expect(first).toMatchObject({ fragmentOffset: 0, moreFragments: true });
    const last = read(ipv4({ ...fields4, payload: PAYLOAD, fragmentOffset: 65528 }), readIpv4)!;
    expect(last).toMatchObject({ fragmentOffset: 65528, moreFragments: false });
    expect([isFragment(first), isFragment(last)]).toEqual([true, true]);
  });

  test('with "do not fragment" set is no fragment', () => {
    const packet = ipv4({ ...fields4, payload: PAYLOAD });
    packet[6] = 0x40;
    expect(isFragment(read(packet, readIpv4)!)).toBe(false);
  });

  test('has its time to live at 8', () => {
    const bytes = Uint8Array.from(ipv4({ ...fields4, payload: [], ttl: 61 }));
    expect(timeToLive(new DataView(bytes.buffer), 0)).toBe(61);
  });
});

describe('an IPv6 header', () => {
  const read6 = (protocol: number, payload: readonly number[], payloadLength?: number) =>
    read(
      ipv6({
        ...fields6,
        protocol,
        payload,
        ...(payloadLength === undefined ? {} : { payloadLength }),
      }),
      readIpv6,
    );

  test('has its addresses at 8 and 24 and its payload at 40', () => {
    const layer = read6(UDP, PAYLOAD)!;
    expect(layer).toMatchObject({ version: 6, protocol: 17, addressLength: 16 });
    expect(layer.relative(layer.sourceAt)).toBe(8);
    expect(layer.relative(layer.destinationAt)).toBe(24);
    expect(layer.relative(layer.payload)).toBe(40);
    expect(layer.relative(layer.end)).toBe(48);
  });

  test.each([
    ['hop-by-hop options', 0],
    ['a routing header, all segments visited', 43],
    ['destination options', 60],
    ['a mobility header', 135],
  ])('followed by %s of 8 and of 24 bytes has its payload behind that', (_name, kind) => {
    const short = [UDP, 0, 0, 0, 0, 0, 0, 0];
    expect(read6(kind, [...short, ...PAYLOAD])).toMatchObject({ protocol: 17, payload: AT + 48 });
    const long = [UDP, 2, ...new Array<number>(22).fill(0)];
    expect(read6(kind, [...long, ...PAYLOAD])).toMatchObject({ protocol: 17, payload: AT + 64 });
  });

  test('followed by an authentication header counts that in words of 4 bytes less 2 (RFC 4302)', () => {
    // Payload length 4: (4 + 2) * 4 = 24 bytes.
    const header = [TCP, 4, 0, 0, ...new Array<number>(20).fill(7)];
    expect(read6(51, [...header, ...PAYLOAD])).toMatchObject({ protocol: 6, payload: AT + 64 });
  });

  test('followed by several extension headers has its payload behind the last', () => {
    const chain = [...hex('3c 00 0000 00000000'), ...hex('11 00 0000 00000000')];
    expect(read6(0, [...chain, ...PAYLOAD])).toMatchObject({ protocol: 17, payload: AT + 56 });
  });

  test('followed by a fragment header is a fragment', () => {
    const header = (offsetAndFlag: number) => [UDP, 0, ...u16(offsetAndFlag), ...u32(99)];
    expect(read6(44, [...header(1), ...PAYLOAD])).toMatchObject({
      protocol: 17,
      payload: AT + 48,
      fragmentOffset: 0,
      moreFragments: true,
    });
    // The offset is 13 bits in units of 8 bytes, so it is the field without its lowest three bits.
    expect(read6(44, [...header(1480), ...PAYLOAD])).toMatchObject({
      protocol: 17,
      payload: AT + 48,
      fragmentOffset: 1480,
      moreFragments: false,
    });
  });

  test('followed by an atomic fragment header (RFC 6946) is no fragment', () => {
    expect(isFragment(read6(44, [UDP, 0, 0, 0, ...u32(99), ...PAYLOAD])!)).toBe(false);
  });

  test('of a later fragment names the protocol, and what follows is no header', () => {
    // The fragment's payload begins with 00 05: no hop-by-hop header, though next header 0 says so.
    const layer = read6(44, [0, 0, ...u16(8), ...u32(99), 0, 5, 0, 0]);
    expect(layer).toMatchObject({ protocol: 0, payload: AT + 48, fragmentOffset: 8 });
  });

  test('that says there is no next header has no protocol', () => {
    expect(read6(59, PAYLOAD)).toMatchObject({ protocol: -1 });
  });

  test('with payload length 0 has the length of its jumbo payload option (RFC 2675)', () => {
    const jumbo = hex('11 00 c2 04 00 01 86 a0');
    expect(read6(0, [...jumbo, ...PAYLOAD], 0)).toMatchObject({
      protocol: 17,
      end: AT + 40 + 100_000,
      assumedEnd: false,
    });
  });

  test('cut off anywhere, in extension headers too, is none', () => {
    const chain = [...hex('3c 00 0000 00000000'), ...hex('2c 00 0000 00000000')];
    const packet = ipv6({
      ...fields6,
      protocol: 0,
      payload: [...chain, ...hex('33 00 0001 00000063'), ...hex('11 01 0000 00000000 00000000')],
    });
    for (let length = 0; length < packet.length; length++) {
      expect(read(packet.slice(0, length), readIpv6), `${length} bytes`).toBeUndefined();
    }
    expect(read(packet, readIpv6)).toMatchObject({ protocol: 17 });
  });

  test('whose extension headers go beyond its own end is none', () => {
    expect(read6(60, [UDP, 3, ...new Array<number>(30).fill(0)], 8)).toBeUndefined();
  });
});

describe('a routing header with segments left: checksums are those of the final destination (RFC 8200 8.1)', () => {
  const address = (last: number) => hex(`fd00 0000 0000 0000 0000 0000 0000 00${last}`);

  function destinationOf(routing: readonly number[]): number | undefined {
    const packet = ipv6({ ...fields6, protocol: 43, payload: [...routing, ...PAYLOAD] });
    const layer = read(packet, readIpv6);
    return layer && packet[layer.relative(layer.destinationAt) + 15];
  }

  test('in a source route of type 0 or 2 that is the last address', () => {
    // next header, length in 8 bytes (two addresses: 4), type, segments left, 4 reserved bytes
    const header = [UDP, 4, 0, 1, 0, 0, 0, 0, ...address(71), ...address(72)];
    expect(destinationOf(header)).toBe(0x72);
    expect(destinationOf([UDP, 2, 2, 1, 0, 0, 0, 0, ...address(71)])).toBe(0x71);
  });

  test('in a segment routing header (RFC 8754, type 4) that is the first of the list', () => {
    const header = [UDP, 4, 4, 1, 1, 0, 0, 0, ...address(71), ...address(72)];
    expect(destinationOf(header)).toBe(0x71);
  });

  test('with no segment left that is the destination in the header', () => {
    const header = [UDP, 4, 4, 0, 1, 0, 0, 0, ...address(71), ...address(72)];
    expect(destinationOf(header)).toBe(2);
  });

  test('of a type whose addresses are not known, there is no packet that could be judged', () => {
    expect(destinationOf([UDP, 2, 3, 1, 0, 0, 0, 0, ...address(71)])).toBeUndefined();
  });

  test('too short for the address it must hold, or cut off within it, it is no header', () => {
    expect(destinationOf([UDP, 0, 4, 1, 0, 0, 0, 0])).toBeUndefined();
    expect(destinationOf([UDP, 0, 0, 1, 0, 0, 0, 0])).toBeUndefined();
    const packet = ipv6({
      ...fields6,
      protocol: 43,
      payload: [UDP, 2, 4, 1, 0, 0, 0, 0, ...address(71)],
    });
    for (let length = 40; length < 64; length++) {
      expect(read(packet.slice(0, length), readIpv6)).toBeUndefined();
    }
    expect(read(packet, readIpv6)).toBeDefined();
  });
});
