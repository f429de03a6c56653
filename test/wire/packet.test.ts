/** The walk through a frame: what it finds, and that it never looks beyond what was captured. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAddress } from '../../src/wire/address.js';
import { isFragment } from '../../src/wire/ip.js';
import { DEFAULT_TUNNEL_PORTS, emptyPacket, walkPacket } from '../../src/wire/packet.js';
import { walk } from '../support/frames.js';
import {
  type Bytes,
  ethernet,
  hex,
  ip,
  ipv4,
  ipv6,
  TCP,
  tcp,
  timestamps,
  tunnelFrame,
  UDP,
  u16,
  u32,
  udp,
  vxlanDatagram,
} from '../support/packet-builder.js';

const inner4 = {
  source: '10.244.0.0',
  destination: '10.244.1.2',
  sourcePort: 64139,
  destinationPort: 8080,
};
const inner6 = { ...inner4, source: 'fd00:244::', destination: 'fd00:244:1::2' };
const outer4 = { source: '192.168.50.1', destination: '192.168.50.2', sourcePort: 50000 };
const outer6 = { ...outer4, source: 'fd00:50::1', destination: 'fd00:50::2' };

const syn = (fields: typeof inner4, payload: Bytes = []) =>
  ip({ ...fields, protocol: TCP, payload: tcp({ ...fields, options: timestamps(7, 0), payload }) });

/** Walks and puts offsets into words. */
function seen(frame: Bytes, linkType?: number) {
  const { kind, packet, inner, outer, view } = walk(frame, linkType);
  const endpoint = (layer: typeof packet.ip, which: 'sourceAt' | 'destinationAt') =>
    layer.version === 0 ? 'none' : formatAddress(view, layer[which], layer.addressLength);
  return {
    kind,
    from: endpoint(packet.ip, 'sourceAt'),
    to: endpoint(packet.ip, 'destinationAt'),
    ports: [packet.sourcePort, packet.destinationPort],
    outerFrom: endpoint(packet.outer, 'sourceAt'),
    outerTo: endpoint(packet.outer, 'destinationAt'),
    vni: packet.vni,
    checksums: [outer.state, inner.state],
  };
}

describe('a VXLAN datagram', () => {
  test.each([
    ['IPv4 in IPv4', inner4, outer4],
    ['IPv6 in IPv4', inner6, outer4],
    ['IPv4 in IPv6', inner4, outer6],
    ['IPv6 in IPv6', inner6, outer6],
  ])('of %s shows both packets, the VNI, and right checksums', (_name, inner, outer) => {
    const frame = tunnelFrame({
      ...outer,
      vni: 0xabcdef,
      frame: ethernet({ payload: syn(inner) }),
    });
    expect(seen(frame)).toEqual({
      kind: 'tunnel',
      from: inner.source,
      to: inner.destination,
      ports: [64139, 8080],
      outerFrom: outer.source,
      outerTo: outer.destination,
      vni: 0xabcdef,
      checksums: ['valid', 'valid'],
    });
  });

  test.each([
    ['one VLAN tag', [[0x8100, 7]]],
    [
      'two',
      [
        [0x88a8, 7],
        [0x8100, 8],
      ],
    ],
  ] as const)('whose inner frame has %s shows the packet behind them', (_name, tags) => {
    const frame = tunnelFrame({ ...outer4, frame: ethernet({ payload: syn(inner4), tags }) });
    expect(seen(frame)).toMatchObject({ from: '10.244.0.0', checksums: ['valid', 'valid'] });
  });

  test.each([
    1, 2, 3, 5, 18,
  ])('whose inner frame is padded with %i bytes that are not zero has right checksums', length => {
    const padding = Array.from({ length }, (_, i) => 0xc1 + i);
    for (const payload of [[], [0x61], [0x61, 0x62]]) {
      const frame = ethernet({ payload: [...syn(inner4, payload), ...padding] });
      expect(seen(tunnelFrame({ ...outer4, frame })).checksums).toEqual(['valid', 'valid']);
    }
  });

  test('on a tagged underlay, padded to the minimum of Ethernet, is found', () => {
    const payload = ipv4({
      ...outer4,
      protocol: UDP,
      payload: vxlanDatagram({ ...outer4, frame: ethernet({ payload: syn(inner4) }) }),
    });
    const frame = [...ethernet({ payload, tags: [[0x8100, 100]] }), ...hex('de ad be ef 99')];
    expect(seen(frame)).toMatchObject({ kind: 'tunnel', checksums: ['valid', 'valid'] });
  });

  test('behind IP options and IPv6 extension headers is found', () => {
    const payload = vxlanDatagram({ ...outer4, frame: ethernet({ payload: syn(inner4) }) });
    const options = hex('94 04 00 00');
    expect(
      seen(ethernet({ payload: ipv4({ ...outer4, protocol: UDP, options, payload }) })),
    ).toMatchObject({ kind: 'tunnel', checksums: ['valid', 'valid'] });
    const chain = [
      ...hex('11 00 0104 00000000'),
      ...vxlanDatagram({ ...outer6, frame: ethernet({ payload: syn(inner6) }) }),
    ];
    expect(
      seen(ethernet({ payload: ipv6({ ...outer6, protocol: 60, payload: chain }) })),
    ).toMatchObject({ kind: 'tunnel', checksums: ['valid', 'valid'] });
  });

  test('carrying ARP is a tunnel without an inner IP packet, and its own checksum is judged', () => {
    const arp = ethernet({
      payload: hex('0001 0800 06 04 0001 02aa00000001 0af40000'),
      ethertype: 0x0806,
    });
    expect(seen(tunnelFrame({ ...outer4, frame: arp }))).toMatchObject({
      kind: 'tunnel',
      from: 'none',
      ports: [-1, -1],
      checksums: ['valid', 'absent'],
    });
  });

  test('carrying ICMP has an inner packet without ports and without a checksum to judge', () => {
    const ping = ipv4({ ...inner4, protocol: 1, payload: hex('08 00 f7fc 0001 0002') });
    expect(seen(tunnelFrame({ ...outer4, frame: ethernet({ payload: ping }) }))).toMatchObject({
      from: '10.244.0.0',
      ports: [-1, -1],
      checksums: ['valid', 'absent'],
    });
  });

  test('on IANA’s port 4789 is found too, on any other port it is plain UDP', () => {
    const frame = ethernet({ payload: syn(inner4) });
    expect(seen(tunnelFrame({ ...outer4, destinationPort: 4789, frame }))).toMatchObject({
      kind: 'tunnel',
    });
    expect(seen(tunnelFrame({ ...outer4, destinationPort: 4790, frame }))).toMatchObject({
      kind: 'plain',
      from: '192.168.50.1',
      ports: [50000, 4790],
      vni: -1,
    });
  });

  test('without the flag that makes the VNI valid is plain UDP (RFC 7348 section 5)', () => {
    const payload = [0xf7, 0, 0, 0, 0, 0, 1, 0, ...ethernet({ payload: syn(inner4) })];
    const datagram = udp({ ...outer4, destinationPort: 8472, payload });
    expect(
      seen(ethernet({ payload: ipv4({ ...outer4, protocol: UDP, payload: datagram }) })),
    ).toMatchObject({ kind: 'plain' });
  });

  test('over UDP length 0 (a jumbogram) goes to the end of its IP packet', () => {
    const payload = [8, 0, 0, 0, 0, 0, 1, 0, ...ethernet({ payload: syn(inner6) })];
    const datagram = [...u16(50000), ...u16(8472), 0, 0, 0, 0, ...payload];
    const { packet } = walk(
      ethernet({ payload: ipv6({ ...outer6, protocol: UDP, payload: datagram }) }),
    );
    expect(packet.udpEnd - packet.udp).toBe(datagram.length);
  });
});

describe('fragments', () => {
  test('of the outer packet: the first shows the tunnel, and neither checksum can be verified', () => {
    const datagram = vxlanDatagram({
      ...outer4,
      frame: ethernet({ payload: syn(inner4, new Array<number>(100).fill(1)) }),
    });
    const first = ipv4({
      ...outer4,
      protocol: UDP,
      payload: datagram.slice(0, 104),
      moreFragments: true,
    });
    const { kind, packet, outer, inner } = walk(ethernet({ payload: first }));
    expect(kind).toBe('tunnel');
    expect(isFragment(packet.outer)).toBe(true);
    expect([outer.state, inner.state]).toEqual(['unverifiable', 'unverifiable']);
  });

  test('of the outer packet: a later one is a plain fragment without ports', () => {
    const later = ipv4({
      ...outer4,
      protocol: UDP,
      payload: [...u16(50000), ...u16(8472), ...new Array<number>(40).fill(8)],
      fragmentOffset: 104,
    });
    expect(seen(ethernet({ payload: later }))).toMatchObject({
      kind: 'plain',
      ports: [-1, -1],
      checksums: ['absent', 'unverifiable'],
    });
  });

  test('of the inner packet leave the outer checksum verifiable', () => {
    const part = ipv4({ ...inner4, protocol: TCP, payload: tcp(inner4), moreFragments: true });
    expect(seen(tunnelFrame({ ...outer4, frame: ethernet({ payload: part }) }))).toMatchObject({
      ports: [64139, 8080],
      checksums: ['valid', 'unverifiable'],
    });
    const later = ipv4({ ...inner4, protocol: TCP, payload: tcp(inner4), fragmentOffset: 8 });
    expect(seen(tunnelFrame({ ...outer4, frame: ethernet({ payload: later }) }))).toMatchObject({
      ports: [-1, -1],
      checksums: ['valid', 'unverifiable'],
    });
  });

  test('of an IPv6 packet are told by their fragment header', () => {
    const header = [UDP, 0, ...u16(1), ...u32(77)];
    const datagram = vxlanDatagram({ ...outer6, frame: ethernet({ payload: syn(inner6) }) });
    const first = ipv6({ ...outer6, protocol: 44, payload: [...header, ...datagram.slice(0, 96)] });
    expect(seen(ethernet({ payload: first }))).toMatchObject({
      kind: 'tunnel',
      checksums: ['unverifiable', 'unverifiable'],
    });
  });
});

/** One of each kind, for the properties. */
const corpus: [name: string, frame: Bytes, linkType: number][] = [
  [
    'IPv4 in IPv4',
    tunnelFrame({ ...outer4, frame: ethernet({ payload: syn(inner4, [1, 2, 3]) }) }),
    1,
  ],
  [
    'IPv6 in IPv6, both with extension headers',
    (() => {
      const segment = tcp({ ...inner6, options: timestamps(7, 0), payload: [1] });
      const inside = ipv6({
        ...inner6,
        protocol: 0,
        payload: [
          ...hex('33 00 0104 00000000'),
          ...hex('06 01 0000 00000001 00000002'),
          ...segment,
        ],
      });
      const datagram = vxlanDatagram({
        ...outer6,
        frame: ethernet({ payload: inside, tags: [[0x8100, 1]] }),
      });
      return ethernet({
        payload: ipv6({
          ...outer6,
          protocol: 60,
          payload: [...hex('11 00 0104 00000000'), ...datagram],
        }),
        tags: [
          [0x88a8, 1],
          [0x8100, 2],
        ],
      });
    })(),
    1,
  ],
  [
    'UDP in IPv4, partial inside',
    tunnelFrame({
      ...outer4,
      frame: ethernet({
        payload: ipv4({
          ...inner4,
          protocol: UDP,
          payload: udp({ ...inner4, payload: [1, 2, 3, 4, 5], checksum: 'partial' }),
        }),
      }),
    }),
    1,
  ],
  ['a plain SYN, raw', syn(inner4), 101],
  [
    'a cooked tunnel',
    [
      ...hex('0000 0001 0006 02aa00000001 0000'),
      ...tunnelFrame({ ...outer4, frame: ethernet({ payload: syn(inner6) }) }).slice(12),
    ],
    113,
  ],
];

/** Everything that the walk says, with offsets counted from the frame's own start. */
function told(frame: Bytes, linkType: number | undefined, around: number, before: number) {
  const { kind, packet, inner, outer } = walk(frame, linkType, around, before);
  const relative = (layer: typeof packet.ip) =>
    layer.version === 0
      ? undefined
      : {
          ...layer,
          start: layer.start - before,
          sourceAt: layer.sourceAt - before,
          destinationAt: layer.destinationAt - before,
          payload: layer.payload - before,
          end: layer.end - before,
          fragmentable: layer.fragmentable - before,
        };
  const { stored, correct, state, missing } = inner;
  return {
    kind,
    ip: kind === 'none' ? undefined : relative(packet.ip),
    outerIp: relative(packet.outer),
    ports: [packet.sourcePort, packet.destinationPort],
    udpEnd: packet.udpEnd < 0 ? undefined : packet.udpEnd - before,
    vni: packet.vni,
    inner: { stored, correct, state, missing },
    outer: {
      stored: outer.stored,
      correct: outer.correct,
      state: outer.state,
      missing: outer.missing,
    },
  };
}

describe.each(corpus)('%s', (_name, frame, linkType) => {
  test('cut off at every byte is walked without a fault, and by its own bytes alone', () => {
    for (let length = 0; length <= frame.length; length++) {
      const cut = frame.slice(0, length);
      const once = told(cut, linkType, 0x00, 7);
      expect(told(cut, linkType, 0xff, 8), `${length} bytes`).toEqual(once);
      expect(told(cut, linkType, 0x45, 9), `${length} bytes`).toEqual(once);
    }
  });

  test('cut off anywhere has no checksum called wrong', () => {
    for (let length = 0; length < frame.length; length++) {
      const { inner, outer } = walk(frame.slice(0, length), linkType);
      expect(['mismatch', 'valid'], `outer, ${length} bytes`).not.toContain(outer.state);
      expect(['mismatch', 'valid'], `inner, ${length} bytes`).not.toContain(inner.state);
    }
  });

  test('with any bytes changed is walked without a fault, and by its own bytes alone', () => {
    const changes = fc.array(fc.tuple(fc.nat(frame.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(changes, list => {
        const bytes = [...frame];
        for (const [at, value] of list) bytes[at] = value;
        expect(told(bytes, linkType, 0xff, 8)).toEqual(told(bytes, linkType, 0x00, 7));
      }),
      { numRuns: 400 },
    );
  });
});

test('random bytes of any link type are walked without a fault, and by themselves alone', () => {
  const linkTypes = fc.constantFrom(0, 1, 12, 14, 101, 108, 113, 228, 229, 276, 147);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), linkTypes, (random, linkType) => {
      const bytes = [...random];
      expect(told(bytes, linkType, 0xff, 8)).toEqual(told(bytes, linkType, 0x00, 7));
    }),
    { numRuns: 1000 },
  );
});

test('a packet object filled again shows nothing of the frame before', () => {
  const packet = emptyPacket();
  const fill = (frame: Bytes) => {
    const bytes = Uint8Array.from(frame);
    const view = new DataView(bytes.buffer);
    return walkPacket(view, 0, bytes.length, 1, DEFAULT_TUNNEL_PORTS, packet);
  };
  const nothing = { udp: -1, udpEnd: -1, vni: -1, sourcePort: -1, destinationPort: -1 };
  expect(fill(corpus[0]![1])).toBe('tunnel');
  expect(packet.vni).toBe(1);
  expect(fill(ethernet({ payload: hex('0001 0800 06 04 0001'), ethertype: 0x0806 }))).toBe('none');
  expect(packet).toMatchObject({ ...nothing, ip: { version: 0 }, outer: { version: 0 } });
  expect(fill(corpus[0]![1])).toBe('tunnel');
  expect(fill(ethernet({ payload: syn(inner4) }))).toBe('plain');
  expect(packet).toMatchObject({ udp: -1, udpEnd: -1, vni: -1, outer: { version: 0 } });
  expect(packet).toMatchObject({ ip: { version: 4, moreFragments: false }, sourcePort: 64139 });
});
