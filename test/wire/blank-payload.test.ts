/** Payload taken out of packets: what goes, what stays, and that no checksum's verdict changes. */
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { blanked } from '../support/blanked.js';
import { walk } from '../support/frames.js';
import {
  type Bytes,
  type ChecksumChoice,
  ethernet,
  FLAGS,
  hex,
  ip,
  ipv4,
  ipv6,
  naiveChecksum,
  naiveSum,
  patched,
  TCP,
  tcp,
  timestamps,
  tunnelFrame,
  UDP,
  u16,
  udp,
} from '../support/packet-builder.js';

const ENDS = {
  source: '10.244.0.0',
  destination: '10.244.1.2',
  sourcePort: 64139,
  destinationPort: 8080,
};
const OUTER = { source: '192.168.50.1', destination: '192.168.50.2', sourcePort: 50000 };
const SECRET = [...'GET /?token=s3cr3t HTTP/1.1'].map(character => character.charCodeAt(0));

/** What is found of both checksums. */
function found(frame: Bytes) {
  const { inner, outer, kind } = walk(frame);
  const of = ({ state, stored, correct, missing }: typeof inner) => ({
    state,
    stored,
    correct,
    missing,
  });
  return { kind, inner: of(inner), outer: of(outer) };
}

const tcpPacket = (payload: Bytes, checksum: ChecksumChoice = 'right', options: Bytes = []) =>
  ip({
    ...ENDS,
    protocol: TCP,
    payload: tcp({ ...ENDS, payload, checksum, options, flags: FLAGS.psh | FLAGS.ack }),
  });
const udpPacket = (payload: Bytes, checksum: ChecksumChoice = 'right') =>
  ip({ ...ENDS, protocol: UDP, payload: udp({ ...ENDS, payload, checksum }) });
const inTunnel = (packet: Bytes, checksum: ChecksumChoice = 'right') =>
  tunnelFrame({ ...OUTER, checksum, frame: ethernet({ payload: packet }) });

/** Zeros behind a word that has the sum of all of them. */
const zerosFor = (payload: Bytes) => [
  ...u16(naiveSum(payload)),
  ...Array(payload.length - 2).fill(0),
];

describe('payload', () => {
  const options = timestamps(1234, 5678);
  it.each([
    ['of TCP', tcpPacket(SECRET, 'right', options), 14 + 20 + 32],
    ['of UDP', udpPacket(SECRET), 14 + 20 + 8],
  ])('%s becomes zeros but for its sum; all headers stay', (_what, packet, headers) => {
    const frame = ethernet({ payload: packet });
    expect(blanked(frame)).toEqual([...frame.slice(0, headers), ...zerosFor(SECRET)]);
  });

  it.each([
    ['TCP', tcpPacket(SECRET), 50 + 14 + 20 + 20],
    ['UDP', udpPacket(SECRET), 50 + 14 + 20 + 8],
  ])('in a tunnel is that of the inner packet: %s', (_what, packet, headers) => {
    const frame = inTunnel(packet);
    expect(blanked(frame)).toEqual([...frame.slice(0, headers), ...zerosFor(SECRET)]);
  });

  it('of a protocol that is not known is all behind the IP header', () => {
    const frame = ethernet({ payload: ip({ ...ENDS, protocol: 50, payload: SECRET }) });
    expect(blanked(frame)).toEqual([...frame.slice(0, 34), ...zerosFor(SECRET)]);
  });

  it('of one or two bytes cannot be hidden, and stays', () => {
    for (const payload of [[], [0x41], [0x41, 0x42]]) {
      const frame = inTunnel(tcpPacket(payload));
      expect(blanked(frame)).toEqual(frame);
    }
  });

  it('of three bytes is already mixed', () => {
    const frame = ethernet({ payload: udpPacket([1, 2, 3]) });
    expect(blanked(frame).slice(42)).toEqual([4, 2, 0]);
  });

  it('of all ones keeps the spelling of its zero', () => {
    const frame = ethernet({ payload: udpPacket([0xff, 0xff, 0, 0]) });
    expect(blanked(frame).slice(42)).toEqual([0xff, 0xff, 0, 0]);
    expect(found(blanked(frame))).toEqual(found(frame));
  });

  it('behind a UDP datagram that is shorter than its packet goes, and each checksum keeps its own', () => {
    const datagram = udp({ ...ENDS, payload: SECRET, length: 8 + 10 });
    const frame = inTunnel(ip({ ...ENDS, protocol: UDP, payload: datagram }));
    const now = blanked(frame);
    expect(found(now)).toEqual(found(frame));
    expect(now.slice(92)).toEqual([
      ...zerosFor(SECRET.slice(0, 10)),
      ...zerosFor(SECRET.slice(10)),
    ]);
  });

  it('in the padding of a short frame goes too', () => {
    const packet = tcpPacket([]);
    expect(blanked(ethernet({ payload: [...packet, 1, 2, 3, 4, 5, 6] })).slice(54)).toEqual(
      Array(6).fill(0),
    );
    const inner = ethernet({ payload: [...packet, 1, 2, 3, 4, 5, 6] });
    const frame = tunnelFrame({ ...OUTER, frame: inner });
    expect(blanked(frame).slice(-6)).toEqual(zerosFor([1, 2, 3, 4, 5, 6]));
    expect(found(blanked(frame))).toEqual(found(frame));
  });

  it('of a frame that was captured in part goes as far as it was', () => {
    const whole = inTunnel(tcpPacket(SECRET));
    const cut = whole.slice(0, -9);
    const now = blanked(cut, { originalLength: whole.length });
    expect(now).toHaveLength(cut.length);
    expect(now.slice(104)).toEqual(zerosFor(SECRET.slice(0, -9)));
  });

  it('of a segment that offload cut no length for goes, and what is open stays open', () => {
    const packet = patched(tcpPacket(SECRET, 'partial'), 2, [0, 0]);
    const frame = ethernet({ payload: packet });
    expect(found(frame).inner.state).toBe('partial');
    expect(found(blanked(frame))).toEqual(found(frame));
    expect(blanked(frame).slice(54)).toEqual(zerosFor(SECRET));
  });
});

describe('fragments', () => {
  const datagram = udp({ ...ENDS, payload: [...SECRET, ...SECRET] });
  const fragment = (from: number, to: number) =>
    ethernet({
      payload: ipv4({
        ...ENDS,
        protocol: UDP,
        payload: datagram.slice(from, to),
        fragmentOffset: from,
        moreFragments: to < datagram.length,
      }),
    });

  it('are blanked each for itself, and their datagram is as right as it was', () => {
    const cuts = [0, 24, 48, datagram.length];
    const parts = cuts
      .slice(1)
      .flatMap((to, index) => blanked(fragment(cuts[index]!, to)).slice(34));
    const pseudo = (bytes: Bytes) =>
      walk(ethernet({ payload: ip({ ...ENDS, protocol: UDP, payload: bytes }) })).inner;
    expect(pseudo(datagram).state).toBe('valid');
    expect(pseudo(parts).state).toBe('valid');
    expect(parts.slice(0, 8)).toEqual(datagram.slice(0, 8));
    expect(parts.filter(byte => byte !== 0).length).toBeLessThanOrEqual(8 + 3 * 2);
  });
});

describe('control packets', () => {
  it('keep what they are about: an echo loses its data, an error the payload in it', () => {
    const icmp = (type: number, rest: Bytes) => {
      const sum = naiveChecksum([type, 0, 0, 0, 0, 1, 0, 2, ...rest]);
      return ethernet({
        payload: ip({
          ...ENDS,
          protocol: 1,
          payload: [type, 0, ...u16(sum), 0, 1, 0, 2, ...rest],
        }),
      });
    };
    const echo = icmp(8, SECRET);
    expect(blanked(echo)).toEqual([...echo.slice(0, 42), ...zerosFor(SECRET)]);
    const error = icmp(3, tcpPacket(SECRET));
    expect(blanked(error)).toEqual([...error.slice(0, 82), ...zerosFor(SECRET)]);
    for (const frame of [echo, error]) {
      expect(naiveSum(frame.slice(34))).toBe(0xffff);
      expect(naiveSum(blanked(frame).slice(34))).toBe(0xffff);
    }
  });

  it('of neighbour discovery stay whole', () => {
    const solicitation = [135, 0, 0, 0, 0, 0, 0, 0, ...Array(16).fill(7), 1, 1, 2, 3, 4, 5, 6, 7];
    const ends = { source: 'fe80::1', destination: 'ff02::1:ff00:2' };
    const frame = ethernet({ payload: ipv6({ ...ends, protocol: 58, payload: solicitation }) });
    expect(blanked(frame)).toEqual(frame);
  });

  const arp = [
    ...hex('0001 0800 06 04 0001 02aa00000001'),
    10,
    244,
    0,
    0,
    ...hex('000000000000'),
    10,
    244,
    1,
    0,
  ];
  it('of ARP stay, without the padding behind them, in a tunnel too', () => {
    const frame = ethernet({ payload: [...arp, ...SECRET], ethertype: 0x0806 });
    expect(blanked(frame)).toEqual([...frame.slice(0, 42), ...SECRET.map(() => 0)]);
    const inside = tunnelFrame({ ...OUTER, frame });
    expect(blanked(inside)).toEqual([...inside.slice(0, 92), ...zerosFor(SECRET)]);
    expect(found(blanked(inside))).toEqual(found(inside));
  });
});

describe('what is not understood', () => {
  it('ends behind the link header', () => {
    const frame = ethernet({ payload: SECRET, ethertype: 0x88cc, tags: [[0x8100, 5]] });
    expect(blanked(frame)).toEqual(frame.slice(0, 18));
  });

  it('ends behind the link header where an IP header contradicts itself', () => {
    const frame = ethernet({ payload: [0x41, 0, 0, 40, ...SECRET], ethertype: 0x0800 });
    expect(blanked(frame)).toEqual(frame.slice(0, 14));
  });

  it('is nothing at all of a link type that is not decoded', () => {
    expect(blanked(SECRET, { linkType: 105 })).toEqual([]);
  });

  it('in a tunnel keeps its link header and its length', () => {
    const frame = tunnelFrame({
      ...OUTER,
      frame: ethernet({ payload: SECRET, ethertype: 0x88cc }),
    });
    const now = blanked(frame);
    expect(now).toEqual([...frame.slice(0, 64), ...zerosFor(SECRET)]);
    expect(found(now)).toEqual(found(frame));
  });
});

const choice = fc.oneof(
  fc.constantFrom<ChecksumChoice>('right', 'right', 'partial', 'zero'),
  fc.integer({ min: 1, max: 0xffff }),
);
const packets = fc
  .record({
    innerV6: fc.boolean(),
    outerV6: fc.boolean(),
    protocol: fc.constantFrom(TCP, UDP, 50),
    payload: fc.uint8Array({ maxLength: 200 }),
    padding: fc.uint8Array({ maxLength: 9 }),
    words: fc.nat({ max: 10 }),
    inner: choice,
    outer: choice,
    tunnelled: fc.boolean(),
  })
  .map(fields => {
    const ends = fields.innerV6
      ? { ...ENDS, source: 'fd00:244::', destination: 'fd00:244:1::2' }
      : ENDS;
    const payload = [...fields.payload];
    const options = Array(fields.words * 4).fill(1);
    const transport =
      fields.protocol === TCP
        ? tcp({ ...ends, payload, options, checksum: fields.inner })
        : fields.protocol === UDP
          ? udp({ ...ends, payload, checksum: fields.inner })
          : payload;
    const packet = ip({ ...ends, protocol: fields.protocol, payload: transport });
    const frame = ethernet({ payload: [...packet, ...fields.padding] });
    const outer = fields.outerV6
      ? { ...OUTER, source: 'fd00:50::1', destination: 'fd00:50::2' }
      : OUTER;
    return fields.tunnelled ? tunnelFrame({ ...outer, checksum: fields.outer, frame }) : frame;
  });

test('no checksum of any packet is more or less right, or by another difference', () => {
  fc.assert(
    fc.property(packets, frame => {
      const now = blanked(frame);
      expect(now).toHaveLength(frame.length);
      expect(found(now)).toEqual(found(frame));
    }),
    { numRuns: 2000 },
  );
});

test('blanking twice is blanking once', () => {
  fc.assert(
    fc.property(packets, frame => {
      const once = blanked(frame);
      expect(blanked(once)).toEqual(once);
    }),
    { numRuns: 500 },
  );
});

test('any bytes are taken without a fault, and never grow', () => {
  const linkTypes = fc.constantFrom(0, 1, 12, 101, 108, 113, 239, 276, 105);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 160 }), linkTypes, (bytes, linkType) => {
      blanked([...bytes], { linkType, originalLength: bytes.length + 100 });
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(packets, fc.nat(), fc.nat({ max: 255 }), (frame, at, value) => {
      blanked(patched(frame, at % frame.length, [value]));
    }),
    { numRuns: 2000 },
  );
});
