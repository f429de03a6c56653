/** Builds the lab's namespaces, links, addresses and routes. */
import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { StalesumError } from '../errors.js';
import type { NetnsNode } from '../node/netns.js';
import { netnsNode } from '../node/netns.js';
import type { Node } from '../node/node.js';
import { ipBatch, ipBatchIn } from './ip.js';
import {
  ABSENT_GATEWAY,
  LAB_NODE_NAMES,
  type LabNodeName,
  NODE_A,
  NODE_B,
  type NodeLayout,
  OVERLAY_MTU,
  WEB,
} from './layout.js';
import type { LabSysctl, Scenario } from './scenario.js';
import { sysctlFile, writeSysctls } from './sysctl.js';

/** Together 10 s, ten times what the kernel may take. */
const BRIDGE_TRIES = 500;
const BRIDGE_PAUSE_MILLISECONDS = 20;

export type LabNodes = Readonly<Record<LabNodeName, NetnsNode>>;

/**
 * Makes the network namespaces and the links between them. Nothing is up yet.
 *
 * @param host Runs commands in the namespaces around the lab.
 * @throws StalesumError `missing-tool` if the kernel lacks a kind of device.
 */
export async function makeNamespaces(host: Node, scenario: Scenario): Promise<LabNodes> {
  await ipBatch(host, [...LAB_NODE_NAMES.map(name => `netns add ${name}`), ...links(scenario)]);
  return {
    'node-a': netnsNode('node-a'),
    'node-b': netnsNode('node-b'),
    web: netnsNode('web'),
    wire: netnsNode('wire'),
  };
}

/** Removes what `makeNamespaces` made, and with the namespaces all that is in them. */
export async function removeNamespaces(host: Node): Promise<void> {
  await ipBatch(
    host,
    LAB_NODE_NAMES.map(name => `netns del ${name}`),
  );
}

/**
 * Sets the links, addresses, routes and offload up as the scenario wants them.
 *
 * @throws StalesumError `missing-tool` if the kernel lacks a kind of device.
 */
export async function buildTopology(
  host: Node,
  nodes: LabNodes,
  scenario: Scenario,
): Promise<void> {
  // A bridge's port is up before its other end is. Coming up the other way round, the port forwards
  // only when the kernel next looks at such links, which is up to a second later.
  await Promise.all([
    ipBatchIn(host, 'wire', wireCommands()),
    ipBatchIn(host, 'node-b', [
      ...bridgeCommands(NODE_B, scenario),
      ...up('veth-web', 'master cni0'),
    ]),
    ...finishChecksums(nodes.wire, scenario),
    ...LAB_NODE_NAMES.map(name => writeSysctls(nodes[name], sysctlsOf(name, scenario))),
  ]);
  await Promise.all([
    ipBatchIn(host, 'node-a', [
      ...bridgeCommands(NODE_A, scenario),
      ...nodeCommands(NODE_A, NODE_B, scenario),
    ]),
    ipBatchIn(host, 'node-b', nodeCommands(NODE_B, NODE_A, scenario)),
    ipBatchIn(host, 'web', webCommands()),
  ]);
  await Promise.all([
    forwardTo(host, NODE_A, NODE_B, scenario),
    forwardTo(host, NODE_B, NODE_A, scenario),
    bridgeForwards(host, 'wire', 'br0', [NODE_A.wirePort, NODE_B.wirePort]),
    bridgeForwards(host, 'node-b', 'cni0', ['veth-web']),
  ]);
}

/** The links between the namespaces. A node's NIC keeps its offload, as a real one does. */
function links(scenario: Scenario): string[] {
  const mtu = overlayMtu(scenario);
  const nic = (node: NodeLayout) =>
    `link add eth0 netns ${node.name} address ${node.mac} type veth` +
    ` peer name ${node.wirePort} netns wire`;
  const pod =
    `link add veth-web netns node-b mtu ${mtu} type veth` + ` peer name eth0 mtu ${mtu} netns web`;
  return [nic(NODE_A), nic(NODE_B), pod];
}

/** A node's NIC, and the CNI's VXLAN device on it. */
function nodeCommands(node: NodeLayout, peer: NodeLayout, scenario: Scenario): string[] {
  const { tunnel, sourcePorts } = scenario.vxlan;
  const range = sourcePorts === undefined ? '' : ` srcport ${sourcePorts.join(' ')}`;
  const local = tunnelAddress(node, scenario);
  const mtu = overlayMtu(scenario);
  return [
    ...up('lo'),
    `addr add ${node.address}/24 dev eth0`,
    ...(local === node.secondaryAddress ? [`addr add ${local}/24 dev eth0`] : []),
    ...(local === node.ipv6Address ? quietIpv6(node, peer) : []),
    ...up('eth0'),
    `route add default via ${ABSENT_GATEWAY} dev eth0`,
    `link add ${tunnel.device} address ${node.overlayMac} mtu ${mtu} type vxlan` +
      ` id ${tunnel.vni} dev eth0 local ${local} dstport ${tunnel.port}` +
      ` nolearning ${checksumFlags(scenario)}${range}`,
    `addr add ${node.overlayAddress}/32 dev ${tunnel.device}`,
    ...up(tunnel.device),
    `route add ${peer.podNetwork} via ${peer.overlayAddress} dev ${tunnel.device} onlink`,
    `neigh add ${peer.overlayAddress} lladdr ${peer.overlayMac} dev ${tunnel.device} nud permanent`,
  ];
}

/** Over IPv6 a zero checksum takes flags of its own, as its receivers drop it otherwise (RFC 6935). */
function checksumFlags({ vxlan: { outerChecksum, underlay } }: Scenario): string {
  return underlay === 'ipv6' && outerChecksum === 'noudpcsum'
    ? 'noudpcsum udp6zerocsumtx udp6zerocsumrx'
    : outerChecksum;
}

/**
 * Gives a node's NIC an IPv6 address, without a word on the wire: nobody looks for duplicates, and
 * without ARP the address joins no group that MLD would report (addrconf_join_solict() in
 * net/ipv6/addrconf.c). So the nodes are told of each other.
 */
function quietIpv6(node: NodeLayout, peer: NodeLayout): string[] {
  return [
    'link set dev eth0 arp off',
    `addr add ${node.ipv6Address}/64 dev eth0 nodad`,
    ...[peer.ipv6Address, peer.address].map(
      address => `neigh add ${address} lladdr ${peer.mac} dev eth0 nud permanent`,
    ),
  ];
}

/** The bridge between a node and its pods, as flannel's CNI plugin makes it. */
function bridgeCommands(node: NodeLayout, scenario: Scenario): string[] {
  return [
    `link add cni0 mtu ${overlayMtu(scenario)} type bridge`,
    `addr add ${node.podGateway}/24 dev cni0`,
    ...up('cni0'),
  ];
}

function webCommands(): string[] {
  return [
    ...up('lo'),
    `addr add ${WEB.address}/24 dev eth0`,
    ...up('eth0'),
    `route add default via ${NODE_B.podGateway}`,
  ];
}

/**
 * With the offload of the wire's ports turned off, a checksum that a node's NIC still owed is finished
 * there, as hardware would do it, and the receiver verifies what arrives.
 */
function finishChecksums(wire: Node, { wireOffload }: Scenario): Promise<unknown>[] {
  return wireOffload === 'on'
    ? []
    : [NODE_A, NODE_B].map(({ wirePort }) => wire.run('ethtool', ['-K', wirePort, 'tx', 'off']));
}

function wireCommands(): string[] {
  return [
    // Without snooping it has nothing to say itself.
    'link add br0 type bridge mcast_snooping 0',
    ...up('br0'),
    ...[NODE_A, NODE_B].flatMap(node => up(node.wirePort, 'master br0')),
  ];
}

/**
 * Without an IPv6 address a link stays quiet: no neighbour discovery gets into the captures. In a
 * command of its own, since in one with `up` the kernel looks at it too late.
 */
function up(link: string, more = ''): string[] {
  const quiet = existsSync('/proc/sys/net/ipv6') ? [`link set dev ${link} addrgenmode none`] : [];
  return [...quiet, `link set dev ${link} ${more} up`];
}

/** What the tunnel's headers leave of the NIC's 1500 bytes. Pods have the same. */
function overlayMtu({ vxlan }: Scenario): number {
  return OVERLAY_MTU[vxlan.underlay];
}

/** The address that a node's VXLAN device sends from and its peer sends to. */
function tunnelAddress(node: NodeLayout, { vxlan }: Scenario): string {
  if (vxlan.underlay === 'ipv6') return node.ipv6Address;
  return vxlan.local === 'secondary' && node === NODE_A ? node.secondaryAddress : node.address;
}

/** Where the VXLAN device sends frames for its peer. This takes bridge(8), not ip(8). */
async function forwardTo(
  host: Node,
  node: NodeLayout,
  peer: NodeLayout,
  scenario: Scenario,
): Promise<void> {
  const to = tunnelAddress(peer, scenario);
  const { device } = scenario.vxlan.tunnel;
  const entry = [peer.overlayMac, 'dst', to, 'dev', device, 'self', 'permanent'];
  await host.run('bridge', ['-n', node.name, 'fdb', 'add', ...entry]);
}

/** Waits until a bridge passes frames; else the first packet of a capture might be lost in it. */
async function bridgeForwards(
  host: Node,
  namespace: LabNodeName,
  bridge: string,
  ports: readonly string[],
): Promise<void> {
  for (let tries = 0; tries < BRIDGE_TRIES; tries++) {
    const { stdout } = await host.run('ip', ['-n', namespace, '-details', '-json', 'link', 'show']);
    const links = JSON.parse(stdout) as readonly IpLink[];
    const link = (name: string) => links.find(({ ifname }) => ifname === name);
    const forwards = (port: string) =>
      link(port)?.linkinfo?.info_slave_data?.state === 'forwarding';
    const itself = link(bridge);
    const sends = itself?.flags.includes('LOWER_UP') && itself.qdisc !== 'noop';
    if (sends && ports.every(forwards)) {
      return;
    }
    await setTimeout(BRIDGE_PAUSE_MILLISECONDS);
  }
  throw new StalesumError('internal', `the bridge ${bridge} in ${namespace} does not forward`);
}

/** What is read here of `ip -details -json link`. */
interface IpLink {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly qdisc: string;
  readonly linkinfo?: { readonly info_slave_data?: { readonly state?: string } };
}

function sysctlsOf(name: LabNodeName, scenario: Scenario): LabSysctl[] {
  const own: Readonly<Record<LabNodeName, readonly LabSysctl[]>> = {
    'node-a': [{ node: name, key: 'net.ipv4.ip_forward', value: '1' }],
    'node-b': [{ node: name, key: 'net.ipv4.ip_forward', value: '1' }],
    web: [],
    // Else iptables would see the bridged datagrams here as well. Without br_netfilter it cannot.
    wire: ['arptables', 'ip6tables', 'iptables']
      .map(tables => ({ node: name, key: `net.bridge.bridge-nf-call-${tables}`, value: '0' }))
      .filter(({ key }) => existsSync(sysctlFile(key))),
  };
  return [...own[name], ...scenario.sysctls.filter(({ node }) => node === name)];
}
