/** Links as iproute2 6.1 prints them: blocks copied from `ip -d link` and `ip address` of a real kernel. */
import { describe, expect, test } from 'vitest';
import { parseLinks } from '../../src/snapshot/links.js';
import { recordings } from '../support/recordings.js';

const COMMON =
  'addrgenmode eui64 numtxqueues 1 numrxqueues 1 gso_max_size 65536 gso_max_segs 65535 ';

function device(index: number, name: string, details: string): string {
  return [
    `${index}: ${name}: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN mode DEFAULT group default qlen 1000`,
    '    link/ether 1a:d3:62:ca:3a:73 brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 ',
    `    ${details} ${COMMON}`,
    '',
  ].join('\n');
}

const only = (details: string) => parseLinks(device(2, 'vxlan.1', details)).vxlan[0];

describe('a VXLAN device', () => {
  test('with everything given is read in full', () => {
    const text = device(
      2,
      'flannel.1',
      'vxlan id 1 local 192.168.50.1 dev eth0 srcport 50000 50001 dstport 8472 nolearning ttl auto ageing 300 udpcsum noudp6zerocsumtx noudp6zerocsumrx',
    );
    expect(parseLinks(text).vxlan).toEqual([
      {
        name: 'flannel.1',
        vni: 1,
        port: 8472,
        local: '192.168.50.1',
        underlay: 'eth0',
        sourcePorts: { low: 50000, high: 50001 },
        udpChecksum: true,
        udp6ZeroChecksumTx: false,
        udp6ZeroChecksumRx: false,
      },
    ]);
  });

  test('over IPv6 has a local address of that family and its own zero-checksum flags', () => {
    expect(
      only(
        'vxlan id 7 local fd00::1 srcport 1000 2000 dstport 4789 ttl auto ageing 300 udpcsum udp6zerocsumtx udp6zerocsumrx',
      ),
    ).toMatchObject({
      vni: 7,
      port: 4789,
      local: 'fd00::1',
      underlay: undefined,
      sourcePorts: { low: 1000, high: 2000 },
      udp6ZeroChecksumTx: true,
      udp6ZeroChecksumRx: true,
    });
    expect(only('vxlan id 7 local6 fd00::1 dstport 4789 udpcsum')).toMatchObject({
      local: 'fd00::1',
    });
  });

  test('without a range of its own takes its ports from the system: srcport 0 0', () => {
    expect(only('vxlan id 9 remote 10.0.0.1 srcport 0 0 dstport 8472 noudpcsum')).toMatchObject({
      sourcePorts: undefined,
      udpChecksum: false,
    });
  });

  test('with an empty range takes them from the system too: udp_flow_src_port() needs min < max', () => {
    // `ip link add ve type vxlan id 10 dstport 8472 srcport 50000 50000` is accepted, and prints this.
    expect(only('vxlan id 10 srcport 50000 50000 dstport 8472 udpcsum')).toMatchObject({
      sourcePorts: undefined,
    });
  });

  test('whose checksum flags are not printed has none known', () => {
    expect(only('vxlan id 9 srcport 0 0 dstport 8472')).toMatchObject({
      udpChecksum: undefined,
      udp6ZeroChecksumTx: undefined,
      udp6ZeroChecksumRx: undefined,
    });
  });

  test('that is external (as Cilium’s) has VNI 0', () => {
    expect(
      only('vxlan external id 0 srcport 0 0 dstport 8472 nolearning ttl auto udpcsum'),
    ).toMatchObject({
      vni: 0,
      port: 8472,
    });
  });
});

test('several VXLAN devices are all found, by their own names', () => {
  const text = [
    device(2, 'flannel.1', 'vxlan id 1 local 10.0.0.1 dev eth0 srcport 0 0 dstport 8472 udpcsum'),
    device(3, 'eth0@if9', 'veth'),
    device(
      4,
      'vxlan.calico',
      'vxlan id 4096 local 10.0.0.1 dev eth0 srcport 0 0 dstport 4789 noudpcsum',
    ),
  ].join('');
  const { vxlan, kinds } = parseLinks(text);
  expect(vxlan.map(({ name, vni, port, udpChecksum }) => [name, vni, port, udpChecksum])).toEqual([
    ['flannel.1', 1, 8472, true],
    ['vxlan.calico', 4096, 4789, false],
  ]);
  expect([...kinds]).toEqual([
    ['flannel.1', 'vxlan'],
    ['eth0', 'veth'],
    ['vxlan.calico', 'vxlan'],
  ]);
});

test('a device named twice, by `ip -d link` and by `ip address`, is one device', () => {
  const text = [
    device(2, 'vxlan.1', 'vxlan id 1 local 10.0.0.1 dev eth0 srcport 0 0 dstport 8472 udpcsum'),
    '2: vxlan.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN\n',
    '    link/ether 0a:aa:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n',
    '    inet 10.244.0.0/32 scope global vxlan.1\n       valid_lft forever preferred_lft forever\n',
  ].join('');
  const { vxlan, addresses } = parseLinks(text);
  expect(vxlan).toHaveLength(1);
  expect(vxlan[0]?.udpChecksum).toBe(true);
  expect([...addresses]).toEqual(['10.244.0.0']);
});

test('the node’s addresses are all there: secondary ones, peers’ local ends, IPv6', () => {
  const text = [
    '7: v0@v1: <NO-CARRIER,BROADCAST,MULTICAST,UP,M-DOWN> mtu 1500 qdisc noqueue state LOWERLAYERDOWN group default qlen 1000',
    '    link/ether 8e:0a:9e:ec:b6:da brd ff:ff:ff:ff:ff:ff',
    '    inet 10.9.8.7/24 scope global v0',
    '       valid_lft forever preferred_lft forever',
    '    inet 10.9.8.8/24 scope global secondary v0',
    '       valid_lft forever preferred_lft forever',
    '    inet 10.1.1.1 peer 10.1.1.2/32 scope global v0',
    '       valid_lft forever preferred_lft forever',
    '    inet6 fd00::9/64 scope global tentative ',
    '       valid_lft forever preferred_lft forever',
    'default via 10.9.8.1 dev v0 ',
    '10.9.8.0/24 dev v0 proto kernel scope link src 10.9.8.7 ',
    '10.9.8.99 dev v0 lladdr 02:bb:00:00:00:01 REACHABLE ',
  ].join('\n');
  expect([...parseLinks(text).addresses]).toEqual(['10.9.8.7', '10.9.8.8', '10.1.1.1', 'fd00::9']);
});

test('a text without links has none', () => {
  for (const text of [
    '',
    '# not read: ip: there is no such command\n',
    'vxlan id 1 dstport 8472\n',
  ]) {
    expect(parseLinks(text)).toEqual({ vxlan: [], addresses: new Set(), kinds: new Map() });
  }
});

test.each(
  recordings.map(({ name, text }) => [name, text] as const),
)('the device of %s is the one that its folder’s name promises', (name, text) => {
  for (const [node, local] of [
    ['node-a', '192.168.50.1'],
    ['node-b', '192.168.50.2'],
  ] as const) {
    const { vxlan, addresses, kinds } = parseLinks(text(node, 'ip.txt'));
    expect(vxlan).toHaveLength(1);
    expect(vxlan[0]).toMatchObject({
      name: 'vxlan.1',
      vni: 1,
      port: 8472,
      local,
      underlay: 'eth0',
      udpChecksum: name.includes('udpcsum'),
      udp6ZeroChecksumTx: false,
      udp6ZeroChecksumRx: false,
      sourcePorts: name.includes('fixed-port') ? { low: 50000, high: 50001 } : undefined,
    });
    expect(addresses).toContain(local);
    expect(kinds.get('eth0')).toBe('veth');
  }
});

test('a hostile text of 1 MB is read in no time', () => {
  const began = performance.now();
  for (const piece of ['\n', ' ', '\t\n', '1: ', '1: a: \n', ' vxlan id ', '\n    inet ']) {
    parseLinks(`1: lo: <>\n${piece.repeat(1_000_000 / piece.length)}`);
  }
  // A quadratic search takes minutes for these.
  expect(performance.now() - began).toBeLessThan(5000);
});
