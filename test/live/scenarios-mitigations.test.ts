import { beforeAll, describe, expect, it } from 'vitest';
import { DNS, type Measured, measure, packets, portOf } from '../lab/measure.js';
import { describeLive } from './require-live.js';

const MASQUERADE = '-j MASQUERADE --random-fully';

function losesNothing({ connections, arrived, grown }: Measured): void {
  expect(connections[0]!.result).toMatch(/^(connected|answered)$/);
  expect(arrived.length).toBeGreaterThanOrEqual(3);
  expect(new Set(arrived.map(({ checksum }) => checksum.state))).toEqual(new Set(['ok']));
  expect(grown('node-a TcpRetransSegs')).toBe(0);
  expect(grown('node-b UdpInErrors')).toBe(0);
}

function isRewritten({ bindings: [first], arrived }: Measured): boolean {
  expect(arrived[0]!.sourcePort).toBe(first!.after);
  return first!.before !== first!.after;
}

describeLive('scenarios of mitigations', () => {
  it.each([
    ['tcp', {}],
    ['udp', DNS],
  ])('kube-proxy-patched: masquerades once, rewrites no port (%s)', async (_, attempt) => {
    const shown = await measure('kube-proxy-patched', attempt);
    losesNothing(shown);
    expect(isRewritten(shown)).toBe(false);
    expect(packets(shown.rules['node-a'], MASQUERADE)).toBe(1);
  });

  it('no-random-fully: masquerades twice, and the port stays', async () => {
    const shown = await measure('no-random-fully');
    losesNothing(shown);
    expect(isRewritten(shown)).toBe(false);
    const rule = '--mark 0x4000/0x4000 -j MASQUERADE';
    expect(packets(shown.rules['node-a'], rule)).toBe(2);
  });

  it.each([
    ['tcp', {}],
    ['udp', DNS],
  ])('vxlan-tx-offload-off: rewrites the port, and mends the checksum (%s)', async (_, attempt) => {
    const shown = await measure('vxlan-tx-offload-off', attempt);
    losesNothing(shown);
    expect(isRewritten(shown)).toBe(true);
  });

  describe('nic-offload-off', () => {
    let tcp: Measured;
    let dns: Measured;
    beforeAll(async () => {
      tcp = await measure('nic-offload-off');
      dns = await measure('nic-offload-off', DNS);
    });

    it('leaves TCP broken: stale, and lost', () => {
      expect(isRewritten(tcp)).toBe(true);
      expect(portOf(tcp.arrived[0]!)).toBe(tcp.bindings[0]!.before);
      expect(tcp.grown('node-b UdpInCsumErrors')).toBe(1);
      expect(tcp.grown('node-a TcpRetransSegs')).toBe(1);
    });

    it("has the node's NIC finish the checksums in software: what left is what arrived", () => {
      expect(tcp.sent.map(({ innerChecksum }) => innerChecksum.state)).toEqual(
        tcp.sent.map(() => 'ok'),
      );
      expect(tcp.sent.map(({ checksum }) => checksum)).toEqual(
        tcp.arrived.map(({ checksum }) => checksum),
      );
    });

    it('cures DNS: rewritten, and the checksum mended', () => {
      losesNothing(dns);
      expect(dns.connections[0]!.answers).toBe(3);
      expect(isRewritten(dns)).toBe(true);
    });
  });

  it('notrack: conntrack knows nothing of the tunnel, nat masquerades only inside', async () => {
    const shown = await measure('notrack');
    losesNothing(shown);
    expect(shown.bindings).toEqual([]);
    expect(packets(shown.rules['node-a'], MASQUERADE)).toBe(1);
  });

  it('pod-ip-direct: nothing is masqueraded', async () => {
    const shown = await measure('pod-ip-direct', { address: '10.244.1.2', port: 8080 });
    losesNothing(shown);
    expect(isRewritten(shown)).toBe(false);
    expect(packets(shown.rules['node-a'], MASQUERADE)).toBe(0);
  });
});
