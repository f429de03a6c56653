import { describe, expect, it } from 'vitest';
import { eventLine } from '../../src/watch/events.js';
import { TellingRate } from '../../src/watch/telling-rate.js';
import { damagedFrames, wholeFrames } from '../capture/support.js';
import { ethernet, ip, tunnelFrame, UDP, u16, udp } from '../support/packet-builder.js';
import { schemaFaults } from '../support/schemas.js';
import { client, corrupted, cut, query, segment, syn, tunnelled } from '../support/traffic.js';
import { watching } from './support.js';

/** One's-complement 16-bit arithmetic, written out once more. */
const modulo = (value: number) => ((value % 65535) + 65535) % 65535;

describe('a stale datagram', () => {
  it('is told with the port that its checksum was made for', () => {
    const { take, findings, counts } = watching();
    take(tunnelled(syn(), { port: 29051, madeFor: 42112 }));
    const [finding] = findings();
    expect(finding).toMatchObject({
      event: 'stale',
      interface: 'eth0',
      direction: 'out',
      grade: 'supported',
      inner: { protocol: 'tcp', source: '10.244.0.0:64139', destination: '10.244.1.2:8080' },
      outer: {
        source: '192.168.50.1',
        destination: '192.168.50.2',
        destinationPort: 8472,
        vni: 1,
        encapsulation: 'vxlan',
        sourcePortBefore: 42112,
        sourcePortAfter: 29051,
      },
      reason: null,
    });
    const { stored, correct, difference } = finding!.checksum;
    expect(modulo(29051 + Number(correct) - Number(stored))).toBe(42112);
    expect(Number(difference)).toBe(modulo(42112 - 29051));
    expect(counts.of('stale', 'out')).toBe(1);
  });

  it.each([
    ['with the inner checksum still open', { innerChecksum: 'partial' }, true],
    ['with the inner checksum made', {}, false],
  ] as const)('%s', (_, more, innerPending) => {
    const { take, findings } = watching();
    take(tunnelled(syn(), { port: 29051, madeFor: 42112, ...more }));
    expect(findings()).toMatchObject([{ event: 'stale', checksum: { innerPending } }]);
  });

  it('over IPv6, and of an inner UDP query', () => {
    const { take, findings } = watching();
    const ends = { source: 'fd00:50::1', destination: 'fd00:50::2' };
    take(tunnelled(query(client(40000), 7), { ...ends, port: 1332, madeFor: 47112 }));
    expect(findings()).toMatchObject([
      {
        event: 'stale',
        inner: { protocol: 'udp', source: '10.244.0.0:40000' },
        outer: { source: 'fd00:50::1', sourcePortBefore: 47112, sourcePortAfter: 1332 },
      },
    ]);
  });

  it('is told once a flow, and counted each time', () => {
    const { take, findings, counts, detector, of, kept } = watching();
    for (let i = 0; i < 5; i++) take(tunnelled(syn(), { port: 29051, madeFor: 42112 }));
    take(tunnelled(syn(client(1)), { port: 29052, madeFor: 42000 }));
    expect(findings()).toHaveLength(2);
    expect(counts.both('stale')).toBe(6);
    expect(detector.found).toEqual({ stale: 2, mangled: 0, other: 0 });
    expect(kept).toHaveLength(6);
    detector.end();
    expect(of('flow')).toMatchObject([{ kind: 'stale', datagrams: 5, because: 'ended' }]);
  });

  it('is told again on another interface, and after a long silence', () => {
    const { take, findings, detector, of } = watching();
    const frame = tunnelled(syn(), { port: 29051, madeFor: 42112 });
    const latest = { seconds: 1_795_000_000, nanoseconds: 0 };
    take(frame, latest);
    take(frame, latest, 'eth1');
    expect(findings().map(finding => finding.interface)).toEqual(['eth0', 'eth1']);
    detector.forgetIdle(latest.seconds + 300);
    expect(detector.flowsHeld).toBe(2);
    detector.forgetIdle(latest.seconds + 301);
    expect(detector.flowsHeld).toBe(0);
    expect(of('flow')).toEqual([]);
    take(frame, latest);
    expect(findings()).toHaveLength(3);
  });
});

describe('what is healthy', () => {
  it.each([
    ['a right checksum', tunnelled(syn(), { port: 40000 })],
    ['a right one over an open inner one', tunnelled(syn(), { port: 4, innerChecksum: 'partial' })],
    ['one that the NIC will make', tunnelled(syn(), { port: 40000, checksum: 'partial' })],
    [
      'the same with the inner one open',
      tunnelled(segment(client(1), 9, 4000), {
        port: 40000,
        checksum: 'partial',
        innerChecksum: 'partial',
      }),
    ],
  ])('is never told: %s', (_, frame) => {
    const { take, events, counts } = watching();
    take(frame, { checksumPending: true });
    take(frame, { direction: 'in' });
    expect(events).toEqual([]);
    expect(counts.both('fine')).toBe(2);
  });

  it('is not told where the port is no tunnel, or nothing can be verified', () => {
    const { take, events, counts } = watching();
    const ends = { source: '10.0.0.1', destination: '10.0.0.2' };
    const payload = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
    const dns = udp({ ...ends, sourcePort: 9, destinationPort: 8472, checksum: 77, payload });
    take(ethernet({ payload: ip({ ...ends, protocol: UDP, payload: dns }) }));
    take(tunnelled(syn(), { port: 5, checksum: 'zero' }));
    const stale = tunnelled(syn(), { port: 29051, madeFor: 42112 });
    const { bytes, originalLength = 0 } = cut(0, stale, stale.length - 1);
    take(bytes, { originalLength });
    const firstFragment = [...stale];
    // More fragments follow.
    firstFragment.splice(20, 2, ...u16(0x2000));
    take(firstFragment);
    expect(events).toEqual([]);
    expect(counts.both('ignored')).toBe(2);
    expect(counts.both('unverifiable')).toBe(2);
    expect(counts.examined).toBe(4);
  });
});

describe('a mangled zero', () => {
  const mangled = (port: number) => tunnelled(syn(), { port, checksum: 0xffff });

  it('is told as such', () => {
    const { take, findings, counts } = watching();
    take(mangled(29051));
    take(mangled(29051));
    expect(findings()).toMatchObject([
      {
        event: 'mangled',
        grade: 'supported',
        outer: { sourcePortBefore: null, sourcePortAfter: 29051 },
        checksum: { stored: '0xffff' },
      },
    ]);
    expect(counts.both('mangled')).toBe(2);
  });

  it('is none where the sender makes checksums: then it is stale, and came out so by chance', () => {
    // The first 16 bits of a network's number make up for all the rest, so that the sum is 0xffff.
    const [high = 0, low = 0] = tunnelled(syn(), { port: 42112, vni: 0 }).slice(40, 42);
    const vni = (high * 256 + low) * 256;
    const stale = tunnelled(syn(), { port: 29051, madeFor: 42112, vni });
    const { take, findings } = watching();
    take(tunnelled(syn(client(7)), { port: 40000 }));
    take(stale);
    expect(findings()).toMatchObject([
      { event: 'stale', outer: { sourcePortBefore: 42112 }, checksum: { stored: '0xffff' } },
    ]);
    // Of another tunnel of the same sender nothing is known.
    const other = watching();
    other.take(tunnelFrame({ ...ends(4789), sourcePort: 40000, frame: inner }));
    other.take(mangled(29051));
    expect(other.findings()).toMatchObject([{ event: 'mangled' }]);
  });

  const inner = ethernet({ payload: syn()('right') });
  const ends = (destinationPort: number) => ({
    source: '192.168.50.1',
    destination: '192.168.50.2',
    destinationPort,
  });
});

describe('other corruption', () => {
  it('is told with the reason, and convicts nobody', () => {
    const { take, findings, counts } = watching();
    const right = tunnelled(syn(), { port: 40000 });
    take(corrupted(right, right.length - 3, 0x40));
    expect(findings()).toMatchObject([
      {
        event: 'other',
        grade: 'none',
        outer: { sourcePortBefore: null },
        reason: expect.stringMatching(/^the inner checksum is wrong too \(0x[0-9a-f]{4}, due 0x/),
      },
    ]);
    expect(counts.both('other')).toBe(1);
  });

  it('that is a constant wrong value in flows of different ports is no rewritten port', () => {
    // A middlebox changed the address and did not mend the checksum: one difference for all.
    const { take, findings, of, counts } = watching();
    const moved = (port: number) =>
      tunnelled(syn(client(port)), { port, madeFor: modulo(port + 777) });
    take(moved(40000));
    take(moved(40001));
    take(moved(40001));
    take(moved(40000));
    take(moved(40002));
    expect(findings().map(({ event }) => event)).toEqual(['stale', 'other', 'other']);
    const difference = findings()[0]!.checksum.difference;
    expect(of('retracted')).toMatchObject([{ difference, inner: null, outer: null }]);
    expect([counts.both('stale'), counts.both('other')]).toEqual([1, 4]);
  });

  it('that varies within one outer flow takes the finding back', () => {
    const { take, findings, of, counts } = watching();
    take(tunnelled(syn(), { port: 29051, madeFor: 42112 }));
    take(tunnelled(syn(), { port: 29051, madeFor: 42113 }));
    take(tunnelled(syn(), { port: 29051, madeFor: 42112 }));
    expect(findings().map(({ event }) => event)).toEqual(['stale']);
    expect(of('retracted')).toMatchObject([
      {
        outer: { sourcePortAfter: 29051 },
        reason: 'the difference varies within one outer flow',
      },
    ]);
    expect([counts.both('stale'), counts.both('other')]).toEqual([1, 2]);
  });

  it('does not stand in the way of a stale datagram of the same flow', () => {
    const { take, findings, counts } = watching();
    const stale = tunnelled(syn(), { port: 29051, madeFor: 42112 });
    take(corrupted(stale, stale.length - 3, 0x40));
    take(stale);
    take(corrupted(stale, stale.length - 3, 0x41));
    take(stale);
    expect(findings().map(({ event }) => event)).toEqual(['other', 'stale']);
    expect([counts.both('stale'), counts.both('other')]).toEqual([2, 2]);
  });

  it('that would name port 0 or 65535 convicts nobody', () => {
    const { take, findings } = watching();
    take(tunnelled(syn(), { port: 29051, madeFor: 65535 }));
    expect(findings()).toMatchObject([{ event: 'other' }]);
  });
});

describe('a port from which no device sends', () => {
  const odd = tunnelled(syn(client(9)), { port: 50000, madeFor: 20000 });

  it('convicts nobody', () => {
    const { take, findings } = watching();
    take(odd);
    expect(findings()).toMatchObject([
      { event: 'other', reason: expect.stringContaining('20000, is outside 32768-60999') },
    ]);
  });

  it('does where the sender is seen to send from others than the usual', () => {
    const { take, findings } = watching();
    take(tunnelled(syn(client(8)), { port: 5000 }));
    take(odd);
    take(tunnelled(syn(client(10)), { port: 50000, madeFor: 1000 }));
    expect(findings()).toMatchObject([
      { event: 'stale', outer: { sourcePortBefore: 20000 } },
      { event: 'other', reason: expect.stringContaining('1000, is outside 1024-65535') },
    ]);
  });
});

describe('a right SYN', () => {
  it('from the same outer port takes the finding back, and from another one does not', () => {
    const { take, of } = watching();
    take(tunnelled(syn(), { port: 29051, madeFor: 42112 }));
    take(tunnelled(syn(), { port: 45808 }));
    expect(of('retracted')).toEqual([]);
    take(tunnelled(segment(client(64139), 9, 100), { port: 29051 }));
    expect(of('retracted')).toEqual([]);
    take(tunnelled(syn(), { port: 29051 }));
    expect(of('retracted')).toMatchObject([
      { reason: 'other SYNs from the same outer port have a right checksum' },
    ]);
  });
});

describe('many flows', () => {
  it('with random differences stay convicted: two are the same sooner than one thinks', () => {
    const { take, findings, of } = watching();
    let state = 12345;
    const next = () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) / 0x100_0000;
    };
    for (let index = 0; index < 1500; index++) {
      const port = 1024 + Math.floor(next() * 64000);
      const madeFor = 32768 + Math.floor(next() * 28000);
      take(tunnelled(syn(client(index + 1)), { port, madeFor }));
    }
    const differences = new Set(findings().map(({ checksum }) => checksum.difference));
    expect(differences.size).toBeLessThan(1500);
    expect(of('retracted')).toEqual([]);
    expect(findings().every(({ event }) => event === 'stale')).toBe(true);
  });
});

describe('a flow that may not be told', () => {
  it('is counted, and is not kept, told or taken back', () => {
    const { take, events, counts, kept, detector, findings } = watching({}, 1);
    for (const madeFor of [42112, 42112, 42113]) {
      take(tunnelled(syn(), { port: 29051, madeFor }));
    }
    expect([events, kept]).toEqual([[], []]);
    expect([counts.both('stale'), counts.both('other')]).toEqual([2, 1]);
    take(tunnelled(syn(client(2)), { port: 29052, madeFor: 42000 }));
    expect(findings()).toHaveLength(1);
    detector.end();
    expect(events).toHaveLength(1);
    expect(detector.found).toEqual({ stale: 2, mangled: 0, other: 0 });
  });
});

describe('the rate of telling', () => {
  it('is a burst, then some a second, and counts what it holds back', () => {
    const rate = new TellingRate();
    const start = performance.now();
    const told = (count: number, milliseconds: number) =>
      Array.from({ length: count }, () => rate.take(start + milliseconds)).filter(Boolean).length;
    expect(told(5000, 10)).toBe(1000);
    expect(rate.heldBack).toBe(4000);
    expect(told(5000, 2010)).toBe(20);
    expect(told(5000, 10_000_000)).toBe(1000);
  });
});

describe('whatever the bytes', () => {
  it('nothing is thrown, and every event is of the schema', () => {
    const { take, events, counts, detector } = watching();
    const frames = wholeFrames();
    const all = [...frames, ...damagedFrames(frames)];
    for (const frame of all) take(frame);
    detector.end();
    expect(counts.examined).toBe(all.length);
    expect(counts.both('other')).toBeGreaterThan(100);
    const lines = events.map(event => JSON.parse(eventLine(event)));
    expect(lines.filter(line => schemaFaults('watch-1.json', line).length > 0)).toEqual([]);
  });
});
