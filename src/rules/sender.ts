/**
 * The sender that packets start from: what was read of its network, and where something was not read,
 * what a flannel node usually has. Each such stand-in is said, since an answer may hang on it.
 */
import type { VxlanDevice } from '../snapshot/links.js';
import type { Network, Route } from '../snapshot/network.js';
import type { Sysctls } from '../snapshot/sysctl.js';
import { addressPattern, familyOf } from './address.js';
import type { RuleBook } from './hook-order.js';
import type { Pattern, PortRange, Rule, Ruleset, Statement } from './model.js';
import { IPVS_DEVICE, neighbourOf, type Sender } from './two-passes.js';

export interface SenderFacts {
  readonly book: RuleBook;
  readonly network: Network;
  readonly sysctls: Sysctls | undefined;
  /** The address that is asked for: on a node whose addresses were not saved it may be its own. */
  readonly target: string | undefined;
}

export interface KnownSender extends Sender {
  /** What was taken for granted. */
  readonly assumptions: readonly string[];
}

const VXLAN_NAME = /^(flannel(-v6)?\.\d+|vxlan[\w.-]*|[\w.-]*[._-]vxlan)$/;
const NIC_NAME = /^(eth|en|bond|wl)\w*$/;

/** Linux' default for net.ipv4.ip_local_port_range. */
const LOCAL_PORTS: PortRange = { low: 32768, high: 60999 };

export function senderFrom(facts: SenderFacts): KnownSender {
  const assumptions: string[] = [];
  const network = completeNetwork(facts, assumptions);
  if (network.addresses.some(({ device }) => device === IPVS_DEVICE)) {
    assumptions.push(
      'IPVS is taken to choose an endpoint behind the tunnel: name a service by --target',
    );
  }
  return {
    book: facts.book,
    network,
    localPorts: localPorts(facts.sysctls),
    pod: podOn(network) ?? assumedPod(assumptions, facts),
    outside: outsideOf(network),
    assumptions,
  };
}

function localPorts(sysctls: Sysctls | undefined): PortRange {
  const [low, high] = (sysctls?.get('net.ipv4.ip_local_port_range') ?? '').split(/\s+/).map(Number);
  return low && high && low <= high ? { low, high } : LOCAL_PORTS;
}

function completeNetwork(facts: SenderFacts, assumptions: string[]): Network {
  const { network, book } = facts;
  const all = network.routes.length > 0 && network.addresses.length > 0;
  if (all && network.vxlan.length > 0) return network;
  const names = interfaceNames(book.ruleset);
  const nic = names.find(name => NIC_NAME.test(name)) ?? 'eth0';
  const own = ownAddress(facts);
  const vxlan = vxlanDevices(network, names, nic, own, assumptions);
  if (all) return { ...network, vxlan };
  const device = vxlan[0];
  if (!device) return network;
  const cluster = clusterNetwork(book.ruleset);
  const overlay = network.addresses.find(address => address.device === device.name);
  const base = overlay?.address ?? cluster.split('/')[0] ?? '10.244.0.0';
  const addresses =
    network.addresses.length > 0
      ? network.addresses
      : [
          { device: nic, address: own, prefixLength: 24, scope: 'global', secondary: false },
          {
            device: device.name,
            address: base,
            prefixLength: 32,
            scope: 'global',
            secondary: false,
          },
        ];
  assumptions.push(
    `routes and addresses were not saved: every endpoint in ${cluster} is taken to be on another node, reached through ${device.name}`,
  );
  const routes =
    network.routes.length > 0 ? network.routes : assumedRoutes(nic, device, cluster, base);
  return { ...network, vxlan, addresses, routes };
}

function vxlanDevices(
  network: Network,
  names: readonly string[],
  nic: string,
  own: string,
  assumptions: string[],
): readonly VxlanDevice[] {
  if (network.vxlan.length > 0) return network.vxlan;
  const routed = network.routes.map(({ device }) => device).find(name => VXLAN_NAME.test(name));
  // Links were saved, and there is none.
  if (network.addresses.length > 0 && routed === undefined) return [];
  const name = routed ?? names.find(candidate => VXLAN_NAME.test(candidate)) ?? 'flannel.1';
  assumptions.push(`the VXLAN device was not saved: taken to be ${name} with udpcsum, over ${nic}`);
  return [
    {
      name,
      vni: 1,
      port: 8472,
      local: network.addresses.length > 0 ? undefined : own,
      underlay: nic,
      sourcePorts: undefined,
      udpChecksum: true,
      udp6ZeroChecksumTx: false,
      udp6ZeroChecksumRx: false,
    },
  ];
}

function assumedRoutes(nic: string, { name }: VxlanDevice, cluster: string, base: string): Route[] {
  const route = (destination: string, device: string, gateway?: string): Route => ({
    destination,
    family: 'ip',
    device,
    gateway,
    source: undefined,
    type: 'unicast',
    metric: 0,
    table: 'main',
  });
  return [route('default', nic, '192.0.2.254'), route(cluster, name, base)];
}

/** Without routes no device leads to pods; one of the last addresses of their network stands in. */
function assumedPod(assumptions: readonly string[], { book, network }: SenderFacts): Sender['pod'] {
  if (assumptions.length === 0 || network.routes.length > 0) return undefined;
  const [base = '', length = '8'] = clusterNetwork(book.ruleset).split('/');
  const address = neighbourOf(base, Number(length), (1n << BigInt(32 - Number(length))) - 3n);
  return address === undefined ? undefined : { address, device: 'cni0' };
}

/** The node's own address: what a set of node port addresses says, or the target of no service. */
function ownAddress({ book, target }: SenderFacts): string {
  for (const { sets } of book.ruleset.tables) {
    const pattern = sets.get('nodeport-ips')?.elements[0]?.pattern;
    if (pattern?.kind === 'exact' && familyOf(String(pattern.value)) === 'ip') {
      return String(pattern.value);
    }
  }
  const known = target === undefined || mentions(book.ruleset, target);
  return known ? '192.0.2.1' : target;
}

function mentions({ tables }: Ruleset, address: string): boolean {
  return tables.some(
    table =>
      [...table.chains.values()].some(({ rules }) =>
        rules.some(({ text }) => text.includes(`${address}/32`) || text.includes(`${address}:`)),
      ) ||
      [...table.sets.values()].some(({ elements }) =>
        elements.some(({ pattern }) => JSON.stringify(firstValue(pattern)) === `"${address}"`),
      ),
  );
}

function firstValue(pattern: Pattern): unknown {
  if (pattern.kind === 'concat') return pattern.parts[0] && firstValue(pattern.parts[0]);
  return pattern.kind === 'exact' ? pattern.value : undefined;
}

/** The pods' network as the rules have it: what is not masqueraded, what flannel masquerades. */
function clusterNetwork({ tables }: Ruleset): string {
  for (const { chains } of tables) {
    for (const { rules } of chains.values()) {
      for (const rule of rules) {
        const cidr = /^-A (?:KUBE-SERVICES|KUBE-SVC-\S+|FLANNEL-POSTRTG) ! -s (\S+)/.exec(
          rule.text,
        );
        const nft = /\bip saddr != (\d[\d.]+\/\d+) jump mark-for-masquerade/.exec(rule.text);
        const found = cidr?.[1] ?? nft?.[1];
        if (found !== undefined && addressPattern(found)) return found;
      }
    }
  }
  return '10.0.0.0/8';
}

function interfaceNames({ tables }: Ruleset): string[] {
  const rules = tables.flatMap(({ chains }) => [...chains.values()].flatMap(chain => chain.rules));
  return [...new Set(rules.flatMap(namesIn))];
}

function namesIn({ statements }: Rule): string[] {
  return statements.flatMap((statement: Statement) => {
    if (statement.kind !== 'match' || statement.condition.kind !== 'is') return [];
    const { left, right } = statement.condition;
    const asks = left.kind === 'field' && /Interface$/.test(left.field);
    if (!asks || right.kind !== 'these') return [];
    return right.elements.flatMap(({ pattern }) =>
      pattern.kind === 'exact' ? [String(pattern.value)] : [],
    );
  });
}

/** A pod on this node: an address behind a device that is neither the tunnel nor a NIC. */
function podOn(network: Network): Sender['pod'] {
  const nics = new Set(network.vxlan.flatMap(({ name, underlay }) => [name, underlay ?? '']));
  const uplink = network.routes.find(({ destination }) => destination === 'default')?.device;
  const candidates = network.routes.filter(
    ({ device, gateway, type, table, family }) =>
      gateway === undefined &&
      type === 'unicast' &&
      table === 'main' &&
      family === 'ip' &&
      device !== uplink &&
      !nics.has(device) &&
      !/^(lo|kube-ipvs0|docker|virbr)/.test(device),
  );
  const likely = candidates.find(({ device }) => /^(cni|cbr|cali|lxc|veth|br)/.test(device));
  const route = likely ?? candidates[0];
  if (!route) return undefined;
  const [address = '', length = '32'] = route.destination.split('/');
  // Far from the first addresses, which the endpoints of rules have.
  const other = length === '32' ? address : neighbourOf(address, Number(length), 253n);
  return other === undefined ? undefined : { address: other, device: route.device };
}

/** A client on the NIC's network. */
function outsideOf(network: Network): Sender['outside'] {
  const local = network.vxlan[0]?.local;
  const nic = network.addresses.find(({ address }) => address === local);
  if (!nic) return undefined;
  const address = neighbourOf(nic.address, nic.prefixLength, 99n);
  return address === undefined ? undefined : { address, device: nic.device };
}
