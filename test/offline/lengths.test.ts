/**
 * Length fields that lie (segmentation offload, BIG TCP) and bytes that belong to nobody (padding):
 * what fits is right, what does not fit over a length that is only assumed is unverifiable.
 */
import { describe, expect, test } from 'vitest';
import {
  type Bytes,
  type ChecksumChoice,
  ethernet,
  hex,
  ipv4,
  ipv6,
  naiveChecksum,
  naiveSum,
  patched,
  pseudoHeader,
  TCP,
  tcp,
  tunnelFrame,
  UDP,
  u16,
  u32,
  vxlanDatagram,
} from '../support/packet-builder.js';
import { fixture, observe, observeFile, type Shown, tunnelled } from './support.js';

const V4 = { source: '192.168.50.1', destination: '192.168.50.2' };
const V6 = { source: 'fd50::1', destination: 'fd50::2' };
const POD4 = { source: '10.244.0.0', destination: '10.244.1.2' };
const POD6 = { source: 'fd44::1', destination: 'fd44:1::2' };
const PORTS = { sourcePort: 64139, destinationPort: 8080 };
const BIG = 70_001;
const IP_AT = 14;
const bulk = (length: number) => Array.from({ length }, (_, i) => i & 0xff);

function outer(frames: readonly Shown[]) {
  return tunnelled(observe(frames))[0]!.outerPorts[0]!.first.outerChecksum.state;
}
function innerOf(frames: readonly Shown[]) {
  const { syns } = observe(frames).flows[0]!;
  return syns[0]!.innerChecksum.state;
}

/** A SYN (so that it is kept) with so much data, its lengths as the kernel leaves those of BIG TCP. */
function plain(addresses: typeof POD4, size: number, length: number, checksum: ChecksumChoice) {
  const payload = tcp({ ...addresses, ...PORTS, payload: bulk(size), checksum });
  return ethernet({
    payload: addresses.source.includes(':')
      ? ipv6({ ...addresses, protocol: TCP, payload, payloadLength: length })
      : ipv4({ ...addresses, protocol: TCP, payload, totalLength: length }),
  });
}

/** The sum of a pseudo-header whose length does not fit in 16 bits: both its words count. */
function longPseudoSum(addresses: typeof POD4, length: number): number {
  const short = pseudoHeader(addresses.source, addresses.destination, TCP, 0);
  return naiveSum([...short, ...u32(length)]);
}
const longRight = (addresses: typeof POD4, segment: Bytes) =>
  naiveChecksum([...u16(longPseudoSum(addresses, segment.length)), ...segment]);

describe.each([
  ['IPv4', POD4, (size: number) => 20 + 20 + size],
  ['IPv6', POD6, (size: number) => 20 + size],
] as const)('a plain %s packet of more than 65535 bytes', (_name, pod, lengthOf) => {
  const segment = (checksum: number) => tcp({ ...pod, ...PORTS, payload: bulk(BIG), checksum });
  const right = longRight(pod, segment(0));
  const partial = longPseudoSum(pod, segment(0).length);

  test.each([
    ['0', 0],
    ['its lower 16 bits', lengthOf(BIG) & 0xffff],
  ])('with length %s is judged over what was captured', (_field, length) => {
    expect(innerOf([plain(pod, BIG, length, right)])).toBe('valid');
    expect(innerOf([plain(pod, BIG, length, partial)])).toBe('partial');
    // Nobody knows whether the frame ends with the packet.
    expect(innerOf([plain(pod, BIG, length, right ^ 1)])).toBe('unverifiable');
  });

  test('cut off by the snaplen is still known to be partial, and otherwise unverifiable', () => {
    const cut = (checksum: number) => {
      const bytes = plain(pod, BIG, 0, checksum);
      return { bytes: bytes.slice(0, 200), originalLength: bytes.length };
    };
    expect(innerOf([cut(partial)])).toBe('partial');
    expect(innerOf([cut(right)])).toBe('unverifiable');
  });
});

test('a length of 0 on a short packet with padding behind it never convicts', () => {
  const bytes = [...plain(POD4, 0, 0, 'right'), 0xaa, 0xbb];
  expect(innerOf([bytes])).toBe('unverifiable');
  expect(innerOf([plain(POD4, 0, 0, 'right')])).toBe('valid');
});

test('a jumbogram with its option (RFC 2675) is judged, and may be wrong', () => {
  const jumbo = (checksum: number) => {
    const segment = tcp({ ...POD6, ...PORTS, payload: bulk(BIG), checksum });
    const option = [TCP, 0, 0xc2, 4, ...u32(8 + segment.length)];
    const payload = [...option, ...segment];
    return ethernet({ payload: ipv6({ ...POD6, protocol: 0, payload, payloadLength: 0 }) });
  };
  const right = longRight(POD6, tcp({ ...POD6, ...PORTS, payload: bulk(BIG), checksum: 0 }));
  expect(innerOf([jumbo(right)])).toBe('valid');
  expect(innerOf([jumbo(right ^ 1)])).toBe('mismatch');
});

describe('a tunnel datagram', () => {
  /** Its inner TCP field partial, as offload leaves it. */
  const frame = (size: number) =>
    ethernet({
      payload: ipv4({
        ...POD4,
        protocol: TCP,
        payload: tcp({ ...POD4, ...PORTS, payload: bulk(size), checksum: 'partial' }),
      }),
    });

  test('of segmentation offload, 64000 bytes, both fields partial', () => {
    expect(
      outer([tunnelFrame({ ...V4, sourcePort: 40001, frame: frame(64_000), checksum: 'partial' })]),
    ).toBe('partial');
  });

  test.each([
    ['IPv4', V4],
    ['IPv6', V6],
  ] as const)('of more than 65535 bytes over %s, every length cut to 16 bits', (_name, addresses) => {
    const isV6 = addresses.source.includes(':');
    const pod = { ...POD4, ...PORTS };
    const segment = tcp({ ...pod, payload: bulk(BIG), checksum: longPseudoSum(POD4, 20 + BIG) });
    const total = (20 + segment.length) & 0xffff;
    const inside = ethernet({
      payload: ipv4({ ...pod, protocol: TCP, payload: segment, totalLength: total }),
    });
    const length = 16 + inside.length;
    const pseudo = naiveSum([
      ...pseudoHeader(addresses.source, addresses.destination, UDP, 0),
      ...u32(length),
    ]);
    const make = (checksum: number, udpLength: number, ipLength: number) => {
      const datagram = patched(
        vxlanDatagram({ ...addresses, sourcePort: 40001, frame: inside, checksum }),
        4,
        u16(udpLength),
      );
      const fields = { ...addresses, protocol: UDP, payload: datagram };
      return ethernet({
        payload: isV6
          ? ipv6({ ...fields, payloadLength: ipLength })
          : ipv4({ ...fields, totalLength: ipLength }),
      });
    };
    const cut = (isV6 ? length : 20 + length) & 0xffff;
    for (const udpLength of [0, length & 0xffff]) {
      for (const ipLength of [0, cut]) {
        const seen = observe([make(pseudo, udpLength, ipLength)]);
        const [flow] = tunnelled(seen);
        expect(flow!.datagrams).toMatchObject({ total: 1, partial: 1 });
        expect(flow!.innerPartial).toBe(1);
        expect(outer([make(0x1234, udpLength, ipLength)])).toBe('unverifiable');
      }
    }
  });

  test('with an inner packet whose length is 0 is not convicted for it', () => {
    // Drivers of old leave the pseudo-header's sum without the length in such a packet.
    const withoutLength = naiveSum(pseudoHeader(POD4.source, POD4.destination, TCP, 0));
    const segment = tcp({ ...POD4, ...PORTS, payload: bulk(500), checksum: withoutLength });
    const inside = ethernet({
      payload: ipv4({ ...POD4, protocol: TCP, payload: segment, totalLength: 0 }),
    });
    expect(
      outer([tunnelFrame({ ...V4, sourcePort: 40001, frame: inside, checksum: 0x1234 })]),
    ).toBe('unverifiable');
    expect(outer([tunnelFrame({ ...V4, sourcePort: 40001, frame: inside })])).toBe('valid');
  });

  test('with padding inside and behind is judged with the one and without the other', () => {
    const short = ethernet({
      payload: ipv4({ ...POD4, protocol: 1, payload: hex('08 00 f7fc 0001 0002') }),
    });
    const padded = [...short, ...new Array<number>(60 - short.length).fill(0x5a)];
    expect(outer([[...tunnelFrame({ ...V4, sourcePort: 40001, frame: padded }), 1, 2, 3, 4]])).toBe(
      'valid',
    );
  });

  test('with a UDP length that is not that of a datagram is plain, and that of more than its packet unverifiable', () => {
    const good = tunnelFrame({ ...V4, sourcePort: 40001, frame: frame(20), checksum: 0x1234 });
    const lengthAt = IP_AT + 20 + 4;
    expect(observe([patched(good, lengthAt, u16(7))]).tunnelDatagrams).toBe(0);
    expect(outer([patched(good, lengthAt, u16(2000))])).toBe('unverifiable');
    expect(outer([good])).toBe('mismatch');
  });
});

describe('captures of a real kernel', () => {
  test('tcpdump: segmentation offload through a VXLAN', async () => {
    const { observation, outer: states } = await observeFile(fixture('gso.pcap'));
    expect(Math.max(...observation.flows.map(flow => flow.largestPacket))).toBeGreaterThan(10_000);
    expect([...states.values()].filter(state => state === 'partial').length).toBeGreaterThan(0);
    expect([...states.values()]).not.toContain('mismatch');
    expect(observation.flows.reduce((sum, flow) => sum + flow.innerMismatch, 0)).toBe(0);
  });

  test('editcap -s: the same cut to 128 bytes; what is partial is still partial', async () => {
    const whole = await observeFile(fixture('gso.pcap'));
    const cut = await observeFile(fixture('gso-snapped.pcap'));
    expect(cut.observation.cutFrames).toBeGreaterThan(0);
    expect(cut.outer).toEqual(whole.outer);
    expect(cut.observation.flows.map(flow => flow.innerPartial)).toEqual(
      whole.observation.flows.map(flow => flow.innerPartial),
    );
  });
});
