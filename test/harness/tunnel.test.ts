/** The way between two nodes, from texts in the form that ip(8) and bridge(8) give them on flannel nodes. */
import { describe, expect, it } from 'vitest';
import { findTunnel, knowNetwork } from '../../src/harness/tunnel.js';
import type { Node } from '../../src/node/node.js';

/** A node that answers with these texts; a command that it does not know fails as ip does. */
function nodeThat(name: string, answers: Readonly<Record<string, string>>): Node {
  return {
    name,
    run: async (command, args) => {
      const stdout = answers[[command, ...args].join(' ')];
      return stdout === undefined
        ? { stdout: '', stderr: 'RTNETLINK answers: Network is unreachable\n', exitCode: 2 }
        : { stdout, stderr: '', exitCode: 0 };
    },
    start: () => {
      throw new Error('nothing goes on here');
    },
  };
}

const FLANNEL = {
  'ip -d link': `2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP mode DEFAULT group default qlen 1000
    link/ether 52:54:00:12:34:56 brd ff:ff:ff:ff:ff:ff promiscuity 0 minmtu 68 maxmtu 65535 addrgenmode eui64
4: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN mode DEFAULT group default
    link/ether 5e:11:22:33:44:01 brd ff:ff:ff:ff:ff:ff promiscuity 0 minmtu 68 maxmtu 65535
    vxlan id 1 local 192.0.2.11 dev eth0 srcport 0 0 dstport 8472 nolearning ttl auto ageing 300 udpcsum noudp6zerocsumtx noudp6zerocsumrx addrgenmode eui64
`,
  'ip address': `2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500
    inet 192.0.2.11/24 brd 192.0.2.255 scope global eth0
4: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450
    inet 10.244.0.0/32 scope global flannel.1
`,
  'ip neighbour': `192.0.2.12 dev eth0 lladdr 52:54:00:12:34:57 REACHABLE
10.244.1.0 dev flannel.1 lladdr 5e:11:22:33:44:02 PERMANENT
`,
  'bridge fdb': `33:33:00:00:00:01 dev eth0 self permanent
5e:11:22:33:44:02 dev flannel.1 dst 192.0.2.12 self permanent
`,
  'ip route get 10.244.1.7':
    '10.244.1.7 via 10.244.1.0 dev flannel.1 src 10.244.0.0 uid 0 \n    cache \n',
  'ip route get 10.244.0.9': '10.244.0.9 dev cni0 src 10.244.0.1 uid 0 \n    cache \n',
  'ip route get 192.0.2.12': '192.0.2.12 dev eth0 src 192.0.2.11 uid 0 \n    cache \n',
};

/** With a bond below its device, and the address that datagrams go to on the loopback. */
const PEER = {
  'ip -d link': `7: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN
    link/ether 5e:11:22:33:44:02 brd ff:ff:ff:ff:ff:ff
    vxlan id 1 local 192.0.2.12 srcport 0 0 dstport 8472 nolearning ttl auto ageing 300 udpcsum
8: vxlan.calico: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN
    link/ether 66:11:22:33:44:02 brd ff:ff:ff:ff:ff:ff
    vxlan id 4096 local 192.0.2.12 srcport 0 0 dstport 4789 nolearning ttl auto ageing 300 udpcsum
`,
  'ip address': `1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536
    inet 192.0.2.12/32 scope global lo
3: bond0: <BROADCAST,MULTICAST,MASTER,UP,LOWER_UP> mtu 1500
    inet 198.51.100.12/24 scope global bond0
`,
  'ip neighbour': '',
  'bridge fdb': '',
  'ip route get 192.0.2.11':
    '192.0.2.11 via 198.51.100.1 dev bond0 src 192.0.2.12 uid 0 \n    cache \n',
};

const from = nodeThat('node-1', FLANNEL);
const to = nodeThat('node-2', PEER);
const between = async (client: Node, peer: Node, endpoint = '10.244.1.7') =>
  findTunnel(await knowNetwork(client), await knowNetwork(peer), endpoint);

describe('the tunnel to an endpoint', () => {
  it('is found by route, neighbour and forwarding entry, with the links that carry it', async () => {
    expect(await between(from, to)).toEqual({
      port: 8472,
      vni: 1,
      source: '10.244.0.0',
      from: { overlay: 'flannel.1', underlay: 'eth0', vtep: '192.0.2.11' },
      to: { overlay: 'flannel.1', underlay: 'bond0', vtep: '192.0.2.12' },
      assumptions: [],
    });
  });

  it('is taken to end at the peer, and that is said, where no entry tells', async () => {
    const silent = nodeThat('node-1', { ...FLANNEL, 'bridge fdb': '' });
    const { to: end, assumptions } = await between(silent, to);
    expect(end.vtep).toBe('192.0.2.12');
    expect(assumptions).toEqual([
      'node-1: no fdb entry tells the other end of flannel.1: taken to be 192.0.2.12',
    ]);
  });

  it.each([
    [
      'there is no tunnel on the way',
      '10.244.0.9',
      /reaches 10\.244\.0\.9 through cni0, which is no/,
    ],
    ['there is no way', '10.99.0.1', /node-1: no route to 10\.99\.0\.1: Network is unreachable/],
  ])('is none where %s', async (_, endpoint, message) => {
    await expect(between(from, to, endpoint)).rejects.toThrow(message);
  });

  it('is none to another node than the one that the endpoint is on', async () => {
    const third = nodeThat('node-3', {
      ...PEER,
      'ip address': '2: eth0: <UP> mtu 1500\n    inet 192.0.2.13/24 scope global eth0\n',
    });
    await expect(between(from, third)).rejects.toThrow(
      '10.244.1.7 is behind 192.0.2.12, which is no address of node-3',
    );
  });

  it('is none to a node without the same device', async () => {
    const bare = nodeThat('node-4', { ...PEER, 'ip -d link': '' });
    await expect(between(from, bare)).rejects.toThrow(
      'node-4 has no VXLAN device with the id 1 and port 8472 of flannel.1',
    );
  });
});
