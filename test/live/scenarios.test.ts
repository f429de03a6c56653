import { release } from 'node:os';
import { beforeAll, describe, expect, it } from 'vitest';
import { leavesZeroAlone } from '../../src/rules/kernel.js';
import { DNS, type Measured, measure, modulo, packets, portOf, syns } from '../lab/measure.js';
import { describeLive, refusal } from './require-live.js';

const MASQUERADE = '-j MASQUERADE --random-fully';

/** What every guise of the bug has in common, where a retransmit from another port saves TCP. */
function showsTheBug(shown: () => Measured): void {
  it('rewrites the port of the first datagram and of no later one', () => {
    const [first, ...later] = shown().bindings;
    expect(first!.after).not.toBe(first!.before);
    expect(shown().arrived[0]!.sourcePort).toBe(first!.after);
    expect(later.length).toBeGreaterThanOrEqual(1);
    expect(later.every(({ before, after }) => before === after)).toBe(true);
  });

  it('connects by a retransmit, and only the first SYN is wrong on arrival', () => {
    const { connections, arrived, sent, delivered } = shown();
    expect(connections[0]!.result).toBe('connected');
    expect(arrived.map(({ checksum }) => checksum.state).lastIndexOf('bad')).toBe(0);
    expect(arrived).toHaveLength(sent.length);
    const syn = arrived.filter(({ flags }) => flags === 'S');
    expect(syns(delivered)).toBe(syn.length - 1);
    expect(shown().grown('node-a TcpRetransSegs')).toBe(syn.length - 1);
  });
}

describeLive('scenarios that have the bug', () => {
  describe('unpatched', () => {
    let shown: Measured;
    beforeAll(async () => {
      shown = await measure('unpatched', { tap: true }, { tap: true });
    });
    showsTheBug(() => shown);

    it('has a checksum that is right for the port before', () => {
      expect(portOf(shown.arrived[0]!)).toBe(shown.bindings[0]!.before);
      expect(shown.arrived[0]!.innerChecksum.state).toBe('ok');
    });

    it('shows the tap each datagram of node A before NAT, under the checksum it has after', () => {
      expect(shown.tapped.map(({ flow, flags }) => [flow, flags])).toEqual(
        shown.sent.map(({ flow, flags }) => [flow, flags]),
      );
      expect(shown.tapped[0]!.sourcePort).toBe(shown.bindings[0]!.before);
      expect(shown.sent[0]!.sourcePort).toBe(shown.bindings[0]!.after);
      const stored = ({ tapped, sent }: Measured) =>
        [tapped[0]!, sent[0]!].map(({ checksum }) => checksum.state === 'bad' && checksum.stored);
      expect(new Set(stored(shown)).size).toBe(1);
    });

    it('is not changed by the tap: masqueraded twice', () => {
      expect(packets(shown.rules['node-a'], MASQUERADE)).toBe(2);
    });
  });

  describe('emulated-pre-5.7', () => {
    let shown: Measured;
    beforeAll(async () => {
      shown = await measure('emulated-pre-5.7');
    });
    showsTheBug(() => shown);

    it('turns the zero checksum of the first datagram into 0xffff, and of no other', () => {
      const [first, ...later] = shown.arrived;
      expect(first!.checksum).toMatchObject({ state: 'bad', stored: 0xffff });
      expect(new Set(later.map(({ checksum }) => checksum.state))).toEqual(new Set(['none']));
      expect(shown.grown('node-b UdpInCsumErrors')).toBe(1);
    });
  });

  describe('ipv6-underlay', () => {
    let shown: Measured;
    beforeAll(async () => {
      shown = await measure('ipv6-underlay', { tap: true }, { tap: true });
    });
    showsTheBug(() => shown);

    it('has a checksum that is right for the port before', () => {
      expect(shown.arrived[0]!.source).toBe('fd00:50::1');
      expect(portOf(shown.arrived[0]!)).toBe(shown.bindings[0]!.before);
    });

    it('is masqueraded by iptables, and then by ip6tables', () => {
      expect(packets(shown.rules['node-a'], MASQUERADE)).toBe(1);
      expect(packets(shown.ipv6Rules, MASQUERADE)).toBe(1);
    });

    it('counts for IPv6 alone', () => {
      expect(shown.grown('node-b Udp6InCsumErrors')).toBe(1);
      expect(shown.grown('node-b UdpInCsumErrors')).toBe(0);
    });

    it('is tapped as well', () => {
      expect(shown.tapped).toHaveLength(shown.sent.length);
      expect(shown.tapped[0]!.sourcePort).toBe(shown.bindings[0]!.before);
    });

    it('is quiet: no neighbour discovery, no multicast listener report', () => {
      expect(shown.noise.trim()).toBe('');
    });
  });

  describe('secondary-address', () => {
    let shown: Measured;
    beforeAll(async () => {
      shown = await measure('secondary-address');
    });
    showsTheBug(() => shown);

    it('changes the address as well, and later datagrams keep theirs', () => {
      const [first, ...later] = shown.bindings;
      expect(first).toMatchObject({ source: '192.168.50.11', newSource: '192.168.50.1' });
      expect(new Set(later.map(({ newSource }) => newSource))).toEqual(new Set(['192.168.50.11']));
      expect(shown.arrived[0]!.source).toBe('192.168.50.1');
    });

    it('has a checksum that tells the port before, once the address is counted twice', () => {
      const moved = 0x3201 - 0x320b;
      expect(modulo(portOf(shown.arrived[0]!) + 2 * moved)).toBe(shown.bindings[0]!.before);
      expect(shown.grown('node-b UdpInCsumErrors')).toBe(1);
    });
  });

  describe('invalid-dropped-first', () => {
    let shown: Measured;
    beforeAll(async () => {
      shown = await measure('invalid-dropped-first');
    });
    showsTheBug(() => shown);

    it('has a checksum that is right for the port before', () => {
      expect(portOf(shown.arrived[0]!)).toBe(shown.bindings[0]!.before);
    });

    it("leaves UDP's counters alone; conntrack and the rule count instead", () => {
      expect(shown.grown('node-b UdpInCsumErrors')).toBe(0);
      expect(shown.grown('node-b UdpInErrors')).toBe(0);
      expect(shown.grown('node-b conntrack invalid')).toBe(1);
      const rule = '-A INPUT -m conntrack --ctstate INVALID -j DROP';
      expect(packets(shown.rules['node-b'], rule)).toBe(1);
    });
  });

  describe('udp-dns', () => {
    let shown: Measured;
    beforeAll(async () => {
      shown = await measure('udp-dns', DNS);
    });

    it('loses each query of a socket, from one outer port and under one checksum', () => {
      expect(shown.connections[0]!.answers).toBe(0);
      expect(shown.arrived).toHaveLength(3);
      expect(new Set(shown.arrived.map(({ sourcePort }) => sourcePort)).size).toBe(1);
      expect(new Set(shown.arrived.map(portOf))).toEqual(new Set([shown.bindings[0]!.before]));
      expect(shown.bindings).toHaveLength(1);
      expect(shown.decapsulated.trim()).toBe('');
      expect(shown.grown('node-b UdpInCsumErrors')).toBe(3);
    });
  });

  describe('veth-offload-on', () => {
    let shown: Measured;
    beforeAll(async () => {
      shown = await measure('veth-offload-on');
    });

    it('loses nothing', () => {
      expect(shown.connections[0]!.result).toBe('connected');
      expect(shown.grown('node-a TcpRetransSegs')).toBe(0);
      expect(shown.grown('node-b UdpInCsumErrors')).toBe(0);
    });

    it('rewrites the port all the same, under a checksum of the port before', () => {
      const [first] = shown.arrived;
      const { checksum, innerChecksum } = first!;
      if (checksum.state !== 'bad' || innerChecksum.state !== 'bad') {
        throw new Error('both should be unfinished');
      }
      // Finishing the inner checksum adds to the outer sum what it takes off the outer checksum.
      const due = checksum.due - (innerChecksum.due - innerChecksum.stored);
      const [{ before, after } = { before: 0, after: 0 }] = shown.bindings;
      expect(before).not.toBe(after);
      expect(portOf({ ...first!, checksum: { ...checksum, due } })).toBe(before);
    });
  });
});

const tooOld = leavesZeroAlone(release())
  ? undefined
  : `Linux ${release()} mangles a zero checksum`;

describeLive(
  'unpatched-zero-checksum',
  () => {
    it('rewrites the port, leaves the zero alone, and loses nothing', async () => {
      const shown = await measure('unpatched-zero-checksum');
      expect(shown.bindings[0]!.after).not.toBe(shown.bindings[0]!.before);
      expect(shown.arrived[0]!.sourcePort).toBe(shown.bindings[0]!.after);
      expect(new Set(shown.arrived.map(({ checksum }) => checksum.state))).toEqual(
        new Set(['none']),
      );
      expect(shown.connections[0]!.result).toBe('connected');
      expect(shown.grown('node-a TcpRetransSegs')).toBe(0);
      expect(shown.grown('node-b UdpInErrors')).toBe(0);
    });
  },
  refusal ?? tooOld,
);
