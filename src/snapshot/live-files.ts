/** The same files from a node that can be asked. What is missing there is a gap, not a fault. */
import { messageOf } from '../errors.js';
import type { Node } from '../node/node.js';
import { type NodeFile, type NodeFiles, recognise } from './node-files.js';
import { parseNetwork } from './read-network.js';

interface Reading {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Nothing is amiss without it. */
  readonly optional?: boolean;
}

const READINGS: readonly Reading[] = [
  { name: 'iptables-save.txt', command: 'iptables-save', args: ['-c'] },
  { name: 'ip6tables-save.txt', command: 'ip6tables-save', args: ['-c'] },
  {
    name: 'iptables-legacy-save.txt',
    command: 'iptables-legacy-save',
    args: ['-c'],
    optional: true,
  },
  {
    name: 'ip6tables-legacy-save.txt',
    command: 'ip6tables-legacy-save',
    args: ['-c'],
    optional: true,
  },
  { name: 'iptables-nft-save.txt', command: 'iptables-nft-save', args: ['-c'], optional: true },
  { name: 'ip6tables-nft-save.txt', command: 'ip6tables-nft-save', args: ['-c'], optional: true },
  { name: 'nft-ruleset.json', command: 'nft', args: ['-j', 'list', 'ruleset'] },
  { name: 'ip-link.json', command: 'ip', args: ['-d', '-j', 'link'] },
  { name: 'ip-address.json', command: 'ip', args: ['-j', 'address'] },
  { name: 'ip-route.json', command: 'ip', args: ['-j', 'route', 'show', 'table', 'all'] },
  {
    name: 'ip6-route.json',
    command: 'ip',
    args: ['-6', '-j', 'route', 'show', 'table', 'all'],
    optional: true,
  },
  { name: 'ip-neighbour.json', command: 'ip', args: ['-j', 'neighbour'], optional: true },
  { name: 'bridge-fdb.json', command: 'bridge', args: ['-j', 'fdb'], optional: true },
  {
    name: 'sysctl.txt',
    command: 'grep',
    args: ['-sH', '', '/proc/sys/net/ipv4/ip_local_port_range'],
    optional: true,
  },
  { name: 'uname.txt', command: 'uname', args: ['-r'] },
];

/** Reads a node. */
export async function readLiveFiles(node: Node): Promise<NodeFiles> {
  const answers = await Promise.all(READINGS.map(reading => read(node, reading)));
  const files = answers.flatMap(({ file }) => file ?? []);
  const gaps = answers.flatMap(({ gap }) => gap ?? []);
  const network = parseNetwork(files.filter(({ kind }) => kind === 'ip').map(({ text }) => text));
  const uplink = network.routes.find(({ destination }) => destination === 'default')?.device;
  const devices = new Set(
    [...network.vxlan.flatMap(({ name, underlay }) => [name, underlay]), uplink].filter(
      name => name !== undefined,
    ),
  );
  const offload = await Promise.all(
    [...devices].map(device =>
      read(node, { name: `ethtool-k-${device}.txt`, command: 'ethtool', args: ['-k', device] }),
    ),
  );
  return {
    files: [...files, ...offload.flatMap(({ file }) => file ?? [])],
    gaps: [...gaps, ...offload.flatMap(({ gap }) => gap ?? [])],
  };
}

interface Answer {
  readonly file?: NodeFile;
  readonly gap?: string;
}

async function read(node: Node, { name, command, args, optional }: Reading): Promise<Answer> {
  try {
    const { stdout } = await node.run(command, args);
    const text = command === 'grep' ? stdout.replace(/^(\S+?):/gm, '$1 ') : stdout;
    const file = recognise(name, text);
    return file ? { file } : {};
  } catch (thrown) {
    if (optional) return {};
    return { gap: `${[command, ...args].join(' ')}: ${messageOf(thrown)}` };
  }
}
