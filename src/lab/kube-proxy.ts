/**
 * Rules as kube-proxy and kubelet write them in iptables mode, for iptables-restore.
 *
 * The text is that of Kubernetes 1.19.1, the first release with PR 92035 in its line; before that
 * change, 1.18 and 1.19 wrote the same but for KUBE-POSTROUTING.
 */
import { createHash } from 'node:crypto';
import type { Endpoint } from './layout.js';

export interface KubeProxyOptions {
  readonly mode: 'iptables' | 'nftables';
  /**
   * KUBE-POSTROUTING as it was before PR 92035, or since (1.16.13, 1.17.9, 1.18.6, 1.19.0). An old
   * kube-proxy beside a new kubelet leaves its rule in front of the new ones.
   */
  readonly postrouting: 'before-pr-92035' | 'after-pr-92035' | 'stale-rule-in-front';
  /** Whether iptables knows `--random-fully` (1.6.2 and later); kube-proxy then uses it. */
  readonly randomFully: boolean;
  /** `iptables.masqueradeBit` of its configuration: the mark is 1 << masqueradeBit. Default 14. */
  readonly masqueradeBit: number;
}

/** A port of a service of type ClusterIP with one endpoint. */
export interface Service {
  /** Namespace, name and, where it has one, port name: `default/web`, `kube-system/kube-dns:dns`. */
  readonly name: string;
  readonly protocol: 'tcp' | 'udp';
  readonly clusterIp: Endpoint;
  readonly endpoint: Endpoint;
}

export type IpFamily = 'ipv4' | 'ipv6';

/** What iptables-restore (ip6tables-restore) is given: the tables mangle, filter and nat. */
export function kubeProxyRules(
  options: KubeProxyOptions,
  services: readonly Service[],
  clusterCidr: string,
  family: IpFamily,
): string {
  const mark = masqueradeMark(options);
  const lines = [
    ...mangleTable(),
    ...filterTable(mark, dropMark(options), family),
    ...natTable(options, services, clusterCidr),
  ];
  return `${lines.join('\n')}\n`;
}

/** The fwmark that asks for SNAT. */
export function masqueradeMark(options: KubeProxyOptions): string {
  return `0x${(1 << options.masqueradeBit).toString(16)}`;
}

/** The chain of a service: `KUBE-SVC-` and a hash, as kube-proxy's servicePortChainName() makes it. */
export function serviceChain(service: Service): string {
  return `KUBE-SVC-${chainHash(service.name + service.protocol)}`;
}

/** The chain of a service's endpoint, as kube-proxy's servicePortEndpointChainName() makes it. */
export function endpointChain(service: Service): string {
  return `KUBE-SEP-${chainHash(service.name + service.protocol + text(service.endpoint))}`;
}

/** IPv6 has no route_localnet, so no need of it. */
const LOCALNET_BLOCK =
  '-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP';

function mangleTable(): string[] {
  return ['*mangle', ...canaries(), 'COMMIT'];
}

function filterTable(masquerade: string, drop: string, family: IpFamily): string[] {
  const portals = '-m conntrack --ctstate NEW -m comment --comment "kubernetes service portals"';
  return [
    '*filter',
    ':KUBE-EXTERNAL-SERVICES - [0:0]',
    ':KUBE-FIREWALL - [0:0]',
    ':KUBE-FORWARD - [0:0]',
    ...canaries(),
    ':KUBE-SERVICES - [0:0]',
    `-A INPUT ${portals} -j KUBE-SERVICES`,
    '-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES',
    '-A INPUT -j KUBE-FIREWALL',
    '-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
    `-A FORWARD ${portals} -j KUBE-SERVICES`,
    `-A OUTPUT ${portals} -j KUBE-SERVICES`,
    '-A OUTPUT -j KUBE-FIREWALL',
    `-A KUBE-FIREWALL -m comment --comment "kubernetes firewall for dropping marked packets" -m mark --mark ${drop}/${drop} -j DROP`,
    ...(family === 'ipv4' ? [LOCALNET_BLOCK] : []),
    '-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
    `-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark ${masquerade}/${masquerade} -j ACCEPT`,
    '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack pod source rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack pod destination rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    'COMMIT',
  ];
}

function natTable(
  options: KubeProxyOptions,
  services: readonly Service[],
  clusterCidr: string,
): string[] {
  const chains = services.flatMap(service => [serviceChain(service), endpointChain(service)]);
  return [
    '*nat',
    ':KUBE-MARK-DROP - [0:0]',
    ':KUBE-MARK-MASQ - [0:0]',
    ':KUBE-NODEPORTS - [0:0]',
    ':KUBE-POSTROUTING - [0:0]',
    ...canaries(),
    ':KUBE-SERVICES - [0:0]',
    ...chains.map(chain => `:${chain} - [0:0]`),
    '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    `-A KUBE-MARK-DROP -j MARK --or-mark ${dropMark(options)}`,
    `-A KUBE-MARK-MASQ -j MARK --or-mark ${masqueradeMark(options)}`,
    ...postrouting(options),
    ...services.flatMap(service => serviceRules(service, clusterCidr)),
    '-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
    'COMMIT',
  ];
}

/**
 * The heart of the matter. Before PR 92035 the mark outlives the masquerade; a VXLAN device hands it
 * on to the outer datagram, which then matches again. Since then it is taken off first.
 */
function postrouting(options: KubeProxyOptions): string[] {
  const mark = masqueradeMark(options);
  const comment = '-m comment --comment "kubernetes service traffic requiring SNAT"';
  const masquerade = options.randomFully ? 'MASQUERADE --random-fully' : 'MASQUERADE';
  const before = [`-A KUBE-POSTROUTING ${comment} -m mark --mark ${mark}/${mark} -j ${masquerade}`];
  const since = [
    `-A KUBE-POSTROUTING -m mark ! --mark ${mark}/${mark} -j RETURN`,
    `-A KUBE-POSTROUTING -j MARK --xor-mark ${mark}`,
    `-A KUBE-POSTROUTING ${comment} -j ${masquerade}`,
  ];
  switch (options.postrouting) {
    case 'before-pr-92035':
      return before;
    case 'after-pr-92035':
      return since;
    case 'stale-rule-in-front':
      return [...before, ...since];
  }
}

function serviceRules(service: Service, clusterCidr: string): string[] {
  const { name, protocol, clusterIp, endpoint } = service;
  const comment = `-m comment --comment "${name}"`;
  const portal =
    `-d ${clusterIp.address}/32 -p ${protocol} -m comment --comment "${name} cluster IP"` +
    ` -m ${protocol} --dport ${clusterIp.port}`;
  return [
    `-A KUBE-SERVICES ! -s ${clusterCidr} ${portal} -j KUBE-MARK-MASQ`,
    `-A KUBE-SERVICES ${portal} -j ${serviceChain(service)}`,
    `-A ${serviceChain(service)} ${comment} -j ${endpointChain(service)}`,
    `-A ${endpointChain(service)} -s ${endpoint.address}/32 ${comment} -j KUBE-MARK-MASQ`,
    `-A ${endpointChain(service)} -p ${protocol} ${comment} -m ${protocol}` +
      ` -j DNAT --to-destination ${text(endpoint)}`,
  ];
}

/** kube-proxy and kubelet watch these empty chains to notice that somebody flushed the tables. */
function canaries(): string[] {
  return [':KUBE-KUBELET-CANARY - [0:0]', ':KUBE-PROXY-CANARY - [0:0]'];
}

/** kubelet's mark for packets to be dropped: bit 15, unless that one is taken. */
function dropMark(options: KubeProxyOptions): string {
  return options.masqueradeBit === 15 ? '0x4000' : '0x8000';
}

function text(endpoint: Endpoint): string {
  return `${endpoint.address}:${endpoint.port}`;
}

/** The first 16 letters of a SHA-256 in base32 (RFC 4648). */
export function chainHash(subject: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const digest = createHash('sha256').update(subject).digest();
  let bits = BigInt(`0x${digest.subarray(0, 10).toString('hex')}`);
  let letters = '';
  for (let index = 0; index < 16; index++) {
    letters = `${alphabet[Number(bits & 31n)]}${letters}`;
    bits >>= 5n;
  }
  return letters;
}
