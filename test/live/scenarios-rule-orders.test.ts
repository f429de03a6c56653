import { describe, expect, it } from 'vitest';
import { DNS, type Measured, measure, packets, portOf, syns } from '../lab/measure.js';
import { describeLive } from './require-live.js';

const CALICO = { device: 'vxlan.calico', tunnelPort: 4789 };

const KUBE_PROXY =
  '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully';

/** The second SNAT draws a port, and the checksum that arrives is still right for the one before. */
function hasTheBug({ bindings: [first], arrived, grown }: Measured, udp = 'Udp'): void {
  expect(first!.after).not.toBe(first!.before);
  expect(arrived[0]!.sourcePort).toBe(first!.after);
  expect(arrived[0]!.checksum.state).toBe('bad');
  expect(portOf(arrived[0]!)).toBe(first!.before);
  expect(arrived[0]!.innerChecksum.state).toBe('ok');
  expect(grown(`node-b ${udp}InCsumErrors`)).toBeGreaterThanOrEqual(1);
}

function losesTheFirstSyn(shown: Measured, udp = 'Udp'): void {
  hasTheBug(shown, udp);
  expect(shown.connections[0]!.result).toBe('connected');
  expect(syns(shown.delivered)).toBe(shown.arrived.filter(({ flags }) => flags === 'S').length - 1);
}

function losesNothing({ connections, bindings, arrived, grown }: Measured): void {
  expect(connections[0]!.result).toMatch(/^(connected|answered)$/);
  expect(bindings.every(({ before, after }) => before === after)).toBe(true);
  expect(new Set(arrived.map(({ checksum }) => checksum.state))).toEqual(new Set(['ok']));
  expect(grown('node-a TcpRetransSegs')).toBe(0);
  expect(grown('node-b UdpInErrors')).toBe(0);
}

describeLive('scenarios of rule order', () => {
  describe('flannel beside a patched kube-proxy', () => {
    const flannels =
      '! -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully';

    it("cni-masquerade-first: flannel has the inner packet, kube-proxy's rule the datagram", async () => {
      const shown = await measure('cni-masquerade-first');
      losesTheFirstSyn(shown);
      expect(packets(shown.rules['node-a'], flannels)).toBe(1);
      expect(packets(shown.rules['node-a'], KUBE_PROXY)).toBe(1);
    });

    it('cni-masquerade-first: every query is lost', async () => {
      const shown = await measure('cni-masquerade-first', DNS);
      hasTheBug(shown);
      expect(shown.connections[0]!.answers).toBe(0);
    });

    it('cni-return-first: flannel returns what is marked, and kube-proxy masquerades once', async () => {
      const shown = await measure('cni-return-first');
      losesNothing(shown);
      const returned =
        '-m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN';
      expect(packets(shown.rules['node-a'], returned)).toBe(1);
      expect(packets(shown.rules['node-a'], flannels)).toBe(0);
      expect(packets(shown.rules['node-a'], KUBE_PROXY)).toBe(1);
    });
  });

  it('stale-rules: the rule in front masquerades both, those behind it nothing', async () => {
    const shown = await measure('stale-rules');
    losesTheFirstSyn(shown);
    const stale = '-m mark --mark 0x4000/0x4000 -j MASQUERADE --random-fully';
    expect(packets(shown.rules['node-a'], stale)).toBe(2);
    expect(packets(shown.rules['node-a'], KUBE_PROXY)).toBe(0);
  });

  describe('nftables mode', () => {
    it('nftables-unpatched: the bug is not one of iptables', async () => {
      losesTheFirstSyn(await measure('nftables-unpatched'));
    });

    it('nftables-patched: the mark is taken off', async () => {
      losesNothing(await measure('nftables-patched'));
      losesNothing(await measure('nftables-patched', DNS));
    });

    it('the same tables in another order of registration are another outcome', async () => {
      const after = await measure('nftables-cni-after');
      const before = await measure('nftables-cni-before');
      losesTheFirstSyn(after);
      losesNothing(before);
      const text = ({ rules }: Measured) => rules['node-a'].replace(/\[\d+:\d+\]|^#.*/gm, '');
      expect(text(after)).toBe(text(before));
    });
  });

  describe("Calico's own masquerade", () => {
    const calicos =
      '-m addrtype ! --src-type LOCAL --limit-iface-out -m addrtype --src-type LOCAL -j MASQUERADE --random-fully';

    it('calico-masquerade-first: the packet leaves with the mark of kube-proxy', async () => {
      const shown = await measure('calico-masquerade-first', CALICO);
      losesTheFirstSyn(shown);
      expect(packets(shown.rules['node-a'], calicos)).toBe(1);
      expect(packets(shown.rules['node-a'], KUBE_PROXY)).toBe(1);
    });

    it('calico-masquerade-behind: kube-proxy was there before', async () => {
      const shown = await measure('calico-masquerade-behind', CALICO);
      losesNothing(shown);
      expect(packets(shown.rules['node-a'], calicos)).toBe(0);
      expect(packets(shown.rules['node-a'], KUBE_PROXY)).toBe(1);
    });
  });

  it('over IPv6 iptables has the inner packet, and ip6tables the datagram', async () => {
    const shown = await measure('cni-masquerade-first-ipv6');
    losesTheFirstSyn(shown, 'Udp6');
    expect(shown.arrived[0]!.source).toBe('fd00:50::1');
    expect(packets(shown.rules['node-a'], KUBE_PROXY)).toBe(0);
    expect(packets(shown.ipv6Rules, KUBE_PROXY)).toBe(1);
  });

  it('unpatched-zero-checksum-ipv6: zero is sent and taken, and the port rewritten', async () => {
    const shown = await measure('unpatched-zero-checksum-ipv6');
    const [first] = shown.bindings;
    expect(first!.after).not.toBe(first!.before);
    // tcpdump has a zero over IPv6 for a wrong checksum.
    for (const { checksum } of shown.arrived) expect(checksum).toMatchObject({ stored: 0 });
    expect(shown.connections[0]!.result).toBe('connected');
    expect(shown.grown('node-b Udp6InErrors')).toBe(0);
  });
});
