/**
 * The states of checksum fields, on packets made by the naive builder. What stands in a field under
 * offload is written down as the kernel does it (include/linux/skbuff.h: `~csum_tcpudp_magic()` for
 * CHECKSUM_PARTIAL, `lco_csum()` for the outer field over a partial inner one).
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { walk } from '../support/frames.js';
import {
  type Bytes,
  type ChecksumChoice,
  ethernet,
  hex,
  ip,
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
  udp,
  vxlanDatagram,
} from '../support/packet-builder.js';

const v4 = {
  source: '10.244.0.0',
  destination: '10.244.1.2',
  sourcePort: 64139,
  destinationPort: 8080,
};
const v6 = { ...v4, source: 'fd00:244::', destination: 'fd00:244:1::2' };
const outer4 = { source: '192.168.50.1', destination: '192.168.50.2', sourcePort: 50000 };
const outer6 = { ...outer4, source: 'fd00:50::1', destination: 'fd00:50::2' };

const plain = (payload: Bytes) => walk(ethernet({ payload })).inner;
const tcp4 = (checksum: ChecksumChoice, payload: Bytes = [1, 2, 3]) =>
  ipv4({ ...v4, protocol: TCP, payload: tcp({ ...v4, checksum, payload }) });
const udp4 = (checksum: ChecksumChoice, payload: Bytes = [1, 2, 3]) =>
  ipv4({ ...v4, protocol: UDP, payload: udp({ ...v4, checksum, payload }) });

describe('the checksum of a TCP or UDP packet', () => {
  test('from RFC 1071 arithmetic by hand is valid', () => {
    // 10.0.0.1:1 -> 10.0.0.2:2, UDP of 8 bytes. Pseudo-header: 0a00 + 0001 + 0a00 + 0002 + 0011 + 0008
    // = 141c; header: 0001 + 0002 + 0008 = 000b; together 1427, complement ebd8.
    const packet = ipv4({
      source: '10.0.0.1',
      destination: '10.0.0.2',
      protocol: UDP,
      payload: hex('0001 0002 0008 ebd8'),
    });
    expect(plain(packet)).toMatchObject({ state: 'valid', stored: 0xebd8, correct: 0xebd8 });
  });

  test.each([
    ['TCP over IPv4', ip({ ...v4, protocol: TCP, payload: tcp({ ...v4, payload: [1] }) })],
    ['TCP over IPv6', ip({ ...v6, protocol: TCP, payload: tcp({ ...v6, payload: [1] }) })],
    ['UDP over IPv4', ip({ ...v4, protocol: UDP, payload: udp({ ...v4, payload: [1, 2] }) })],
    ['UDP over IPv6', ip({ ...v6, protocol: UDP, payload: udp({ ...v6, payload: [] }) })],
  ])('made right is valid: %s', (_name, packet) => {
    expect(plain(packet).state).toBe('valid');
  });

  test('made right is valid for any payload, and for no other value of the field', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.integer({ min: 1, max: 0xfffe }),
        fc.boolean(),
        fc.boolean(),
        (bytes, wrong, isTcp, isV6) => {
          const fields = isV6 ? v6 : v4;
          const payload = [...bytes];
          const segment = isTcp ? tcp({ ...fields, payload }) : udp({ ...fields, payload });
          const protocol = isTcp ? TCP : UDP;
          const at = isTcp ? 16 : 6;
          const right = segment[at]! * 256 + segment[at + 1]!;
          expect(plain(ip({ ...fields, protocol, payload: segment }))).toMatchObject({
            state: 'valid',
            stored: right,
            correct: right,
          });
          const other = (right + wrong) % 0x10000;
          const changed = patched(segment, at, u16(other));
          const pseudo = naiveSum(
            pseudoHeader(fields.source, fields.destination, protocol, segment.length),
          );
          const found = plain(ip({ ...fields, protocol, payload: changed }));
          const expected =
            !isTcp && other === 0 ? 'zero' : other === pseudo ? 'partial' : 'mismatch';
          // 0000 and ffff are one number.
          const same = other % 65535 === right % 65535;
          expect(found.state).toBe(same && expected !== 'zero' ? 'valid' : expected);
          expect(found.stored).toBe(other);
          if (expected === 'mismatch') expect(found.correct % 65535).toBe(right % 65535);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('that is 0 means "not in use" for UDP', () => {
    expect(plain(udp4('zero'))).toMatchObject({ state: 'zero', stored: 0 });
  });

  test('that is 0 is a value like any other for TCP', () => {
    expect(plain(tcp4(0)).state).toBe('mismatch');
  });

  test('that comes out as 0 is spelled ffff in UDP, and valid so', () => {
    // The payload is the checksum that the datagram has with 0000 in its place: then all sums to 0.
    const open = udp({ ...v4, payload: [0, 0] });
    const payload = open.slice(6, 8);
    const closed = udp({ ...v4, payload });
    expect(closed.slice(6, 8)).toEqual([0xff, 0xff]);
    expect(plain(ipv4({ ...v4, protocol: UDP, payload: closed }))).toMatchObject({
      state: 'valid',
      stored: 0xffff,
      correct: 0xffff,
    });
  });

  test('that comes out as 0 in TCP is valid in both spellings', () => {
    const open = tcp({ ...v4, payload: [0, 0] });
    const closed = tcp({ ...v4, payload: open.slice(16, 18) });
    expect(closed.slice(16, 18)).toEqual([0, 0]);
    expect(plain(ipv4({ ...v4, protocol: TCP, payload: closed })).state).toBe('valid');
    const spelled = patched(closed, 16, [0xff, 0xff]);
    expect(plain(ipv4({ ...v4, protocol: TCP, payload: spelled })).state).toBe('valid');
  });

  test('that is exactly the pseudo-header’s sum is partial: 1718 in the recordings', () => {
    // 10.244.0.0 -> 10.244.1.2, protocol 6, 40 bytes: 0af4 + 0000 + 0af4 + 0102 + 0006 + 0028 = 1718,
    // which is what tcpdump shows in captures/linux-6.18.44/*/node-a/overlay.pcap as "incorrect".
    const segment = tcp({ ...v4, options: new Array<number>(20).fill(1), checksum: 'partial' });
    expect(segment.slice(16, 18)).toEqual([0x17, 0x18]);
    const packet = ipv4({ ...v4, protocol: TCP, payload: segment });
    expect(plain(packet)).toMatchObject({ state: 'partial', stored: 0x1718 });
  });

  test('that is one off the pseudo-header’s sum is no partial one', () => {
    const segment = tcp({ ...v4, checksum: 'partial' });
    const sum = segment[16]! * 256 + segment[17]!;
    for (const value of [sum + 1, sum - 1, 0xffff - sum]) {
      const packet = ipv4({ ...v4, protocol: TCP, payload: patched(segment, 16, u16(value)) });
      expect(plain(packet).state).toBe('mismatch');
    }
  });

  test('of UDP covers as many bytes as UDP’s own length says, which may be fewer than IP’s', () => {
    const datagram = udp({ ...v4, payload: [1, 2, 3] });
    const packet = ipv4({ ...v4, protocol: UDP, payload: [...datagram, 0xde, 0xad, 0xbe] });
    expect(plain(packet).state).toBe('valid');
  });

  test('of a packet whose IP length ends within its transport header is not there', () => {
    const segment = tcp(v4);
    const short = ipv4({ ...v4, protocol: TCP, payload: segment, totalLength: 20 + 17 });
    expect(plain(short).state).toBe('absent');
    const datagram = ipv4({ ...v4, protocol: UDP, payload: udp(v4), totalLength: 20 + 7 });
    expect(plain(datagram).state).toBe('absent');
  });

  test('of other protocols is not there', () => {
    expect(plain(ipv4({ ...v4, protocol: 1, payload: hex('08 00 f7fc 0001 0002') })).state).toBe(
      'absent',
    );
    expect(
      plain(ipv4({ ...v4, protocol: 132, payload: new Array<number>(20).fill(1) })).state,
    ).toBe('absent');
  });
});

describe('a packet that was cut off', () => {
  const whole = tcp4('right', new Array<number>(50).fill(7));
  const inside = (cut: number) => plain(whole.slice(0, whole.length - cut));

  test('is unverifiable, with the number of bytes that are missing', () => {
    expect(inside(0).state).toBe('valid');
    for (const cut of [1, 2, 50, 51, 52, 68]) {
      expect(inside(cut)).toMatchObject({ state: 'unverifiable', missing: cut });
    }
  });

  test('is still known for partial if its checksum field was captured', () => {
    const partial = tcp4('partial', new Array<number>(50).fill(7));
    expect(plain(partial.slice(0, 42))).toMatchObject({ state: 'partial', missing: 48 });
    // The field ends at byte 38.
    expect(plain(partial.slice(0, 38)).state).toBe('partial');
    expect(plain(partial.slice(0, 37)).state).toBe('unverifiable');
  });

  test('as a fragment is unverifiable, and how much is missing is not known', () => {
    const first = ipv4({ ...v4, protocol: TCP, payload: tcp(v4), moreFragments: true });
    expect(plain(first)).toMatchObject({ state: 'unverifiable', missing: -1 });
  });

  test('within a tunnel leaves the outer checksum unverifiable, by as many bytes', () => {
    const frame = tunnelFrame({ ...outer4, frame: ethernet({ payload: whole }) });
    const { inner, outer } = walk(frame.slice(0, -9));
    expect([outer.state, outer.missing]).toEqual(['unverifiable', 9]);
    expect([inner.state, inner.missing]).toEqual(['unverifiable', 9]);
  });

  test('does not keep a zero outer checksum from being seen', () => {
    const frame = tunnelFrame({ ...outer4, checksum: 'zero', frame: ethernet({ payload: whole }) });
    expect(walk(frame.slice(0, 60)).outer.state).toBe('zero');
  });
});

/**
 * A datagram as the kernel sends it with the inner checksum pending: the outer one is made over the
 * completed inner packet, and then the inner field is opened again.
 */
function localChecksumOffload(
  outer: typeof outer4,
  inner: typeof v4,
  options: { payload?: Bytes; trailer?: Bytes; protocol?: number; madeFor?: number } = {},
): number[] {
  const { payload = [], trailer = [], protocol = TCP, madeFor = outer.sourcePort } = options;
  const packet = (checksum: ChecksumChoice) => {
    const segment =
      protocol === TCP
        ? tcp({ ...inner, checksum, payload })
        : udp({ ...inner, checksum, payload });
    return ethernet({ payload: [...ip({ ...inner, protocol, payload: segment }), ...trailer] });
  };
  const complete = vxlanDatagram({ ...outer, sourcePort: madeFor, frame: packet('right') });
  const open = vxlanDatagram({ ...outer, frame: packet('partial'), checksum: 0 });
  const datagram = patched(open, 6, complete.slice(6, 8));
  return ethernet({ payload: ip({ ...outer, protocol: UDP, payload: datagram }) });
}

describe('an outer checksum over a partial inner one (local checksum offload)', () => {
  test.each([
    ['IPv4 in IPv4', outer4, v4],
    ['IPv6 in IPv4', outer4, v6],
    ['IPv4 in IPv6', outer6, v4],
    ['IPv6 in IPv6', outer6, v6],
  ])('is valid once the inner one is completed: %s', (_name, outer, inner) => {
    for (const protocol of [TCP, UDP]) {
      for (const payload of [[], [1], [1, 2, 3, 4]]) {
        const frame = localChecksumOffload(outer, inner, { protocol, payload });
        const found = walk(frame);
        expect([found.outer.state, found.inner.state]).toEqual(['valid', 'partial']);
      }
    }
  });

  test('is valid behind an inner segment of odd length with bytes behind it', () => {
    for (const trailer of [[0xab], [0xab, 0xcd], [0xab, 0xcd, 0xef]]) {
      for (const payload of [[1], [1, 2]]) {
        const frame = localChecksumOffload(outer4, v4, { payload, trailer });
        expect(walk(frame).outer.state).toBe('valid');
      }
    }
  });

  test('is valid for any payload and trailer, and then its correct value is the stored one', () => {
    const bytes = fc.uint8Array({ maxLength: 20 });
    fc.assert(
      fc.property(bytes, bytes, fc.boolean(), (payload, trailer, isTcp) => {
        const frame = localChecksumOffload(outer4, v4, {
          payload: [...payload],
          trailer: [...trailer],
          protocol: isTcp ? TCP : UDP,
        });
        const { outer } = walk(frame);
        expect(outer.state).toBe('valid');
        expect(outer.correct % 65535).toBe(outer.stored % 65535);
      }),
      { numRuns: 200 },
    );
  });

  test('made for another port is a mismatch, whose correct value is that of the finished datagram', () => {
    const frame = localChecksumOffload(outer4, v4, { payload: [1, 2, 3], madeFor: 40000 });
    const finished = tunnelFrame({
      ...outer4,
      frame: ethernet({ payload: tcp4('right', [1, 2, 3]) }),
    });
    const { outer, inner } = walk(frame);
    expect([outer.state, inner.state]).toEqual(['mismatch', 'partial']);
    expect(u16(outer.correct)).toEqual(finished.slice(40, 42));
    // 50000 in the header instead of 40000: the sum grew by 10000, so the checksum must shrink by it.
    expect((outer.stored - outer.correct - 10000) % 65535).toBe(0);
  });

  test('made in software over the open field as it stands is valid too', () => {
    const frame = tunnelFrame({ ...outer4, frame: ethernet({ payload: tcp4('partial') }) });
    const { outer, inner } = walk(frame);
    expect([outer.state, inner.state]).toEqual(['valid', 'partial']);
  });
});

describe('an outer checksum', () => {
  const frame = ethernet({ payload: tcp4('right') });

  test('that is its own pseudo-header’s sum is partial, not wrong', () => {
    const { outer } = walk(tunnelFrame({ ...outer4, checksum: 'partial', frame }));
    const length = 8 + 8 + frame.length;
    const sum = naiveSum(pseudoHeader(outer4.source, outer4.destination, UDP, length));
    expect(outer).toMatchObject({ state: 'partial', stored: sum });
  });

  test('that is partial is known for it even where the datagram was cut off', () => {
    const bytes = tunnelFrame({ ...outer4, checksum: 'partial', frame });
    expect(walk(bytes.slice(0, -20)).outer).toMatchObject({ state: 'partial', missing: 20 });
  });

  test('that is right over a wrong inner one is valid', () => {
    const broken = ethernet({ payload: tcp4(0x1234) });
    const { outer, inner } = walk(tunnelFrame({ ...outer4, frame: broken }));
    expect([outer.state, inner.state]).toEqual(['valid', 'mismatch']);
  });

  test('that is right over an inner UDP datagram without a checksum is valid', () => {
    const { outer, inner } = walk(
      tunnelFrame({ ...outer4, frame: ethernet({ payload: udp4('zero', [1, 2, 3]) }) }),
    );
    expect([outer.state, inner.state]).toEqual(['valid', 'zero']);
  });

  test('that is right over an inner UDP datagram shorter than its IP packet is valid', () => {
    const datagram = udp({ ...v4, payload: [1, 2, 3] });
    const packet = ipv4({ ...v4, protocol: UDP, payload: [...datagram, 0xde, 0xad] });
    const { outer, inner } = walk(tunnelFrame({ ...outer4, frame: ethernet({ payload: packet }) }));
    expect([outer.state, inner.state]).toEqual(['valid', 'valid']);
  });

  test('mangled to ffff is a mismatch, with the value that the datagram calls for', () => {
    const right = tunnelFrame({ ...outer4, frame });
    const { outer } = walk(tunnelFrame({ ...outer4, checksum: 0xffff, frame }));
    expect(outer).toMatchObject({ state: 'mismatch', stored: 0xffff });
    expect(u16(outer.correct)).toEqual(right.slice(40, 42));
  });

  test('that is due as 0 is spelled ffff, and valid so', () => {
    // The VNI's reserved byte takes up what is missing to a sum of ffff, low byte and high byte.
    const base = vxlanDatagram({ ...outer4, frame, checksum: 0 });
    const pseudo = pseudoHeader(outer4.source, outer4.destination, UDP, base.length);
    const missing = naiveChecksum([...pseudo, ...base]);
    const reserved = patched(base, 10, u16(missing));
    expect(naiveSum([...pseudo, ...reserved])).toBe(0xffff);
    const datagram = patched(reserved, 6, [0xff, 0xff]);
    const { outer } = walk(
      ethernet({ payload: ipv4({ ...outer4, protocol: UDP, payload: datagram }) }),
    );
    expect(outer).toMatchObject({ state: 'valid', stored: 0xffff, correct: 0xffff });
  });

  test('of a datagram whose UDP length goes beyond its IP packet is unverifiable', () => {
    const datagram = patched(vxlanDatagram({ ...outer4, frame }), 4, u16(16 + frame.length + 30));
    const { outer } = walk(
      ethernet({ payload: ipv4({ ...outer4, protocol: UDP, payload: datagram }) }),
    );
    expect(outer).toMatchObject({ state: 'unverifiable', missing: 30 });
  });

  test('of an IPv6 underlay covers the 128-bit addresses', () => {
    const bytes = tunnelFrame({ ...outer6, frame });
    expect(walk(bytes).outer.state).toBe('valid');
    const packet = ipv6({
      ...outer6,
      source: 'fd00:50::3',
      protocol: UDP,
      payload: bytes.slice(54),
    });
    expect(walk(ethernet({ payload: packet })).outer.state).toBe('mismatch');
  });
});
