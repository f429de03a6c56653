/** Wrong checksums that a second SNAT did not make. None of these may be called stale or mangled. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judge, judgeDatagrams, judgeFrames } from '../support/analysis.js';
import { capture } from '../support/frames.js';
import { ethernet, ipv4, naiveSum, patched, tunnelFrame } from '../support/packet-builder.js';
import {
  at,
  backwards,
  CLIENT,
  client,
  corrupted,
  NODE_A,
  NODE_B,
  query,
  segment,
  syn,
  synAck,
  tunnelled,
} from '../support/traffic.js';

const CONVICTIONS = ['stale-checksum', 'mangled-checksum'];

/** Offsets in an untagged IPv4 VXLAN frame: Ethernet 14, IP 20, UDP 8, VXLAN 8, Ethernet 14, IP 20, TCP. */
const OUTER_DESTINATION = 14 + 16;
const VNI = 14 + 20 + 8 + 4;
const INNER_TCP = 14 + 20 + 8 + 8 + 14 + 20;

describe('the same difference over flows of different ports', () => {
  test('is not the port: another header field was changed on the way', () => {
    // A middlebox rewrote the destination from .9 to .2 and mended nothing: a difference of -7.
    const moved = (sourcePort: number, port: number) =>
      patched(
        tunnelled(syn(client(sourcePort)), { port, destination: '192.168.50.9' }),
        OUTER_DESTINATION,
        [192, 168, 50, 2],
      );
    const verdict = judgeDatagrams([moved(50001, 40001), moved(50002, 40002), moved(50003, 40003)]);
    expect(verdict.says).toBe('other-corruption supported');
    expect(verdict.exitCode).toBe(0);
    expect(verdict.flows[0]?.because).toMatch(
      /3 flows from different ports show the same difference/,
    );
    expect(verdict.flows.map(({ verdict: name }) => name)).toEqual(
      new Array(3).fill('other-corruption'),
    );
  });

  test('is known for it in two captures of the same flows as well', () => {
    const frames = [50001, 50002].map((sourcePort, i) =>
      at(i, corrupted(tunnelled(syn(client(sourcePort)), { port: 40001 + i }), VNI, 0x20)),
    );
    const verdict = judge([
      capture('node-a/underlay.pcap', frames, { node: 'node-a' }),
      capture('node-b/underlay.pcap', frames, { node: 'node-b' }),
    ]);
    expect(verdict.verdict).toBe('other-corruption');
  });

  test('in two rewritten flows of one fixed port is no such thing: their new ports differ', () => {
    const verdict = judgeDatagrams([
      tunnelled(syn(client(50001)), { port: 12200, madeFor: 50000 }),
      tunnelled(syn(client(50002)), { port: 33111, madeFor: 50000 }),
    ]);
    expect(verdict.says).toBe('stale-checksum supported');
  });
});

describe('within one outer flow', () => {
  test('differences that vary are no rewritten port', () => {
    const verdict = judgeDatagrams(
      [1, 2, 3].map(i =>
        corrupted(tunnelled(segment(CLIENT, i, 20), { port: 40001 }), INNER_TCP + 20 + i, 1 << i),
      ),
    );
    expect(verdict.verdict).toBe('other-corruption');
  });

  test('a SYN that is right beside one that is wrong is no rewritten port', () => {
    for (const order of [
      [40001, 37881],
      [37881, 40001],
    ]) {
      const verdict = judgeFrames(
        order.map((madeFor, i) =>
          at(i, tunnelled(syn(CLIENT, 1000 * i), { port: 40001, madeFor })),
        ),
      );
      expect(verdict.verdict).toBe('other-corruption');
      expect(verdict.flows[0]?.because).toMatch(/right checksum/);
    }
  });

  test('one value over bytes that change is no rewritten port, unless it is ffff', () => {
    const fixed = (checksum: number) =>
      judgeDatagrams(
        [1, 2, 3].map(i =>
          tunnelled(query({ ...CLIENT, destinationPort: 53 }, i), { port: 40001, checksum }),
        ),
      ).verdict;
    // The inner checksum makes up for what changes in the payload, so the right outer one does not change,
    // but for the inner ports: a constant difference cannot be told from a rewritten port here.
    expect(['stale-checksum', 'other-corruption', 'inconclusive']).toContain(fixed(0x1234));
    expect(fixed(0xffff)).toBe('mangled-checksum');
  });

  test('two datagrams of a flow that are broken differently are no rewritten port', () => {
    // All that can break without making it another flow's, or no packet at all: reserved bytes of VXLAN
    // (but not the two that Geneve has its protocol in), inner MAC addresses, type of service,
    // identification, TTL, header checksum, and TCP behind its ports.
    const bytes = [43, 49, 50, 53, 56, 61, 65, 68, 69, 72, 74, 75];
    const change = fc.record({
      offset: fc.oneof(
        fc.constantFrom(...bytes),
        fc.integer({ min: INNER_TCP + 4, max: INNER_TCP + 49 }),
      ),
      mask: fc.integer({ min: 1, max: 255 }),
    });
    fc.assert(
      fc.property(change, change, (one, two) => {
        const first = corrupted(
          tunnelled(segment(CLIENT, 1, 30), { port: 40001 }),
          one.offset,
          one.mask,
        );
        const second = corrupted(
          tunnelled(segment(CLIENT, 31, 30), { port: 40001 }),
          two.offset,
          two.mask,
        );
        const right = naiveSum(tunnelled(segment(CLIENT, 1, 30), { port: 40001 }));
        const [a, b] = [naiveSum(first), naiveSum(second)];
        // Only where their differences are not one and the same.
        fc.pre(
          (a - right) % 65535 !==
            (b - naiveSum(tunnelled(segment(CLIENT, 31, 30), { port: 40001 }))) % 65535,
        );
        const verdict = judgeDatagrams([first, second]);
        expect(CONVICTIONS).not.toContain(verdict.verdict);
      }),
      { numRuns: 120 },
    );
  });
});

describe('the inner checksum', () => {
  test('wrong under a right outer one is named: broken before encapsulation, or by tunnel offload', () => {
    const bytes = tunnelFrame({
      source: NODE_A,
      destination: NODE_B,
      sourcePort: 40001,
      frame: ethernet({ payload: syn()(0x1234) }),
    });
    const verdict = judgeDatagrams([bytes]);
    expect(verdict.says).toBe('other-corruption supported');
    expect(verdict.summary).toMatch(/inner checksum is wrong and the outer one is not/);
    expect(verdict.flows[0]?.datagrams).toMatchObject({ valid: 1, invalid: 0 });
  });

  test('wrong under a zero outer one is named too', () => {
    const bytes = tunnelled(syn(), { port: 40001, checksum: 0, innerChecksum: 0x1234 });
    expect(judgeDatagrams([bytes]).verdict).toBe('other-corruption');
  });

  test('wrong with the outer one shows that bytes were broken, not a port rewritten', () => {
    const bytes = corrupted(
      tunnelled(segment(CLIENT, 1, 30), { port: 40001 }),
      INNER_TCP + 30,
      0x40,
    );
    const verdict = judgeDatagrams([bytes]);
    expect(verdict.verdict).toBe('other-corruption');
    expect(verdict.flows[0]?.because).toMatch(/inner checksum is wrong too/);
    expect(verdict.flows[0]?.datagrams).toMatchObject({ invalid: 1, stale: 0 });
  });

  test('absent (ICMP, ARP) was never open, so a wrong outer one is other corruption', () => {
    const ping = ipv4({ ...CLIENT, protocol: 1, payload: [8, 0, 0xf7, 0xfc, 0, 1, 0, 2] });
    const frame = tunnelFrame({
      source: NODE_A,
      destination: NODE_B,
      sourcePort: 12200,
      checksum: 0x4711,
      frame: ethernet({ payload: ping }),
    });
    expect(judgeDatagrams([frame]).verdict).toBe('other-corruption');
  });
});

test('a checksum that is only 65535 off in spelling is right', () => {
  // Right value ffff or 0 is one number; 0 stands for "not in use".
  const verdict = judgeDatagrams([tunnelled(syn(), { port: 40001, checksum: 0 })]);
  expect(verdict.flows[0]?.datagrams).toMatchObject({ zero: 1, invalid: 0 });
});

test('other corruption beside a stale port of another connection does not hide it', () => {
  const verdict = judgeFrames([
    at(
      0,
      corrupted(tunnelled(segment(client(50001), 1, 30), { port: 40001 }), INNER_TCP + 30, 0x40),
    ),
    at(1, tunnelled(syn(client(50002)), { port: 12200, madeFor: 37881 })),
    at(2, backwards(synAck(client(50002)), { port: 51000 })),
  ]);
  expect(verdict.verdict).toBe('stale-checksum');
  expect(verdict.flows.map(({ verdict: name }) => name)).toContain('other-corruption');
});

test('a stale datagram in one VNI has no sibling in another', () => {
  const verdict = judgeFrames([
    at(0, tunnelled(syn(), { port: 12200, madeFor: 37881, vni: 1 })),
    at(1, tunnelled(syn(CLIENT, 2000), { port: 37881, vni: 2 })),
  ]);
  expect(verdict.says).toBe('stale-checksum supported');
});
