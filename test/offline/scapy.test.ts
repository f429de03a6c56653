/** Datagrams that Scapy built, in files that it wrote: one of each was rewritten from port 40003 to 2222. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_EXIT_POLICY } from '../../src/analysis/exit-code.js';
import { examinePaths } from '../../src/evidence/examine.js';
import { FIXTURES, observeFile } from './support.js';

/** Judged over the bytes that are there, and never called wrong: their length fields say nothing. */
it('BIG TCP is walked to its real end, and never called wrong', async () => {
  const { observation } = await observeFile(`${FIXTURES}big-tcp.pcap`);
  const flow = (port: number) => observation.flows.find(({ sourcePort }) => sourcePort === port);
  // 40 bytes of IPv6 and 20 of TCP in front of the 70,000.
  expect(flow(43001)).toMatchObject({ packets: 2, largestPacket: 70_060, innerMismatch: 0 });
  expect(flow(43000)).toMatchObject({ packets: 1, innerMismatch: 0 });
});

describe.each([
  ['geneve.pcap', 'geneve', 7, 3],
  ['vlan-qinq.pcap', 'vxlan', 1, 3],
  ['ipv6-outer-fragments.pcap', 'vxlan', 1, 2],
])('%s', (name, encapsulation, vni, healthy) => {
  const examine = () =>
    examinePaths([`${FIXTURES}${name}`], { tunnelPorts: [], policy: DEFAULT_EXIT_POLICY });

  it('convicts the stale datagram, and recovers the port that Scapy gave it', async () => {
    const verdict = await examine();
    expect(verdict).toMatchObject({ verdict: 'stale-checksum', grade: 'supported' });
    const [guilty] = verdict.flows;
    expect(guilty?.inner.source).toBe('10.244.0.0:42001');
    expect(guilty?.outer).toMatchObject({
      encapsulation,
      vni,
      sourcePortBefore: 40003,
      sourcePortAfter: 2222,
    });
    expect(guilty?.datagrams).toMatchObject({ total: 1, stale: 1 });
  });

  it('finds the others right', async () => {
    const { flows } = await examine();
    const other = flows.find(({ inner }) => inner.source === '10.244.0.0:42000');
    expect(other?.datagrams).toMatchObject({ total: healthy, valid: healthy });
  });
});
