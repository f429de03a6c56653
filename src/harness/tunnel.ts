/** The tunnel between two nodes, as the kernel of each has it: devices, port and id, and the link below. */
import { StalesumError } from '../errors.js';
import type { Node } from '../node/node.js';
import type { VxlanDevice } from '../snapshot/links.js';
import type { Network } from '../snapshot/network.js';
import { parseNetwork } from '../snapshot/read-network.js';

export interface Tunnel {
  /** UDP destination port. */
  readonly port: number;
  readonly vni: number;
  readonly from: TunnelEnd;
  readonly to: TunnelEnd;
  /** The address that connections through it get on the client's node. */
  readonly source: string | undefined;
  /** What was taken for granted; one line each. */
  readonly assumptions: readonly string[];
}

export interface TunnelEnd {
  /** The VXLAN device: `flannel.1`. */
  readonly overlay: string;
  /** The device that carries its datagrams: `eth0`. */
  readonly underlay: string;
  /** The address that it sends them from. */
  readonly vtep: string | undefined;
}

/** A node, and what it says of its network. */
export interface KnownNode {
  readonly node: Node;
  readonly network: Network;
}

export async function knowNetwork(node: Node): Promise<KnownNode> {
  const commands = [
    ['ip', '-d', 'link'],
    ['ip', 'address'],
    ['ip', 'neighbour'],
    ['ip', '-6', 'neighbour'],
    ['bridge', 'fdb'],
  ] as const;
  const texts = await Promise.all(
    commands.map(async ([command, ...args]) => {
      const { stdout } = await node.run(command, args, { mayFail: args[0] === '-6' });
      return stdout;
    }),
  );
  return { node, network: parseNetwork(texts) };
}

export interface Hop {
  readonly device: string;
  readonly gateway: string | undefined;
  readonly source: string | undefined;
}

/** The kernel's own answer to where a packet would go. @throws StalesumError `unavailable` for nowhere */
export async function routeTo(node: Node, address: string): Promise<Hop> {
  // As text, since older releases of ip have no JSON here.
  const { exitCode, stdout, stderr } = await node.run('ip', ['route', 'get', address], {
    mayFail: true,
  });
  const value = (key: string) => new RegExp(`\\b${key} (\\S+)`).exec(stdout)?.[1];
  const device = value('dev');
  if (exitCode !== 0 || device === undefined) {
    const words = stderr.trim().replace(/^RTNETLINK answers: /, '');
    throw new StalesumError('unavailable', `${node.name}: no route to ${address}: ${words}`);
  }
  return { device, gateway: value('via'), source: value('src') };
}

/**
 * The tunnel that leads to an endpoint.
 *
 * @throws StalesumError `usage` if the endpoint is not behind a VXLAN, or not on the node `to`
 */
export async function findTunnel(
  from: KnownNode,
  to: KnownNode,
  endpoint: string,
): Promise<Tunnel> {
  const hop = await routeTo(from.node, endpoint);
  const device = from.network.vxlan.find(({ name }) => name === hop.device);
  if (!device) {
    throw new StalesumError(
      'usage',
      `${from.node.name} reaches ${endpoint} through ${hop.device}, which is no VXLAN device`,
      'the endpoint must be on another node, behind a VXLAN',
    );
  }
  const peer = peerDevice(to, device);
  const known = vtepBehind(from.network, hop, endpoint);
  const vtep = known ?? peer.local;
  if (vtep === undefined) {
    throw new StalesumError(
      'usage',
      `${from.node.name}: where ${device.name} sends packets for ${endpoint} is not known (bridge fdb)`,
    );
  }
  const owns = to.network.addresses.some(({ address }) => address === vtep);
  if (!owns) {
    throw new StalesumError(
      'usage',
      `${endpoint} is behind ${vtep}, which is no address of ${to.node.name}`,
      '--to must be the node that the endpoint is on',
    );
  }
  const below = await routeTo(from.node, vtep);
  const local = device.local ?? below.source;
  const back = local === undefined ? undefined : await routeTo(to.node, local);
  return {
    port: device.port,
    vni: device.vni,
    source: hop.source,
    from: { overlay: device.name, underlay: below.device, vtep: local },
    to: { overlay: peer.name, underlay: underlayOf(back?.device, peer, to, vtep), vtep },
    assumptions:
      known === undefined
        ? [
            `${from.node.name}: no fdb entry tells the other end of ${device.name}: taken to be ${vtep}`,
          ]
        : [],
  };
}

function peerDevice({ node, network }: KnownNode, { vni, port, name }: VxlanDevice): VxlanDevice {
  const peer = network.vxlan.find(device => device.vni === vni && device.port === port);
  if (peer) return peer;
  throw new StalesumError(
    'usage',
    `${node.name} has no VXLAN device with the id ${vni} and port ${port} of ${name}`,
  );
}

/** Through the gateway's MAC, as flannel and Calico set it up, or the endpoint's own. */
function vtepBehind(
  { neighbours, vteps }: Network,
  { gateway }: Hop,
  endpoint: string,
): string | undefined {
  const mac = neighbours.get(gateway ?? endpoint);
  return mac === undefined ? undefined : vteps.get(mac);
}

function underlayOf(
  routed: string | undefined,
  { underlay }: VxlanDevice,
  { network }: KnownNode,
  vtep: string,
): string {
  const holder = network.addresses.find(({ address }) => address === vtep)?.device;
  return routed ?? underlay ?? holder ?? 'any';
}
