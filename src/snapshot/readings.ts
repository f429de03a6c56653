/** Which commands tell what of a node. */
import type { Node } from '../node/node.js';
import { type Reading, withoutColons } from './reading.js';

/**
 * Rules of both back ends of iptables, by their own names where they have some, and of nftables: as
 * text, which has lines, and as JSON; and which tables of iptables-legacy the kernel has, whoever made
 * them.
 */
export const RULE_READINGS: readonly Reading[] = [
  { file: 'iptables-save.txt', command: 'iptables-save', args: ['-c'] },
  { file: 'ip6tables-save.txt', command: 'ip6tables-save', args: ['-c'] },
  ...['legacy', 'nft'].flatMap(backend =>
    ['iptables', 'ip6tables'].map(tool => ({
      file: `${tool}-${backend}-save.txt`,
      command: `${tool}-${backend}-save`,
      args: ['-c'],
      optional: true,
    })),
  ),
  { file: 'nft-list-ruleset.txt', command: 'nft', args: ['-a', 'list', 'ruleset'] },
  { file: 'nft-ruleset.json', command: 'nft', args: ['-j', 'list', 'ruleset'] },
  {
    file: 'legacy-tables.txt',
    command: 'grep',
    args: ['-sH', '', '/proc/net/ip_tables_names', '/proc/net/ip6_tables_names'],
    optional: true,
    // One of the two may not be there.
    mayFail: true,
  },
  { file: 'ipset-save.txt', command: 'ipset', args: ['save'], optional: true },
];

/** Links, addresses, routes, neighbours and VTEPs. */
export const NETWORK_READINGS: readonly Reading[] = [
  { file: 'ip-link.json', command: 'ip', args: ['-d', '-j', 'link'] },
  { file: 'ip-address.json', command: 'ip', args: ['-j', 'address'] },
  { file: 'ip-route.json', command: 'ip', args: ['-j', 'route', 'show', 'table', 'all'] },
  {
    file: 'ip6-route.json',
    command: 'ip',
    args: ['-6', '-j', 'route', 'show', 'table', 'all'],
    optional: true,
  },
  { file: 'ip-neighbour.json', command: 'ip', args: ['-j', 'neighbour'], optional: true },
  { file: 'bridge-fdb.json', command: 'bridge', args: ['-j', 'fdb'], optional: true },
];

/** The kernel with its build, and the distribution. */
export const SYSTEM_READINGS: readonly Reading[] = [
  { file: 'uname.txt', command: 'uname', args: ['-srvm'] },
  // Ubuntu's own: which upstream release the build stands on.
  {
    file: 'version-signature.txt',
    command: 'cat',
    args: ['/proc/version_signature'],
    optional: true,
  },
  { file: 'os-release.txt', command: 'cat', args: ['/etc/os-release'] },
];

/**
 * The CNI's own files. Only what a runtime reads as configuration: beside them lie kubeconfigs, whose
 * tokens are nobody's business.
 */
export const CNI_READINGS: readonly Reading[] = [
  {
    file: 'cni.txt',
    command: 'find',
    args: [
      ...['/etc/cni/net.d', '-maxdepth', '1', '-type', 'f', '(', '-name', '*.conf', '-o'],
      ...['-name', '*.conflist', ')', '-exec', 'grep', '-H', '', '{}', '+'],
    ],
    optional: true,
    shape: withoutColons,
  },
  {
    file: 'flannel-subnet.txt',
    command: 'cat',
    args: ['/run/flannel/subnet.env'],
    optional: true,
  },
];

export const CONNTRACK_STATS: Reading = {
  file: 'conntrack-stats.txt',
  command: 'conntrack',
  args: ['-S'],
};

export function offloadReading(device: string): Reading {
  return { file: `ethtool-k-${device}.txt`, command: 'ethtool', args: ['-k', device] };
}

/** The settings that the kernel has, and shows: user namespaces hide some. */
export function sysctlReading(names: readonly string[]): Reading {
  const paths = names.map(name => `/proc/sys/${name.replaceAll('.', '/')}`);
  return {
    file: 'sysctl.txt',
    command: 'grep',
    args: ['-sH', '', ...paths],
    optional: true,
    shape: withoutColons,
  };
}

/**
 * Whether the node's files and processes are its own. A named network namespace shares them with the
 * machine, and what they say is not about it.
 */
export function hasOwnFiles({ networkNamespace }: Node): boolean {
  return !networkNamespace?.startsWith('/run/netns/');
}
