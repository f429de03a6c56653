/**
 * The way of a connection's first packet through the sender: the inner packet through its hooks, the
 * route into the VXLAN device, and the outer datagram, which keeps the mark (skb_scrub_packet() clears
 * it only where a packet changes its network namespace), through OUTPUT and POSTROUTING.
 */
import type { VxlanDevice } from '../snapshot/links.js';
import type { Network, Route } from '../snapshot/network.js';
import { addressNumber, addressPattern, addressText, familyOf, inPrefix } from './address.js';
import type { RuleBook } from './hook-order.js';
import { passHook } from './hooks.js';
import type { PortRange, Rule } from './model.js';
import { newPacket, type Packet } from './packet.js';
import { addressType, routeTo, selectAddress } from './routing.js';
import { stripVolatile } from './text.js';
import type { Walk } from './walk.js';

export type Source = 'host' | 'pod' | 'external';

export interface Flow {
  readonly from: Source;
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
}

export interface Sender {
  readonly book: RuleBook;
  readonly network: Network;
  /** Ports that the kernel picks from (net.ipv4.ip_local_port_range). */
  readonly localPorts: PortRange;
  /** Where a pod, and a client from outside, would send from. */
  readonly pod: { readonly address: string; readonly device: string } | undefined;
  readonly outside: { readonly address: string; readonly device: string } | undefined;
}

export type Journey =
  | { readonly kind: 'not-tunnelled'; readonly because: string; readonly inner: Packet | undefined }
  | {
      readonly kind: 'tunnelled';
      readonly device: VxlanDevice;
      readonly inner: Packet;
      readonly outer: Packet;
      /** The mark that the outer datagram begins with. */
      readonly carried: number;
      readonly innerBy: Rule | undefined;
      readonly outerBy: Rule | undefined;
      /** The device of the route to the target as it was first asked for. */
      readonly firstDevice: string;
      /** IPVS chose the endpoint, and sent the packet on. */
      readonly byIpvs: boolean;
    };

/** Walks both passes. */
export function walkBothPasses(flow: Flow, sender: Sender, walk: Walk): Journey {
  const started = start(flow, sender);
  if (typeof started === 'string') return notTunnelled(started, undefined);
  const { packet: inner, firstDevice } = started;
  const passed = passInner(flow.from, inner, sender, walk);
  if (typeof passed === 'string') return notTunnelled(passed, inner);
  const device = sender.network.vxlan.find(({ name }) => name === inner.outInterface);
  if (!device) {
    const way = `${inner.destination} is reached through ${inner.outInterface}, which is no VXLAN device`;
    return notTunnelled(way, inner);
  }
  const innerBy = walk.translatedBy;
  const outer = encapsulate(device, inner, sender);
  if (!outer) return notTunnelled(`there is no route for what ${device.name} sends`, inner);
  const carried = outer.mark;
  walk.pass = 'outer';
  walk.translatedBy = undefined;
  const { book, network } = sender;
  if (!passHook('output', book, outer, walk)) return outerDropped(inner, walk);
  const moved = outer.destinationTranslated ? reroute(outer, network) : undefined;
  if (moved !== undefined) return notTunnelled(moved, inner);
  if (!passHook('postrouting', book, outer, walk)) return outerDropped(inner, walk);
  const outerBy = walk.translatedBy;
  const { byIpvs } = passed;
  return {
    kind: 'tunnelled',
    device,
    inner,
    outer,
    carried,
    innerBy,
    outerBy,
    firstDevice,
    byIpvs,
  };
}

function outerDropped(inner: Packet, walk: Walk): Journey {
  return notTunnelled(`the outer datagram: ${droppedBy(walk)}`, inner);
}

/** DNAT has moved the destination, and the kernel asks for a route again (ip_route_me_harder()). */
function reroute(packet: Packet, network: Network): string | undefined {
  const route = routeTo(network, packet.destination);
  if (!route || isDeadEnd(route)) return `the node has no route to ${packet.destination}`;
  packet.outInterface = route.device;
  packet.nextHop = route.gateway ?? packet.destination;
  return undefined;
}

function notTunnelled(because: string, inner: Packet | undefined): Journey {
  return { kind: 'not-tunnelled', because, inner };
}

function start(
  { from, protocol, address, port }: Flow,
  { network, localPorts, pod, outside }: Sender,
): { packet: Packet; firstDevice: string } | string {
  const route = routeTo(network, address);
  const common = {
    family: familyOf(address),
    protocol,
    destination: address,
    destinationPort: port,
    sourcePort: localPorts,
    mark: 0,
    nextHop: address,
  };
  if (from === 'host') {
    if (!route || isDeadEnd(route)) return `the node has no route to ${address}`;
    const hop = route.gateway ?? address;
    const source = route.source ?? selectAddress(network, route.device, hop) ?? (address as string);
    const packet = newPacket({
      ...common,
      source: route.type === 'local' ? address : source,
      inInterface: '',
      outInterface: route.device,
      nextHop: hop,
    });
    return { packet, firstDevice: route.device };
  }
  const client = from === 'pod' ? pod : outside;
  if (!client) return `there is no ${from === 'pod' ? 'pod network' : 'way in'} on this node`;
  const packet = newPacket({
    ...common,
    source: client.address,
    inInterface: client.device,
    outInterface: '',
  });
  return { packet, firstDevice: client.device };
}

function isDeadEnd({ type }: Route): boolean {
  return ['blackhole', 'unreachable', 'prohibit', 'throw'].includes(type);
}

/** All hooks of the inner packet; why it does not leave by a device, if it does not. */
function passInner(
  from: Source,
  inner: Packet,
  { book, network }: Sender,
  walk: Walk,
): string | { readonly byIpvs: boolean } {
  const first = from === 'host' ? 'output' : 'prerouting';
  if (!passHook(first, book, inner, walk)) return droppedBy(walk);
  const byIpvs = balance(inner, network);
  if (!byIpvs && addressType(network, inner.destination) === 'local') {
    return `${inner.destination} is on this node`;
  }
  const dead = reroute(inner, network);
  if (dead !== undefined) return dead;
  if (from !== 'host' && !byIpvs && !passHook('forward', book, inner, walk)) return droppedBy(walk);
  return passHook('postrouting', book, inner, walk) ? { byIpvs } : droppedBy(walk);
}

function droppedBy({ steps, hook }: Walk): string {
  const step = steps.at(-1);
  const how = /dropped|rejected/.exec(step?.effect ?? '')?.[0];
  if (!step || how === undefined) return `the packet is dropped by a chain's policy in ${hook}`;
  return `the packet is ${how} in ${hook} by ${step.chain}: ${stripVolatile(step.rule)}`;
}

/** The device on which kube-proxy in IPVS mode puts the services' addresses. */
export const IPVS_DEVICE = 'kube-ipvs0';

/**
 * IPVS takes packets for its services in LOCAL_OUT and LOCAL_IN, and sends them on to an endpoint
 * through LOCAL_OUT and POSTROUTING. Which endpoints there are is not in the rules, so one behind the
 * tunnel stands for them. False if the packet is not for a service of IPVS.
 */
function balance(inner: Packet, network: Network): boolean {
  const isService = network.addresses.some(
    ({ device, address }) => device === IPVS_DEVICE && address === inner.destination,
  );
  if (!isService) return false;
  const tunnels = network.vxlan.map(({ name }) => name);
  const behind = network.routes.find(
    ({ device, family, type }) =>
      tunnels.includes(device) && family === inner.family && type === 'unicast',
  );
  const [base = '', length = '32'] = behind?.destination.split('/') ?? [];
  const endpoint = length === '32' ? base : neighbourOf(base, Number(length), 2n);
  if (!endpoint) return false;
  inner.destination = endpoint;
  inner.destinationDecided = true;
  return true;
}

/** The outer datagram, as the VXLAN device hands it to ip_local_out(). */
function encapsulate(
  device: VxlanDevice,
  inner: Packet,
  { network, localPorts }: Sender,
): Packet | undefined {
  const peer = peerOf(device, inner.nextHop, network);
  const route = routeTo(network, peer);
  const out = route?.device ?? device.underlay;
  if (out === undefined) return undefined;
  const hop = route?.gateway ?? peer;
  const source = device.local ?? route?.source ?? selectAddress(network, out, hop);
  if (source === undefined) return undefined;
  const { low, high } = device.sourcePorts ?? { low: localPorts.low, high: localPorts.high };
  return newPacket({
    family: familyOf(peer),
    protocol: 'udp',
    source,
    destination: peer,
    // udp_flow_src_port() never takes the last.
    sourcePort: { low, high: Math.max(low, high - 1) },
    destinationPort: device.port,
    mark: inner.mark,
    inInterface: '',
    outInterface: out,
    nextHop: hop,
  });
}

/** The VTEP behind a next hop, from neighbours and forwarding entries; else somebody on the underlay. */
function peerOf(device: VxlanDevice, hop: string, network: Network): string {
  const mac = network.neighbours.get(hop);
  const known = mac === undefined ? undefined : network.vteps.get(mac);
  const family = device.local === undefined ? 'ip' : familyOf(device.local);
  if (known !== undefined && familyOf(known) === family) return known;
  const own = network.addresses.find(({ address }) => address === device.local);
  return (own && neighbourOf(own.address, own.prefixLength)) ?? hop;
}

/** Another address of the same network: the next one, or the one before. */
export function neighbourOf(
  address: string,
  prefixLength: number,
  distance = 1n,
): string | undefined {
  const number = addressNumber(address);
  const pattern = addressPattern(`${address}/${prefixLength}`);
  if (number === undefined || pattern?.kind !== 'prefix') return undefined;
  for (const candidate of [number + distance, number - distance, number + 1n, number - 1n]) {
    const text = addressText(candidate, address.includes(':') ? 6 : 4);
    if (inPrefix(text, pattern)) return text;
  }
  return undefined;
}
