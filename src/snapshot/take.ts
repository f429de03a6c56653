/**
 * Takes a node's snapshot as text files, each with what its command printed. A command that is
 * missing or refused leaves a file that says so, which no parser takes for an answer.
 */
import { join } from 'node:path';
import { messageOf } from '../errors.js';
import type { Node } from '../node/node.js';
import { writeWhole } from '../write-whole.js';
import { type Counters, formatNstat, parseSnmp, parseSnmp6 } from './counters.js';
import { SNAPSHOT_FILES } from './read-folder.js';

const SYSCTLS = [
  'net.core.txrehash',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syn_linear_timeouts',
  'net.ipv4.tcp_syn_retries',
  'net.netfilter.nf_conntrack_checksum',
  'net.netfilter.nf_conntrack_udp_timeout',
  'net.netfilter.nf_conntrack_udp_timeout_stream',
];

/** What does not change during a run: links, addresses, offload, settings, versions, nft's own tables. */
export async function takeStaticSnapshot(
  node: Node,
  folder: string,
  devices: readonly string[],
): Promise<void> {
  await Promise.all([
    save(folder, SNAPSHOT_FILES.links, () => readLinks(node)),
    save(folder, SNAPSHOT_FILES.offload, () => readOffload(node, devices)),
    save(folder, SNAPSHOT_FILES.sysctls, () => readSysctls(node)),
    save(folder, SNAPSHOT_FILES.versions, () => readVersions(node)),
    saveNftRules(node, folder),
  ]);
}

/** What a run changes: protocol counters and rule counters. */
export async function takeCounters(
  node: Node,
  folder: string,
  when: 'before' | 'after',
): Promise<void> {
  const files =
    when === 'before'
      ? [SNAPSHOT_FILES.countersBefore, SNAPSHOT_FILES.rulesBefore]
      : [SNAPSHOT_FILES.countersAfter, SNAPSHOT_FILES.rulesAfter];
  const [counters = '', rules = ''] = files;
  await Promise.all([
    save(folder, counters, async () => formatNstat(await readCounters(node))),
    save(folder, rules, () => output(node, 'iptables-save', ['-c'])),
    save(folder, `ip6${rules.slice(2)}`, () => output(node, 'ip6tables-save', ['-c'])),
  ]);
}

/** `conntrack -L` as it stands now. */
export async function takeConntrackList(node: Node, folder: string): Promise<void> {
  await save(folder, SNAPSHOT_FILES.conntrackList, async () => {
    const families = ['ipv4', 'ipv6'].map(family =>
      output(node, 'conntrack', ['-L', '-f', family]),
    );
    return (await Promise.all(families)).join('');
  });
}

/** JSON has no place for a remark, so that a node without nft has no such file. */
async function saveNftRules(node: Node, folder: string): Promise<void> {
  const rules = await output(node, 'nft', ['-j', 'list', 'ruleset']).catch(() => undefined);
  if (rules !== undefined) await writeWhole(join(folder, SNAPSHOT_FILES.nftRules), rules);
}

async function readLinks(node: Node): Promise<string> {
  const parts = await Promise.all([
    output(node, 'ip', ['-d', 'link']),
    output(node, 'ip', ['address']),
    output(node, 'ip', ['route', 'show', 'table', 'all']),
    output(node, 'ip', ['neighbour']),
    output(node, 'bridge', ['fdb']),
  ]);
  return parts.join('');
}

async function readOffload(node: Node, devices: readonly string[]): Promise<string> {
  const parts = await Promise.all(
    devices.map(async device => `## ${device}\n${await output(node, 'ethtool', ['-k', device])}`),
  );
  return parts.join('');
}

/** Settings that this kernel does not have, or hides from user namespaces, are left out. */
async function readSysctls(node: Node): Promise<string> {
  const paths = SYSCTLS.map(name => `/proc/sys/${name.replaceAll('.', '/')}`);
  const { stdout } = await node.run('grep', ['-sH', '', ...paths], { mayFail: true });
  return stdout.replace(/^(\/proc\/sys\/[^:]+):(.*)$/gm, '$1 $2');
}

async function readVersions(node: Node): Promise<string> {
  const [kernel, system, tools] = await Promise.all([
    output(node, 'uname', ['-r']),
    output(node, 'uname', ['-v', '-m']),
    output(node, 'iptables', ['--version']),
  ]);
  return `kernel ${kernel}build ${system}iptables ${tools}`;
}

/** In one reading, since each takes a process; the lines of the two forms cannot be confused. */
async function readCounters(node: Node): Promise<Counters> {
  const names = ['snmp', 'netstat', 'snmp6'];
  const text = await output(
    node,
    'cat',
    names.map(name => `/proc/net/${name}`),
  );
  return new Map([...parseSnmp(text), ...parseSnmp6(text)]);
}

async function output(node: Node, command: string, args: readonly string[]): Promise<string> {
  const { stdout } = await node.run(command, args);
  return stdout;
}

async function save(folder: string, name: string, read: () => Promise<string>): Promise<void> {
  const text = await read().catch(thrown => `# not read: ${messageOf(thrown)}\n`);
  await writeWhole(join(folder, name), text);
}
