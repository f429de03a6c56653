/** Traffic with nothing wrong in it, lost or not: no capture of it may convict. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judge, judgeFrames } from '../support/analysis.js';
import { capture, type TimedFrame } from '../support/frames.js';
import {
  ethernet,
  ip,
  ipv4,
  naiveSum,
  pseudoHeader,
  UDP,
  vxlanDatagram,
} from '../support/packet-builder.js';
import {
  at,
  backwards,
  CLIENT,
  client,
  cut,
  NODE_A,
  NODE_B,
  type Outer,
  overlay,
  query,
  reply,
  segment,
  syn,
  synAck,
  tunnelled,
} from '../support/traffic.js';

const ACCUSATIONS = ['stale-checksum', 'mangled-checksum', 'other-corruption'];

/** A whole connection from `outer`, answered from port 51000. */
function connection(
  outer: Outer,
  back: Partial<Outer> = {},
  start = 0,
  ends = CLIENT,
): TimedFrame[] {
  return [
    at(start, tunnelled(syn(ends, 1000), outer)),
    at(start + 0.001, backwards(synAck(ends, 1000), { port: 51000, ...back })),
    at(start + 0.002, tunnelled(segment(ends, 78, 0), outer)),
    at(start + 0.003, tunnelled(segment(ends, 78, 31), outer)),
    at(start + 0.004, backwards(reply(ends, 100, 300), { port: 51000, ...back })),
  ];
}

describe('a connection is without fault', () => {
  test('with right checksums', () => {
    const verdict = judgeFrames(connection({ port: 40001 }));
    expect(verdict.says).toBe('no-fault none');
    expect(verdict.exitCode).toBe(0);
    expect(verdict.flows[0]?.datagrams).toMatchObject({ total: 3, valid: 3 });
  });

  test('with zero checksums', () => {
    const verdict = judgeFrames(connection({ port: 40001, checksum: 0 }, { checksum: 0 }));
    expect(verdict.says).toBe('no-fault none');
    expect(verdict.flows[0]?.datagrams).toMatchObject({ total: 3, zero: 3 });
  });

  test('with inner checksums still open under outer ones that are finished', () => {
    const verdict = judgeFrames(connection({ port: 40001, innerChecksum: 'partial' }));
    expect(verdict.says).toBe('no-fault none');
  });

  test('with outer ports that change, and ports outside the default range', () => {
    const verdict = judgeFrames([
      at(0, tunnelled(syn(), { port: 1025 })),
      at(0.001, backwards(synAck(), { port: 65535 })),
      ...[2000, 33000, 64000].map((port, i) =>
        at(0.1 + i, tunnelled(segment(CLIENT, i, 5), { port })),
      ),
    ]);
    expect(verdict.says).toBe('no-fault none');
  });

  test('over IPv6, VLAN tags inside, and DNS', () => {
    const outer = { port: 40001, source: 'fd00:50::1', destination: 'fd00:50::2' };
    expect(
      judgeFrames([at(0, tunnelled(query({ ...CLIENT, destinationPort: 53 }, 1), outer))]).says,
    ).toBe('no-fault none');
  });
});

test('a port that is used again, with another sequence number, is another connection and no retransmit', () => {
  const verdict = judgeFrames([
    at(0, tunnelled(syn(CLIENT, 1000, 77), { port: 40001 })),
    at(0.001, backwards(synAck(CLIENT, 1000), { port: 51000 })),
    at(100, tunnelled(syn(CLIENT, 101_000, 7777), { port: 40001 })),
    at(100.001, backwards(synAck(CLIENT, 101_000), { port: 51000 })),
  ]);
  expect(verdict.says).toBe('no-fault none');
  expect(verdict.flows[0]?.delay).toMatchObject({ retransmits: 0 });
  expect(verdict.delays).toMatchObject({ delayed: 0 });
});

describe('plain loss is no stale checksum', () => {
  const lost = [
    at(0, tunnelled(syn(CLIENT, 1000), { port: 40001 })),
    at(1, tunnelled(syn(CLIENT, 2000), { port: 40002 })),
    at(1.001, backwards(synAck(CLIENT, 2000), { port: 51000 })),
  ];

  test('where the captures do not tell where the SYN was lost: inconclusive', () => {
    const verdict = judgeFrames(lost);
    expect(verdict.says).toBe('inconclusive none');
    expect(verdict.exitCode).toBe(2);
    expect(verdict.summary).toMatch(/a SYN was lost with nothing wrong/i);
  });

  test('whatever is lost, and wherever', () => {
    const names = [
      'node-a/overlay.pcap',
      'node-a/underlay.pcap',
      'node-b/underlay.pcap',
      'node-b/overlay.pcap',
    ];
    // Each SYN gets as far as a number of capture points; the last one gets through.
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        (reached, zero) => {
          const outer = (i: number): Outer => ({
            port: 40001 + i,
            ...(zero ? { checksum: 0 } : {}),
          });
          const captures = names.map((name, point) => {
            const isOverlay = name.includes('overlay');
            const times = [...reached, 4];
            const syns = times.flatMap((points, i) => {
              if (point >= points) return [];
              const packet = syn(CLIENT, 1000 * i);
              return [
                at(i + point / 10_000, isOverlay ? overlay(packet) : tunnelled(packet, outer(i))),
              ];
            });
            const back = synAck(CLIENT, 1000 * reached.length);
            const answer = at(
              reached.length + 0.01 - point / 10_000,
              isOverlay
                ? overlay(back)
                : backwards(back, { port: 51000, ...(zero ? { checksum: 0 } : {}) }),
            );
            return capture(name, [...syns, answer], { node: name.split('/')[0]! });
          });
          const verdict = judge(captures);
          expect(verdict.says).toBe('inconclusive none');
          const [flow] = verdict.flows;
          expect(flow?.syns.map(({ delivered }) => delivered)).toEqual([
            ...reached.map(() => false),
            true,
          ]);
          expect(flow?.delay?.retransmits).toBe(reached.length);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('what was captured in part never acquits, and never convicts', () => {
  test('outer checksums that are all unfinished', () => {
    const frames = connection({ port: 40001, checksum: 'partial', innerChecksum: 'partial' });
    const verdict = judgeFrames(frames);
    expect(verdict.says).toBe('inconclusive none');
    expect(verdict.summary).toMatch(/unfinished/);
  });

  test('the public false alarm: ebd7 is the pseudo-header’s sum of its datagram', () => {
    // Any datagram will do whose pseudo-header sums up to ebd7: the address makes up for the length.
    const frame = ethernet({ payload: syn()('partial') });
    const length = 16 + frame.length;
    const without = naiveSum(pseudoHeader('192.168.0.0', NODE_B, UDP, length));
    const rest = (0xebd7 - without + 65535) % 65535;
    const source = `192.168.${rest >> 8}.${rest & 0xff}`;
    expect(naiveSum(pseudoHeader(source, NODE_B, UDP, length))).toBe(0xebd7);
    const datagram = vxlanDatagram({
      source,
      destination: NODE_B,
      sourcePort: 12200,
      checksum: 0xebd7,
      frame,
    });
    const bytes = ethernet({
      payload: ip({ source, destination: NODE_B, protocol: UDP, payload: datagram }),
    });
    expect(judgeFrames([at(0, bytes)]).says).toBe('inconclusive none');
  });

  test('datagrams cut by the snap length, wherever it cuts', () => {
    const whole = connection({ port: 40001 });
    for (const length of [64, 96, 100, 128]) {
      const frames = whole.map(({ at: seconds, bytes }) =>
        cut(seconds, bytes, Math.min(length, bytes.length)),
      );
      const { verdict } = judgeFrames(frames);
      const anyCut = frames.some(({ bytes, originalLength }) => bytes.length < originalLength!);
      expect(anyCut).toBe(true);
      expect(['inconclusive'], `${length} bytes`).toContain(verdict);
    }
  });

  test('one datagram cut among whole ones', () => {
    const [first, ...rest] = connection({ port: 40001 });
    const verdict = judgeFrames([first!, cut(0.0005, first!.bytes, 100), ...rest]);
    expect(verdict.says).toBe('inconclusive none');
    expect(verdict.warnings.join()).toMatch(/1 frames? (was|were) captured only in part/);
  });

  test('a datagram in fragments', () => {
    const datagram = vxlanDatagram({
      source: NODE_A,
      destination: NODE_B,
      sourcePort: 40001,
      frame: ethernet({ payload: segment(CLIENT, 1, 200)('right') }),
    });
    const fragment = (from: number, to: number) =>
      ethernet({
        payload: ipv4({
          source: NODE_A,
          destination: NODE_B,
          protocol: UDP,
          payload: datagram.slice(from, to),
          fragmentOffset: from,
          moreFragments: to < datagram.length,
        }),
      });
    const frames = [at(0, fragment(0, 160)), at(0.0001, fragment(160, datagram.length))];
    expect(judgeFrames(frames).says).toBe('no-fault none');
    expect(judgeFrames([...connection({ port: 40001 }), ...frames]).says).toBe('no-fault none');
    expect(judgeFrames(frames.slice(0, 1)).says).toBe('inconclusive none');
  });

  test('only later fragments', () => {
    const payload = new Array<number>(64).fill(9);
    const later = ipv4({
      source: NODE_A,
      destination: NODE_B,
      protocol: UDP,
      payload,
      fragmentOffset: 1480,
    });
    const { verdict } = judgeFrames([at(0, ethernet({ payload: later }))]);
    expect(['inconclusive', 'no-tunnel-traffic']).toContain(verdict);
  });

  test('no tunnel datagram at all', () => {
    const plain = [at(0, overlay(syn())), at(0.001, overlay(synAck()))];
    expect(judgeFrames(plain).says).toBe('inconclusive none');
    expect(judgeFrames([]).says).toBe('inconclusive none');
    expect(judge([]).says).toBe('inconclusive none');
  });

  test('an underlay without a datagram of the connection that the overlay shows: none left the node', () => {
    const shown = [
      at(0, overlay(syn(CLIENT, 1), 'partial')),
      at(1, overlay(syn(CLIENT, 2), 'partial')),
    ];
    const verdict = judge([
      capture('node-a/overlay.pcap', shown, { node: 'node-a', layer: 'overlay' }),
      capture('node-a/underlay.pcap', [], { node: 'node-a', layer: 'underlay' }),
    ]);
    expect(verdict.verdict).toBe('no-tunnel-traffic');
    expect(verdict.exitCode).toBe(2);
  });
});

describe('a connection that uses more outer ports than are remembered', () => {
  const many = Array.from({ length: 70 }, (_, i) =>
    at(i, tunnelled(segment(CLIENT, i, 5), { port: 33_000 + i })),
  );

  test('is not acquitted, though all that is remembered is right', () => {
    expect(judgeFrames(many).says).toBe('inconclusive none');
    expect(judgeFrames(many.slice(0, 60)).says).toBe('no-fault none');
  });

  test('is not acquitted where a wrong one comes last', () => {
    const wrong = at(99, tunnelled(segment(CLIENT, 99, 5), { port: 12200, madeFor: 37881 }));
    expect(judgeFrames([...many, wrong]).exitCode).not.toBe(0);
  });
});

test('no healthy corpus convicts: flows, ports, checksums, cuts and order at random', () => {
  const style = fc.constantFrom<Partial<Outer>>(
    {},
    { innerChecksum: 'partial' },
    { checksum: 0 },
    { checksum: 0, innerChecksum: 'partial' },
    { checksum: 'partial', innerChecksum: 'partial' },
  );
  const packet = fc.record({
    who: fc.integer({ min: 50_000, max: 50_005 }),
    port: fc.integer({ min: 1024, max: 65535 }),
    kind: fc.constantFrom('syn', 'synAck', 'segment', 'reply', 'query'),
    number: fc.nat(1000),
    length: fc.nat(40),
    captured: fc.option(fc.integer({ min: 20, max: 150 }), { freq: 4 }),
    ipv6: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 12 }), style, (packets, outer) => {
      const frames = packets.map(({ who, port, kind, number, length, captured, ipv6 }, i) => {
        const ends = client(who);
        const isBack = kind === 'synAck' || kind === 'reply';
        const [from, to] = ipv6 ? ['fd00:50::1', 'fd00:50::2'] : [NODE_A, NODE_B];
        const inner = {
          syn: () => syn(ends, number),
          synAck: () => synAck(ends, number),
          segment: () => segment(ends, number, length),
          reply: () => reply(ends, number, length),
          query: () => query({ ...ends, destinationPort: 53 }, number),
        }[kind]();
        const bytes = tunnelled(inner, {
          ...outer,
          port,
          source: isBack ? to : from,
          destination: isBack ? from : to,
        });
        return captured === null ? at(i, bytes) : cut(i, bytes, Math.min(captured, bytes.length));
      });
      const verdict = judgeFrames(frames);
      expect(ACCUSATIONS).not.toContain(verdict.verdict);
      expect(
        verdict.flows.flatMap(({ verdict: name }) => ACCUSATIONS.filter(bad => bad === name)),
      ).toEqual([]);
      expect(verdict.exitCode).not.toBe(1);
    }),
    { numRuns: 100 },
  );
});
