/** The faults that look like the bug from far, each told apart, with the sentence for the ticket. */
import { describe, expect, test } from 'vitest';
import type { CaptureInput } from '../../src/analysis/input.js';
import { judge, linksText, snapshot } from '../support/analysis.js';
import { capture, type TimedFrame } from '../support/frames.js';
import { type Bytes, FLAGS, ip, TCP, tcp } from '../support/packet-builder.js';
import {
  at,
  backwards,
  CLIENT,
  client,
  type Inner,
  NODE_A,
  NODE_B,
  type Outer,
  overlay,
  reply,
  segment,
  syn,
  synAck,
  tunnelled,
} from '../support/traffic.js';

const nodes = (a = NODE_A, b = NODE_B) => [
  snapshot('node-a', { links: linksText('local x dev eth0 dstport 4789', [a]) }),
  snapshot('node-b', { links: linksText('local x dev eth0 dstport 4789', [b]) }),
];

/** What passed each of the four points, and other traffic around it: all four were watched. */
function fourPoints(passed: {
  overlayA: TimedFrame[];
  underlayA: TimedFrame[];
  underlayB: TimedFrame[];
  overlayB: TimedFrame[];
}): CaptureInput[] {
  const other = client(50_000);
  const around = (wrap: (inner: Inner) => Bytes, frames: TimedFrame[]) => [
    at(-1, wrap(segment(other, 5, 3))),
    ...frames,
    at(100, wrap(segment(other, 8, 3))),
  ];
  const tunnel = (inner: Inner) => tunnelled(inner, { port: 45_000 });
  return [
    capture('a/overlay', around(overlay, passed.overlayA), { node: 'node-a', layer: 'overlay' }),
    capture('a/underlay', around(tunnel, passed.underlayA), { node: 'node-a', layer: 'underlay' }),
    capture('b/underlay', around(tunnel, passed.underlayB), { node: 'node-b', layer: 'underlay' }),
    capture('b/overlay', around(overlay, passed.overlayB), { node: 'node-b', layer: 'overlay' }),
  ];
}

/** What the report says of the client's connection. */
function told(captures: CaptureInput[], snapshots = nodes()) {
  const verdict = judge(captures, { snapshots });
  const flow = verdict.flows.find(({ inner }) => inner.source.endsWith(`:${CLIENT.sourcePort}`));
  return { verdict: flow?.verdict, lookAlike: flow?.lookAlike ?? '' };
}

const OUTER: Outer = { port: 40_001 };
const first = syn(CLIENT, 1000);
const second = syn(CLIENT, 2000);
const answer = synAck(CLIENT, 2000);
const onA = [at(0, overlay(first)), at(1, overlay(second)), at(1.003, overlay(answer))];
const secondOnly = {
  underlay: [at(1.001, tunnelled(second, OUTER)), at(1.002, backwards(answer, { port: 51_000 }))],
  overlay: [at(1.001, overlay(second)), at(1.002, overlay(answer))],
};

describe('a SYN with a right checksum that is lost', () => {
  test('between the NICs: plain loss, or a hypervisor that takes the port', () => {
    const { verdict, lookAlike } = told(
      fourPoints({
        overlayA: onA,
        underlayA: [at(0, tunnelled(first, OUTER)), ...secondOnly.underlay],
        underlayB: secondOnly.underlay,
        overlayB: secondOnly.overlay,
      }),
    );
    expect(verdict).toBe('inconclusive');
    expect(lookAlike).toMatch(/^1 SYN left the sender's NIC .* did not reach the receiver's/);
    expect(lookAlike).toContain('hypervisor');
  });

  test('every one of them, on a receiver whose capture stays empty', () => {
    const { lookAlike } = told(
      fourPoints({
        overlayA: [at(0, overlay(first)), at(1, overlay(second))],
        underlayA: [at(0, tunnelled(first, OUTER)), at(1, tunnelled(second, OUTER))],
        underlayB: [],
        overlayB: [],
      }),
    );
    expect(lookAlike).toMatch(/^2 SYNs left the sender's NIC .* did not reach the receiver's/);
  });

  test('on the receiver: a firewall, rp_filter, another VNI, no socket', () => {
    const arrived = [at(0, tunnelled(first, OUTER)), ...secondOnly.underlay];
    const { lookAlike } = told(
      fourPoints({
        overlayA: onA,
        underlayA: arrived,
        underlayB: arrived,
        overlayB: secondOnly.overlay,
      }),
    );
    expect(lookAlike).toMatch(/^1 SYN arrived on the receiver's NIC .* never came out/);
    expect(lookAlike).toContain('UdpNoPorts');
  });

  test('on the sender, before its NIC: a conntrack clash', () => {
    const { lookAlike } = told(
      fourPoints({
        overlayA: onA,
        underlayA: secondOnly.underlay,
        underlayB: secondOnly.underlay,
        overlayB: secondOnly.overlay,
      }),
    );
    expect(lookAlike).toMatch(/^1 SYN never left the sender's NIC: .*conntrack/);
  });

  test('with a zero checksum over IPv6, which the receiver does not take', () => {
    const [a, b] = ['fd00::1', 'fd00::2'];
    const zero: Outer = { port: 40_001, source: a, destination: b, checksum: 0 };
    const arrived = [at(0, tunnelled(first, zero)), at(1, tunnelled(second, zero))];
    const { lookAlike } = told(
      fourPoints({
        overlayA: [at(0, overlay(first)), at(1, overlay(second))],
        underlayA: arrived,
        underlayB: arrived,
        overlayB: [],
      }),
      nodes(a, b),
    );
    expect(lookAlike).toContain('udp6zerocsumrx');
  });
});

describe('a SYN that was delivered', () => {
  const delivered = (underlay: TimedFrame[], plain: TimedFrame[]) =>
    told(
      fourPoints({
        overlayA: plain,
        underlayA: underlay,
        underlayB: underlay,
        overlayB: plain,
      }),
    );

  test('and was answered with RST: nothing listens', () => {
    const back = {
      source: CLIENT.destination,
      destination: CLIENT.source,
      sourcePort: CLIENT.destinationPort,
      destinationPort: CLIENT.sourcePort,
    };
    const flags = FLAGS.rst | FLAGS.ack;
    const reset: Inner = checksum =>
      ip({
        ...back,
        protocol: TCP,
        payload: tcp({ ...back, acknowledgment: 78, flags, checksum }),
      });
    const { verdict, lookAlike } = delivered(
      [at(0, tunnelled(first, OUTER)), at(0.001, backwards(reset, { port: 51_000 }))],
      [at(0, overlay(first)), at(0.001, overlay(reset))],
    );
    expect(['no-fault', 'inconclusive']).toContain(verdict);
    expect(lookAlike).toContain('RST');
  });

  test('and was not answered at all: the pod, or a NetworkPolicy', () => {
    const { lookAlike } = delivered([at(0, tunnelled(first, OUTER))], [at(0, overlay(first))]);
    expect(lookAlike).toContain('NetworkPolicy');
  });

  test('while large segments vanish: the MTU', () => {
    const small = [
      at(0, tunnelled(first, OUTER)),
      at(0.001, backwards(synAck(CLIENT, 1000), { port: 51_000 })),
      at(0.002, tunnelled(segment(CLIENT, 78, 0), OUTER)),
    ];
    const large = [1, 2, 3].map(n => at(n, tunnelled(segment(CLIENT, 78, 1400), OUTER)));
    const { lookAlike } = told(
      fourPoints({
        overlayA: [at(0, overlay(first)), at(0.001, overlay(synAck(CLIENT, 1000)))],
        underlayA: [...small, ...large],
        underlayB: small,
        overlayB: [at(0, overlay(first)), at(0.001, overlay(synAck(CLIENT, 1000)))],
      }),
    );
    // 20 bytes of IP and 20 of TCP in front of the 1400.
    expect(lookAlike).toMatch(/^packets up to 1440 bytes left and none above \d\d arrived/);
  });

  test('and went on as it should looks like nothing', () => {
    const { verdict, lookAlike } = delivered(
      [
        at(0, tunnelled(first, OUTER)),
        at(0.001, backwards(synAck(CLIENT, 1000), { port: 51_000 })),
        at(0.002, tunnelled(segment(CLIENT, 78, 31), OUTER)),
        at(0.003, backwards(reply(CLIENT, 100, 300), { port: 51_000 })),
      ],
      [at(0, overlay(first)), at(0.001, overlay(synAck(CLIENT, 1000)))],
    );
    expect({ verdict, lookAlike }).toEqual({ verdict: 'no-fault', lookAlike: '' });
  });
});

test('an inner checksum broken under a right outer one is told by its layer', () => {
  const wrong: Outer = { ...OUTER, innerChecksum: 0x1234 };
  const frames = [at(0, tunnelled(first, wrong)), at(1, tunnelled(second, wrong))];
  const { flows } = judge([capture('underlay.pcap', frames)]);
  // The outer checksum of these was made over the right inner one, so both are wrong here.
  expect(flows[0]?.verdict).toBe('other-corruption');
  expect(flows[0]?.because).toContain('inner checksum');
});
