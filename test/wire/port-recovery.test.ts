/** The port that a checksum remembers: worked examples as measured, and the kernel's own arithmetic. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type AddressChange,
  difference,
  isAmbiguousPort,
  mangledZero,
  recoverSourcePort,
} from '../../src/wire/port-recovery.js';
import { walk } from '../support/frames.js';
import { type Rewrite, replace4, replace16, udpManipPkt } from '../support/kernel-checksum.js';
import {
  ethernet,
  ip,
  naiveSum,
  patched,
  TCP,
  tcp,
  UDP,
  u16,
  u32,
  vxlanDatagram,
} from '../support/packet-builder.js';

const port = fc.integer({ min: 1, max: 65534 });
const word16 = fc.integer({ min: 0, max: 0xffff });
const payload = fc.uint8Array({ maxLength: 30 });

describe('worked examples, measured in captures', () => {
  test('63880 + f159 - 0664 is 58494', () => {
    // 63880 + 61785 - 1636 = 124029, and 124029 - 65535 = 58494.
    const field = { sourcePort: 63880, correct: 0xf159, stored: 0x0664 };
    expect(recoverSourcePort(field)).toBe(58494);
    // 61785 - 1636 = 60149
    expect(difference(field)).toBe(60149);
  });

  test('on an IPv6 underlay 49760 + 1332 - 1d8a is 47112', () => {
    // 49760 + 4914 - 7562 = 47112
    expect(recoverSourcePort({ sourcePort: 49760, correct: 0x1332, stored: 0x1d8a })).toBe(47112);
  });

  test('29051 + 7967 - 4662 is 42112', () => {
    // 29051 + 31079 - 18018 = 42112
    expect(recoverSourcePort({ sourcePort: 29051, correct: 0x7967, stored: 0x4662 })).toBe(42112);
  });

  test('a port that was not rewritten is recovered as itself, with no difference', () => {
    const field = { sourcePort: 50000, correct: 0x262e, stored: 0x262e };
    expect(recoverSourcePort(field)).toBe(50000);
    expect(difference(field)).toBe(0);
    // 0 and ffff are one number.
    expect(difference({ sourcePort: 50000, correct: 0xffff, stored: 0 })).toBe(0);
  });
});

test('0 and 65535 are one number in this arithmetic, and ambiguous', () => {
  expect([0, 65535, 1, 65534].map(isAmbiguousPort)).toEqual([true, true, false, false]);
});

const outers = {
  ipv4: { source: '192.168.50.1', destination: '192.168.50.2' },
  ipv6: { source: 'fd00:50::1', destination: 'fd00:50::2' },
};
const inner = {
  source: '10.244.0.0',
  destination: '10.244.1.2',
  sourcePort: 64139,
  destinationPort: 8080,
};

/** A right datagram from `from`, with `to` then written into its header and nothing else touched. */
function staleFrame(
  outer: { source: string; destination: string },
  from: number,
  to: number,
  data: Uint8Array,
) {
  const segment = tcp({ ...inner, payload: [...data] });
  const frame = ethernet({ payload: ip({ ...inner, protocol: TCP, payload: segment }) });
  const datagram = vxlanDatagram({ ...outer, sourcePort: from, frame });
  return ethernet({
    payload: ip({ ...outer, protocol: UDP, payload: patched(datagram, 0, u16(to)) }),
  });
}

describe.each(Object.entries(outers))('over %s', (_family, outer) => {
  test('any datagram whose port was rewritten under its checksum names the old port', () => {
    fc.assert(
      fc.property(port, port, payload, (from, to, data) => {
        fc.pre(from !== to);
        const { outer: finding } = walk(staleFrame(outer, from, to, data));
        // By chance the old checksum may be the pseudo-header's sum: then it looks unfinished.
        fc.pre(finding.state !== 'partial');
        expect(finding.state).toBe('mismatch');
        expect(recoverSourcePort({ sourcePort: to, ...finding })).toBe(from);
      }),
      { numRuns: 300 },
    );
  });

  test('the old ports 0 and 65535 are recovered as one of the two', () => {
    for (const from of [0, 65535]) {
      const { outer: finding } = walk(staleFrame(outer, from, 40000, new Uint8Array(0)));
      expect(isAmbiguousPort(recoverSourcePort({ sourcePort: 40000, ...finding }))).toBe(true);
    }
  });

  test('the difference is the same for all payloads, and another for another rewrite', () => {
    fc.assert(
      fc.property(port, port, payload, payload, (from, to, one, two) => {
        fc.pre(from !== to);
        const of = (data: Uint8Array) => {
          const { outer: finding } = walk(staleFrame(outer, from, to, data));
          return difference({ sourcePort: to, ...finding });
        };
        // old port - new port, modulo 65535
        const expected = (from - to + 65535) % 65535;
        expect([of(one), of(two)]).toEqual([expected, expected]);
      }),
      { numRuns: 100 },
    );
  });
});

describe('the kernel’s arithmetic as these tests have it', () => {
  const finished: Rewrite = {
    summed: 'none',
    address: [[0x0a000001], [0xc0a83201]],
    port: [40000, 50000],
  };

  test('mends a finished checksum when address and port change, IPv4', () => {
    // Sum over an address, a port and something else, before and after.
    const before = 0xffff - naiveSum([...u32(0x0a000001), ...u16(40000), 0x12, 0x34]);
    const after = 0xffff - naiveSum([...u32(0xc0a83201), ...u16(50000), 0x12, 0x34]);
    expect(udpManipPkt(before, finished, true)).toBe(after);
  });

  test('mends a finished checksum when the address changes, IPv6', () => {
    const [from, to] = [
      [0xfd000050, 0, 0, 1],
      [0xfd000051, 0, 0xabcd, 2],
    ];
    const before = 0xffff - naiveSum([...from.flatMap(u32), 0x12, 0x34]);
    const after = 0xffff - naiveSum([...to.flatMap(u32), 0x12, 0x34]);
    expect(replace16(before, 'none', from, to, true)).toBe(after);
  });

  test('keeps a pseudo-header’s sum right when the address changes: what PARTIAL is meant for', () => {
    const before = naiveSum([...u32(0x0a000001), 0x12, 0x34]);
    const after = naiveSum([...u32(0xc0a83201), 0x12, 0x34]);
    expect(replace4(before, 'partial', 0x0a000001, 0xc0a83201, true)).toBe(after);
  });

  test('does nothing for the port of a PARTIAL packet: the bug', () => {
    expect(
      udpManipPkt(0x262e, { ...finished, summed: 'partial', address: [[1], [1]] }, false),
    ).toBe(0x262e);
  });
});

const words32 = (words: readonly number[]) =>
  words.flatMap((word, i) => (i % 2 === 0 ? [word * 0x10000 + words[i + 1]!] : []));

describe.each([
  ['IPv4', 2],
  ['IPv6', 8],
] as const)('where the second SNAT rewrote the %s address too', (_family, length) => {
  const address = fc.array(word16, { minLength: length, maxLength: length });

  test('the kernel’s PARTIAL arithmetic leaves the old port to be recovered with twice the change', () => {
    fc.assert(
      fc.property(address, address, port, port, word16, (from, to, oldPort, newPort, rest) => {
        const sum = (words: readonly number[], source: number) =>
          naiveSum([...words.flatMap(u16), ...u16(source), ...u16(rest)]);
        // Local checksum offload has written the full sum, before NAT.
        const written = 0xffff - sum(from, oldPort) || 0xffff;
        const stored = udpManipPkt(
          written,
          { summed: 'partial', address: [words32(from), words32(to)], port: [oldPort, newPort] },
          false,
        );
        const correct = 0xffff - sum(to, newPort) || 0xffff;
        const field = { sourcePort: newPort, stored, correct };
        expect(recoverSourcePort(field, { before: from, after: to })).toBe(oldPort);
      }),
      { numRuns: 500 },
    );
  });

  test('an unchanged port is recovered too: the address alone breaks the checksum', () => {
    fc.assert(
      fc.property(address, address, port, (from, to, kept) => {
        const sum = (words: readonly number[]) => naiveSum([...words.flatMap(u16), ...u16(kept)]);
        fc.pre(naiveSum(from.flatMap(u16)) % 65535 !== naiveSum(to.flatMap(u16)) % 65535);
        const stored = udpManipPkt(
          0xffff - sum(from) || 0xffff,
          { summed: 'partial', address: [words32(from), words32(to)], port: [kept, kept] },
          false,
        );
        const correct = 0xffff - sum(to) || 0xffff;
        expect(stored % 65535).not.toBe(correct % 65535);
        const field = { sourcePort: kept, stored, correct };
        expect(recoverSourcePort(field, { before: from, after: to })).toBe(kept);
      }),
    );
  });

  test('a zero checksum becomes what a kernel before 5.7 makes of it, ffff for 0', () => {
    fc.assert(
      fc.property(address, address, port, port, (from, to, oldPort, newPort) => {
        const change: AddressChange = { before: from, after: to };
        const rewrite: Rewrite = {
          summed: 'partial',
          address: [words32(from), words32(to)],
          port: [oldPort, newPort],
        };
        expect(mangledZero(change)).toBe(udpManipPkt(0, rewrite, true));
        expect(udpManipPkt(0, rewrite, false)).toBe(0);
      }),
      {
        numRuns: 500,
        // The only case in which the arithmetic comes out as 0.
        examples: [
          [new Array<number>(length).fill(0xffff), new Array<number>(length).fill(0), 1, 2],
        ],
      },
    );
  });

  test('to the same address, a zero checksum becomes ffff', () => {
    fc.assert(
      fc.property(address, port, port, (same, oldPort, newPort) => {
        const rewrite: Rewrite = {
          summed: 'partial',
          address: [words32(same), words32(same)],
          port: [oldPort, newPort],
        };
        expect(udpManipPkt(0, rewrite, true)).toBe(0xffff);
      }),
    );
    expect(mangledZero()).toBe(0xffff);
  });
});
