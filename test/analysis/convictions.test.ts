/**
 * Rewritten ports on captures made byte by byte: which are convicted, and how surely. What a datagram
 * looks like follows THE-BUG.md section 2 and the kernel's arithmetic in test/support.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  entryText,
  judge,
  judgeDatagrams,
  judgeFrames,
  linksText,
  snapshot,
} from '../support/analysis.js';
import { capture, conntrackTime } from '../support/frames.js';
import { udpManipPkt } from '../support/kernel-checksum.js';
import { addressBytes, type Bytes } from '../support/packet-builder.js';
import {
  at,
  backwards,
  CLIENT,
  client,
  NODE_A,
  NODE_B,
  overlay,
  query,
  reply,
  segment,
  syn,
  synAck,
  tunnelled,
} from '../support/traffic.js';

/** A stale SYN, a retransmit that got another outer port, and the answer. */
const staleThenFine = [
  at(0, tunnelled(syn(CLIENT, 1000), { port: 12200, madeFor: 37881 })),
  at(1.01, tunnelled(syn(CLIENT, 2010), { port: 40002 })),
  at(1.011, backwards(synAck(CLIENT, 2010), { port: 51000 })),
];

describe('one stale SYN', () => {
  test('is a stale checksum, supported by the arithmetic, with the old port', () => {
    const verdict = judgeFrames(staleThenFine);
    expect(verdict.says).toBe('stale-checksum supported');
    expect(verdict.exitCode).toBe(1);
    expect(verdict.flows[0]?.outer).toMatchObject({
      sourcePortBefore: 37881,
      sourcePortAfter: 12200,
    });
    expect(verdict.flows[0]?.syns.map(({ checksum }) => checksum?.state)).toEqual([
      'stale',
      'valid',
    ]);
    expect(verdict.witnesses.map(({ kind }) => kind)).toContain('arithmetic');
  });

  test('and nothing else in the capture is so too', () => {
    expect(judgeFrames(staleThenFine.slice(0, 1)).says).toBe('stale-checksum supported');
  });

  test('with its inner checksum still open (local checksum offload) is so too', () => {
    const frames = [
      at(0, tunnelled(syn(), { port: 12200, madeFor: 37881, innerChecksum: 'partial' })),
    ];
    expect(judgeFrames(frames).says).toBe('stale-checksum supported');
  });

  test('is so for any old port of the device’s range and any new one', () => {
    const old = fc.integer({ min: 32768, max: 60998 });
    fc.assert(
      fc.property(old, fc.integer({ min: 1024, max: 65535 }), (before, after) => {
        fc.pre(before !== after);
        const verdict = judgeDatagrams([tunnelled(syn(), { port: after, madeFor: before })]);
        // Once in 65535 a stale checksum looks unfinished, or mangled.
        fc.pre(!['inconclusive', 'mangled-checksum'].includes(verdict.verdict));
        expect(verdict.says).toBe('stale-checksum supported');
        expect(verdict.flows[0]?.syns[0]?.recoveredPort).toBe(before);
      }),
      { numRuns: 60 },
    );
  });

  test('retransmitted from the same port is no surer: one outer flow is one observation', () => {
    const frames = [0, 1, 3, 7].map(seconds =>
      at(seconds, tunnelled(syn(CLIENT, 1000 + 1000 * seconds), { port: 12200, madeFor: 37881 })),
    );
    const verdict = judgeFrames(frames);
    expect(verdict.says).toBe('stale-checksum supported');
    expect(verdict.flows[0]?.datagrams).toMatchObject({ total: 4, stale: 4 });
    expect(verdict.flows[0]?.delay).toMatchObject({ retransmits: 3, connectSeconds: null });
  });

  test('on an IPv6 underlay is the same', () => {
    const outer = { source: 'fd00:50::1', destination: 'fd00:50::2', port: 49760, madeFor: 47112 };
    const verdict = judgeDatagrams([tunnelled(syn(), outer)]);
    expect(verdict.says).toBe('stale-checksum supported');
    expect(verdict.flows[0]?.outer?.sourcePortBefore).toBe(47112);
  });

  test('whose old port would be 0 or 65535 is not convicted on that', () => {
    for (const madeFor of [0, 65535]) {
      const stale = tunnelled(syn(), { port: 12200, madeFor });
      expect(judgeDatagrams([stale]).verdict).not.toBe('stale-checksum');
      // Not even where healthy ports show that the sender uses the whole range.
      const healthy = tunnelled(syn(CLIENT, 2000), { port: 65534 });
      expect(judgeDatagrams([stale, healthy]).verdict).not.toBe('stale-checksum');
    }
  });

  test('whose old port is outside the default range, with nothing that tells the device’s, is doubtful', () => {
    const verdict = judgeDatagrams([tunnelled(syn(), { port: 12200, madeFor: 20000 })]);
    expect(verdict.says).toBe('inconclusive none');
    expect(verdict.summary).toMatch(/20000/);
  });

  test('whose old port is outside the default range is convicted where healthy ports are, too', () => {
    const verdict = judgeFrames([
      at(0, tunnelled(syn(), { port: 12200, madeFor: 20000 })),
      at(1, tunnelled(syn(CLIENT, 2000), { port: 21000 })),
    ]);
    expect(verdict.says).toBe('stale-checksum supported');
  });
});

describe('a sibling (the same flow, from the recovered port, with a right checksum)', () => {
  const later = at(64, tunnelled(syn(CLIENT, 65000), { port: 37881 }));

  test('proves a stale checksum', () => {
    const verdict = judgeFrames([staleThenFine[0]!, later]);
    expect(verdict.says).toBe('stale-checksum proved');
    const sibling = verdict.witnesses.find(({ kind }) => kind === 'sibling');
    expect(sibling?.frames).toEqual([{ capture: 'underlay.pcap', number: 2 }]);
  });

  test('proves it wherever it left, before or behind the stale one', () => {
    const earlier = at(0, tunnelled(segment(CLIENT, 1, 10), { port: 37881 }));
    const stale = at(40, tunnelled(segment(CLIENT, 11, 10), { port: 12200, madeFor: 37881 }));
    expect(judgeFrames([earlier, stale]).says).toBe('stale-checksum proved');
  });

  test('of another connection proves nothing', () => {
    const other = at(64, tunnelled(syn(client(50999), 65000), { port: 37881 }));
    expect(judgeFrames([staleThenFine[0]!, other]).says).toBe('stale-checksum supported');
  });

  test('from another node’s address proves nothing', () => {
    const elsewhere = at(
      64,
      tunnelled(syn(CLIENT, 65000), { port: 37881, source: '192.168.77.9' }),
    );
    expect(judgeFrames([staleThenFine[0]!, elsewhere]).says).toBe('stale-checksum supported');
  });
});

describe('segmentation offload', () => {
  test('thirty right large and eleven stale small datagrams from one port are a stale checksum', () => {
    const right = Array.from({ length: 30 }, (_, i) =>
      tunnelled(segment(CLIENT, 10_000 + 1000 * i, 900), { port: 12200 }),
    );
    const stale = Array.from({ length: 11 }, (_, i) =>
      tunnelled(segment(CLIENT, 100 + 10 * i, 10), { port: 12200, madeFor: 37881 }),
    );
    const mixed = right.flatMap((bytes, i) => (i < 11 ? [bytes, stale[i]!] : [bytes]));
    const verdict = judgeDatagrams([tunnelled(syn(), { port: 12200, madeFor: 37881 }), ...mixed]);
    expect(verdict.says).toBe('stale-checksum supported');
    expect(verdict.flows[0]?.datagrams).toMatchObject({ total: 42, valid: 30, stale: 12 });
    expect(verdict.flows[0]?.outer?.sourcePortBefore).toBe(37881);
  });
});

describe('conntrack of the sender', () => {
  const links = linksText(`local ${NODE_A} dev eth0 srcport 0 0 dstport 8472 udpcsum`, [NODE_A]);
  const withEvents = (events: string) =>
    judge([capture('node-a/underlay.pcap', staleThenFine, { node: 'node-a' })], {
      snapshots: [snapshot('node-a', { events, links })],
    });
  const born = (seconds: number, before: number, after: number) =>
    `[${conntrackTime(seconds)}]	    [NEW] ${entryText({ port: before }, { port: after })}`;

  test('that names the recovered port proves a stale checksum', () => {
    const verdict = withEvents(born(0.0001, 37881, 12200));
    expect(verdict.says).toBe('stale-checksum proved');
    expect(verdict.witnesses.find(({ kind }) => kind === 'conntrack')?.statement).toContain(
      'sport=37881',
    );
  });

  test('in a listing proves it as well', () => {
    const list = entryText({ port: 37881 }, { port: 12200 });
    const verdict = judge([capture('node-a/underlay.pcap', staleThenFine, { node: 'node-a' })], {
      snapshots: [snapshot('node-a', { list, links })],
    });
    expect(verdict.says).toBe('stale-checksum proved');
  });

  test('that names another port than the checksum is at odds with it: other corruption', () => {
    const verdict = withEvents(born(0.0001, 37882, 12200));
    expect(verdict.verdict).toBe('other-corruption');
    expect(verdict.flows[0]?.because).toMatch(/37882.*37881/);
  });

  test('that shows the port was not rewritten acquits the SNAT: other corruption', () => {
    expect(withEvents(born(0.0001, 12200, 12200)).verdict).toBe('other-corruption');
  });

  test('of an entry that had ended long before says nothing of this datagram', () => {
    const events = [
      born(-100, 37882, 12200),
      `[${conntrackTime(-60)}]	[DESTROY] ${entryText({ port: 37882 }, { port: 12200 })}`,
    ].join('\n');
    expect(withEvents(events).says).toBe('stale-checksum supported');
  });

  test('of an entry made long behind it says nothing either', () => {
    expect(withEvents(born(60, 37882, 12200)).says).toBe('stale-checksum supported');
  });

  test('of several entries with the same port on the wire, counts the one that lived then', () => {
    const events = [
      born(-100, 40001, 12200),
      `[${conntrackTime(-60)}]	[DESTROY] ${entryText({ port: 40001 }, { port: 12200 })}`,
      born(0.0001, 37881, 12200),
      born(90, 40002, 12200),
    ].join('\n');
    expect(withEvents(events).says).toBe('stale-checksum proved');
  });

  test('towards another node is another flow’s', () => {
    const events = `[${conntrackTime(0.0001)}]	    [NEW] ${entryText({ port: 37882 }, { port: 12200, destination: '192.168.50.9' })}`;
    expect(withEvents(events).says).toBe('stale-checksum supported');
  });

  test('that shows a rewritten port under a right checksum finds it harmless', () => {
    const frames = [
      at(0, tunnelled(syn(), { port: 12200 })),
      at(0.001, backwards(synAck(), { port: 51000 })),
    ];
    const verdict = judge([capture('node-a/underlay.pcap', frames, { node: 'node-a' })], {
      snapshots: [snapshot('node-a', { events: born(0.0001, 37881, 12200), links })],
    });
    expect(verdict.says).toBe('double-snat-harmless proved');
    expect(verdict.exitCode).toBe(0);
  });

  test('that shows an untouched port under a right checksum finds it not rewritten', () => {
    const frames = [
      at(0, tunnelled(syn(), { port: 40001 })),
      at(0.001, backwards(synAck(), { port: 51000 })),
    ];
    const verdict = judge([capture('node-a/underlay.pcap', frames, { node: 'node-a' })], {
      snapshots: [snapshot('node-a', { events: born(0.0001, 40001, 40001), links })],
    });
    expect(verdict.says).toBe('not-rewritten proved');
  });
});

describe('the device’s own port range', () => {
  const frames = (madeFor: number) => [at(0, tunnelled(syn(), { port: 12200, madeFor }))];
  const withDevice = (madeFor: number, srcport: string, sysctls?: string) =>
    judge([capture('node-a/underlay.pcap', frames(madeFor), { node: 'node-a' })], {
      snapshots: [
        snapshot('node-a', {
          links: linksText(`local ${NODE_A} dev eth0 srcport ${srcport} dstport 8472 udpcsum`, [
            NODE_A,
          ]),
          ...(sysctls === undefined ? {} : { sysctls }),
        }),
      ],
    });

  test('makes a recovered port outside it other corruption', () => {
    expect(withDevice(50001, '50000 50001').verdict).toBe('other-corruption');
    expect(withDevice(50000, '50000 50001').says).toBe('stale-checksum supported');
  });

  test('is the system’s where the device has none: outside it is other corruption', () => {
    const setting = 'net.ipv4.ip_local_port_range = 40000 41000';
    expect(withDevice(39999, '0 0', setting).verdict).toBe('other-corruption');
    expect(withDevice(40000, '0 0', setting).says).toBe('stale-checksum supported');
  });

  test('is a witness where it holds the old port and not the new one, with its chance', () => {
    const witness = withDevice(50000, '50000 50001').witnesses.find(
      ({ kind }) => kind === 'port-range',
    );
    // One port of 65536 is in the range, all others are not.
    expect(witness?.chance).toBeCloseTo((1 / 65536) * (1 - 1 / 65536), 7);
  });
});

/** Words of an IPv4 address as the kernel's arithmetic in test/support takes them. */
const word32 = (text: string) => addressBytes(text).reduce((word, byte) => word * 256 + byte, 0);

/** The datagram after a SNAT of address and port while its inner checksum was pending. */
function rewritten(
  from: { source: string; port: number },
  to: { source: string; port: number },
  options: { zero?: boolean; kernelBefore5dot7?: boolean } = {},
): Bytes {
  const made = tunnelled(syn(), from);
  const written = options.zero ? 0 : made[40]! * 256 + made[41]!;
  const checksum = udpManipPkt(
    written,
    {
      summed: 'partial',
      address: [[word32(from.source)], [word32(to.source)]],
      port: [from.port, to.port],
    },
    options.kernelBefore5dot7 ?? false,
  );
  return tunnelled(syn(), { ...to, checksum });
}

describe('a second SNAT that changes the address as well', () => {
  const SECONDARY = '192.168.50.77';
  const links = linksText(`local ${SECONDARY} dev eth0 srcport 0 0 dstport 8472 udpcsum`, [
    NODE_A,
    SECONDARY,
  ]);
  const from = { source: SECONDARY, port: 37881 };
  const events = (after: number) =>
    `[${conntrackTime(0.0001)}]	    [NEW] ${entryText(from, { port: after })}`;
  const judgeWith = (bytes: Bytes, texts: { links?: string; events?: string }) =>
    judge([capture('node-a/underlay.pcap', [at(0, bytes)], { node: 'node-a' })], {
      snapshots: [snapshot('node-a', texts)],
    });

  test('and the port is proved stale by conntrack', () => {
    const bytes = rewritten(from, { source: NODE_A, port: 12200 });
    const verdict = judgeWith(bytes, { links, events: events(12200) });
    expect(verdict.says).toBe('stale-checksum proved');
    expect(verdict.flows[0]?.syns[0]?.recoveredPort).toBe(37881);
  });

  test('and keeps the port breaks the checksum all the same, and is proved by conntrack', () => {
    const bytes = rewritten(from, { source: NODE_A, port: 37881 });
    expect(judgeWith(bytes, { links, events: events(37881) }).says).toBe('stale-checksum proved');
  });

  test('is proved by a sibling that left from the other address', () => {
    const frames = [
      at(0, rewritten(from, { source: NODE_A, port: 12200 })),
      at(64, tunnelled(syn(CLIENT, 65000), from)),
    ];
    const verdict = judgeFrames(frames);
    expect(verdict.says).toBe('stale-checksum proved');
    expect(verdict.flows[0]?.outer?.sourcePortBefore).toBe(37881);
  });

  test('is recovered with the device’s local address where only that is known', () => {
    const bytes = rewritten(from, { source: NODE_A, port: 12200 });
    const verdict = judgeWith(bytes, { links });
    expect(verdict.says).toBe('stale-checksum supported');
    expect(verdict.flows[0]?.outer?.sourcePortBefore).toBe(37881);
  });

  test('makes of a zero checksum what old kernels’ arithmetic gives: mangled, proved by conntrack', () => {
    const bytes = rewritten(
      from,
      { source: NODE_A, port: 12200 },
      { zero: true, kernelBefore5dot7: true },
    );
    // 192.168.50.1 - 192.168.50.77 = c0a8 + 3201 - c0a8 - 324d = -4c, which is ffb3.
    expect(bytes.slice(40, 42)).toEqual([0xff, 0xb3]);
    const silent = links.replace('udpcsum', 'noudpcsum');
    expect(judgeWith(bytes, { links: silent, events: events(12200) }).says).toBe(
      'mangled-checksum proved',
    );
  });

  test('of a zero checksum is recognised by the device’s local address where only that is known', () => {
    const bytes = rewritten(
      from,
      { source: NODE_A, port: 12200 },
      { zero: true, kernelBefore5dot7: true },
    );
    const silent = links.replace('udpcsum', 'noudpcsum');
    expect(judgeWith(bytes, { links: silent }).says).toBe('mangled-checksum supported');
  });
});

describe('a zero checksum turned into ffff', () => {
  const mangled = at(0, tunnelled(syn(), { port: 12200, checksum: 0xffff }));

  test('beside zero checksums of the same sender is mangled', () => {
    const verdict = judgeFrames([
      mangled,
      at(1, tunnelled(syn(CLIENT, 2000), { port: 40002, checksum: 0 })),
    ]);
    expect(verdict.says).toBe('mangled-checksum supported');
    expect(verdict.flows[0]?.syns.map(({ checksum }) => checksum?.state)).toEqual([
      'mangled',
      'zero',
    ]);
  });

  test('beside a right checksum of the same sender is not: it makes checksums', () => {
    const verdict = judgeFrames([mangled, at(1, tunnelled(syn(CLIENT, 2000), { port: 40002 }))]);
    expect(verdict.verdict).not.toBe('mangled-checksum');
  });

  test('beside a right checksum of another connection of the same sender is not either', () => {
    const other = at(1, tunnelled(syn(client(50999)), { port: 40002 }));
    expect(judgeFrames([mangled, other]).verdict).not.toBe('mangled-checksum');
  });

  test('by a device that makes no checksums is mangled, by one that makes them is not', () => {
    const withDevice = (flag: string) =>
      judge([capture('node-a/underlay.pcap', [mangled], { node: 'node-a' })], {
        snapshots: [
          snapshot('node-a', {
            links: linksText(`local ${NODE_A} dev eth0 srcport 0 0 dstport 8472 ${flag}`, [NODE_A]),
          }),
        ],
      });
    expect(withDevice('noudpcsum').says).toBe('mangled-checksum supported');
    expect(withDevice('udpcsum').verdict).not.toBe('mangled-checksum');
  });

  test('is proved mangled by conntrack', () => {
    const events = `[${conntrackTime(0.0001)}]	    [NEW] ${entryText({ port: 37881 }, { port: 12200 })}`;
    const links = linksText(`local ${NODE_A} dev eth0 srcport 0 0 dstport 8472 noudpcsum`, [
      NODE_A,
    ]);
    const verdict = judge([capture('node-a/underlay.pcap', [mangled], { node: 'node-a' })], {
      snapshots: [snapshot('node-a', { events, links })],
    });
    expect(verdict.says).toBe('mangled-checksum proved');
    expect(verdict.flows[0]?.outer?.sourcePortBefore).toBe(37881);
  });

  test('in some datagrams and other wrong values in others is not mangled', () => {
    const verdict = judgeFrames([
      mangled,
      at(1, tunnelled(syn(CLIENT, 2000), { port: 12200, checksum: 0x1234 })),
    ]);
    expect(verdict.verdict).toBe('other-corruption');
  });

  test('is the right value where ffff is what the datagram calls for', () => {
    // A port higher by the checksum makes the checksum 0, which is spelled ffff.
    const bytes = tunnelled(syn(), { port: 1024 });
    const port = 1024 + bytes[40]! * 256 + bytes[41]!;
    const due = tunnelled(syn(), { port });
    expect(due.slice(40, 42)).toEqual([0xff, 0xff]);
    expect(judgeDatagrams([due]).flows[0]?.datagrams).toMatchObject({ valid: 1 });
  });
});

describe('DNS: inner UDP', () => {
  const dns = { ...CLIENT, destinationPort: 53 };

  test('five queries from one socket, all stale, are a stale checksum', () => {
    const verdict = judgeFrames(
      [0, 1, 2, 3, 4].map(i =>
        at(5 * i, tunnelled(query(dns, i), { port: 12200, madeFor: 37881 })),
      ),
    );
    expect(verdict.says).toBe('stale-checksum supported');
    expect(verdict.flows[0]?.inner.protocol).toBe('udp');
    expect(verdict.flows[0]?.syns).toHaveLength(5);
  });

  test('with no inner checksum had nothing pending: other corruption', () => {
    const bytes = tunnelled(query(dns, 1), { port: 12200, madeFor: 37881, innerChecksum: 'zero' });
    expect(judgeDatagrams([bytes]).verdict).toBe('other-corruption');
  });
});

describe('a capture that begins in the middle of a connection', () => {
  test('convicts the client’s stale segments though the server is seen first', () => {
    const verdict = judgeFrames([
      at(0, backwards(reply(CLIENT, 1, 100), { port: 51000 })),
      at(0.01, tunnelled(segment(CLIENT, 1, 10), { port: 12200, madeFor: 37881 })),
      at(0.02, backwards(reply(CLIENT, 101, 100), { port: 51000 })),
    ]);
    expect(verdict.says).toBe('stale-checksum supported');
    expect(verdict.flows[0]?.inner).toMatchObject({ source: '10.244.0.0:64139' });
  });

  test('does not call the answers right if they are not', () => {
    const verdict = judgeFrames([
      at(0, tunnelled(syn(), { port: 40001 })),
      at(0.001, backwards(synAck(), { port: 51000 })),
      at(0.01, tunnelled(segment(CLIENT, 1, 10), { port: 40001 })),
      at(0.02, backwards(reply(CLIENT, 1, 100), { port: 51000, checksum: 0x1234 })),
      at(0.03, backwards(reply(CLIENT, 101, 200), { port: 51000, checksum: 0x4321 })),
    ]);
    expect(verdict.verdict).toBe('other-corruption');
    expect(verdict.exitCode).toBe(0);
  });
});

test('answers that are wrong at the server’s NIC and right at the client’s are no flow of their own', () => {
  const asked = at(0, tunnelled(syn(), { port: 40001 }));
  const verdict = judge([
    capture('node-a/underlay.pcap', [asked, at(0.002, backwards(synAck(), { port: 51000 }))], {
      node: 'node-a',
    }),
    capture(
      'node-b/underlay.pcap',
      [asked, at(0.001, backwards(synAck(), { port: 51000, checksum: 0x4711 }))],
      { node: 'node-b' },
    ),
  ]);
  expect(verdict.flows.map(({ inner }) => inner.source)).toEqual(['10.244.0.0:64139']);
  expect(verdict.verdict).toBe('no-fault');
});

describe('four capture points', () => {
  const point = (name: string, frames: typeof staleThenFine) =>
    capture(name, frames, { node: name.split('/')[0]! });
  const fine = staleThenFine.slice(1);
  const overlayOf = (times: readonly [number, number][]) =>
    times.map(([seconds, timestamp]) => at(seconds, overlay(syn(CLIENT, timestamp), 'partial')));

  test('show a stale SYN arriving and not coming out, the retransmit delivered, and the delay', () => {
    const verdict = judge([
      point('node-a/overlay.pcap', [
        ...overlayOf([
          [0, 1000],
          [1.01, 2010],
        ]),
        at(1.012, overlay(synAck(CLIENT, 2010))),
      ]),
      point('node-a/underlay.pcap', staleThenFine),
      point('node-b/underlay.pcap', staleThenFine),
      point('node-b/overlay.pcap', [
        at(1.0105, overlay(syn(CLIENT, 2010))),
        at(1.0106, overlay(synAck(CLIENT, 2010))),
      ]),
    ]);
    expect(verdict.says).toBe('stale-checksum supported');
    const [flow] = verdict.flows;
    expect(flow?.syns.map(({ delivered }) => delivered)).toEqual([false, true]);
    expect(flow?.delay).toMatchObject({ retransmits: 1 });
    expect(flow?.delay?.connectSeconds).toBeCloseTo(1.012, 6);
    expect(flow?.delay?.lostSeconds).toBeCloseTo(1.01, 6);
    expect(verdict.captures.map(({ role }) => role)).toEqual([
      'overlay',
      'underlay',
      'peer-underlay',
      'peer-overlay',
    ]);
    expect(verdict.witnesses.map(({ kind }) => kind)).toContain('receiver-silence');
  });

  test('wrong at the sender’s NIC and right at the receiver was finished on the way', () => {
    const open = [at(0, tunnelled(syn(), { port: 40001, checksum: 'partial' })), fine[1]!];
    const closed = [
      at(0, tunnelled(syn(), { port: 40001 })),
      at(0.001, backwards(synAck(), { port: 51000 })),
    ];
    const verdict = judge([
      point('node-a/underlay.pcap', open),
      point('node-b/underlay.pcap', closed),
    ]);
    expect(['no-fault', 'double-snat-harmless']).toContain(verdict.verdict);
  });

  test('right at the sender’s NIC and wrong at the receiver was broken on the way, not by a SNAT before', () => {
    const whole = [1, 11, 21].map((sequence, i) =>
      at(i / 10, tunnelled(segment(CLIENT, sequence, 10), { port: 12200 })),
    );
    const broken = [1, 11, 21].map((sequence, i) =>
      at(i / 10, tunnelled(segment(CLIENT, sequence, 10), { port: 12200, madeFor: 37881 })),
    );
    const verdict = judge([
      point('node-a/underlay.pcap', whole),
      point('node-b/underlay.pcap', broken),
    ]);
    expect(verdict.verdict).toBe('other-corruption');
  });
});

describe('a gateway between the nodes', () => {
  const left = at(0, tunnelled(syn(), { port: 37881 }));
  const judgeBoth = (sent: typeof left, arrived: typeof left) =>
    judge([
      capture('node-a/underlay.pcap', [sent], { node: 'node-a' }),
      capture('node-b/underlay.pcap', [arrived], { node: 'node-b' }),
    ]);

  test('that rewrites the port and mends nothing is no second SNAT of the sender', () => {
    const arrived = at(0.001, tunnelled(syn(), { port: 12200, madeFor: 37881 }));
    const verdict = judgeBoth(left, arrived);
    expect(verdict.verdict).toBe('other-corruption');
    expect(verdict.flows[0]?.because).toMatch(/rewritten on the way/);
    // From the receiver's capture alone nobody can tell.
    expect(judgeFrames([arrived]).says).toBe('stale-checksum supported');
  });

  test('that rewrites the port again and mends the difference does not hide the sender’s', () => {
    const sent = at(0, tunnelled(syn(), { port: 12200, madeFor: 37881 }));
    // The mended checksum is as much off as it was: for a port that is off by 37881 - 12200.
    const arrived = at(0.001, tunnelled(syn(), { port: 20000, madeFor: 20000 + 37881 - 12200 }));
    const verdict = judgeBoth(sent, arrived);
    expect(verdict.says).toBe('stale-checksum supported');
    expect(verdict.flows[0]?.outer).toMatchObject({
      sourcePortBefore: 37881,
      sourcePortAfter: 12200,
    });
  });
});

test('with several connections the gravest gives the verdict, and stands first', () => {
  const verdict = judgeFrames([
    at(0, tunnelled(syn(client(50001)), { port: 40001 })),
    at(0.001, backwards(synAck(client(50001)), { port: 51000 })),
    at(1, tunnelled(syn(client(50002)), { port: 12200, madeFor: 37881 })),
    at(2, tunnelled(syn(client(50003)), { port: 40003, checksum: 0 })),
    at(2.001, backwards(synAck(client(50003)), { port: 51003, checksum: 0 })),
  ]);
  expect(verdict.says).toBe('stale-checksum supported');
  expect(verdict.flows.map(({ verdict: name }) => name)).toEqual([
    'stale-checksum',
    'no-fault',
    'no-fault',
  ]);
  expect(verdict.flows[0]?.inner.source).toBe('10.244.0.0:50002');
  expect(verdict.delays).toMatchObject({ count: 3, delayed: 0 });
});

test('a receiver’s counters are a witness only if they grew', () => {
  const frames = [staleThenFine[0]!];
  const links = (address: string) =>
    linksText(`local ${address} dev eth0 srcport 0 0 dstport 8472 udpcsum`, [address]);
  const witnesses = (before: number, after: number) =>
    judge(
      [
        capture('node-a/underlay.pcap', frames, { node: 'node-a' }),
        capture('node-b/underlay.pcap', frames, { node: 'node-b' }),
      ],
      {
        snapshots: [
          snapshot('node-a', { links: links(NODE_A) }),
          snapshot('node-b', {
            links: links(NODE_B),
            before: `UdpInCsumErrors ${before} 0.0`,
            after: `UdpInCsumErrors ${after} 0.0`,
          }),
        ],
      },
    ).witnesses.filter(({ kind }) => kind === 'receiver-counters');
  expect(witnesses(4, 5).map(({ statement }) => statement)).toEqual([
    'UdpInCsumErrors +1 on node-b',
  ]);
  expect(witnesses(4, 4)).toEqual([]);
  // A node that was started again in between counts from 0.
  expect(witnesses(400, 5)).toEqual([]);
});
