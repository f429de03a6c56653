/**
 * Takes a node's snapshot as text files, each with what its commands printed, and beside them
 * `readings.jsonl`: every command with its time, and why it gave nothing. A command that is missing or
 * refused leaves a line in the file that says so, which no parser takes for an answer.
 */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, StalesumError } from '../errors.js';
import type { Node } from '../node/node.js';
import { writeWhole } from '../write-whole.js';
import { type Counters, formatNstat, parseSnmp, parseSnmp6 } from './counters.js';
import { readKubeProxy } from './live-kube-proxy.js';
import { SNAPSHOT_FILES } from './read-folder.js';
import { type Reading, type ReadingAnswer, takeReadings } from './reading.js';
import {
  CNI_READINGS,
  CONNTRACK_STATS,
  hasOwnFiles,
  RULE_READINGS,
  SYSTEM_READINGS,
  sysctlReading,
} from './readings.js';

const SYSCTLS = [
  'net.core.txrehash',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syn_linear_timeouts',
  'net.ipv4.tcp_syn_retries',
  'net.netfilter.nf_conntrack_checksum',
  'net.netfilter.nf_conntrack_udp_timeout',
  'net.netfilter.nf_conntrack_udp_timeout_stream',
];

const LINKS: readonly (readonly string[])[] = [
  ['ip', '-d', 'link'],
  ['ip', 'address'],
  ['ip', 'route', 'show', 'table', 'all'],
  ['ip', 'neighbour'],
  ['bridge', 'fdb'],
];

/** What is kept of each version, and the word in front of it. */
const VERSIONS: readonly (readonly [string, ...string[]])[] = [
  ['kernel', 'uname', '-r'],
  ['build', 'uname', '-v', '-m'],
  ['iptables', 'iptables', '--version'],
];

/**
 * Rules that are kept once, and in one form: those of the back end that `iptables-save` does not show, of
 * nftables, and sets. The same rules twice would be walked twice, as if both stood in the kernel.
 */
async function rulesOnce(node: Node): Promise<Reading[]> {
  const version = await node
    .run('iptables', ['--version'], { mayFail: true })
    .catch(() => undefined);
  const shown = version?.stdout.includes('legacy') ? 'legacy' : 'nft';
  const twice = new RegExp(`^ip6?tables(?:-${shown})?-save\\.txt$|^nft-list-ruleset\\.txt$`);
  return RULE_READINGS.filter(({ file }) => !twice.test(file));
}

/** What does not change during a run: links, addresses, offload, settings, versions, kube-proxy, CNI. */
export async function takeStaticSnapshot(
  node: Node,
  folder: string,
  devices: readonly string[],
): Promise<void> {
  const own = hasOwnFiles(node);
  const { links, offload, sysctls, versions } = SNAPSHOT_FILES;
  await Promise.all([
    saveTogether(
      node,
      folder,
      links,
      LINKS.map(([command = '', ...args]) => ({ command, args })),
    ),
    saveTogether(
      node,
      folder,
      offload,
      devices.map(device => ({
        command: 'ethtool',
        args: ['-k', device],
        shape: (text: string) => `## ${device}\n${text}`,
      })),
    ),
    saveTogether(node, folder, sysctls, [{ ...sysctlReading(SYSCTLS), mayFail: true }]),
    saveTogether(
      node,
      folder,
      versions,
      VERSIONS.map(([word, command = '', ...args]) => ({
        command,
        args,
        shape: (text: string) => `${word} ${text}`,
      })),
    ),
    rulesOnce(node).then(rules => saveEach(node, folder, rules)),
    saveEach(node, folder, [...SYSTEM_READINGS, ...(own ? CNI_READINGS : [])]),
    own ? readKubeProxy(node).then(answers => writeAll(folder, answers)) : undefined,
  ]);
}

/** What a run changes: protocol counters, those of rules, and conntrack's. */
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
  const ofRules = { args: ['-c'] };
  await Promise.all([
    saveCounters(node, folder, counters),
    saveTogether(node, folder, rules, [{ command: 'iptables-save', ...ofRules }]),
    saveTogether(node, folder, `ip6${rules.slice(2)}`, [{ command: 'ip6tables-save', ...ofRules }]),
    saveTogether(node, folder, `conntrack-stats.${when}.txt`, [CONNTRACK_STATS]),
  ]);
}

/** `conntrack -L` as it stands now. */
export async function takeConntrackList(node: Node, folder: string): Promise<void> {
  const readings = ['ipv4', 'ipv6'].map(family => ({
    command: 'conntrack',
    args: ['-L', '-f', family],
  }));
  await saveTogether(node, folder, SNAPSHOT_FILES.conntrackList, readings);
}

/** Files of `/proc` rather than `nstat`, which keeps a history and fails for an ordinary user. */
async function saveCounters(node: Node, folder: string, file: string): Promise<void> {
  // In one reading, since each takes a process; the lines of the two forms cannot be confused.
  const args = ['snmp', 'netstat', 'snmp6'].map(name => `/proc/net/${name}`);
  const answers = await takeReadings(node, [{ file, command: 'cat', args }]);
  const text = answers.map(answer => answer.text ?? '').join('');
  const counters: Counters = new Map([...parseSnmp(text), ...parseSnmp6(text)]);
  await write(folder, file, `${formatNstat(counters)}${refusals(answers)}`);
  await note(folder, answers);
}

/** One file of several outputs. */
async function saveTogether(
  node: Node,
  folder: string,
  file: string,
  readings: readonly Omit<Reading, 'file'>[],
): Promise<void> {
  const answers = await takeReadings(
    node,
    readings.map(reading => ({ ...reading, file })),
  );
  const texts = answers.map(({ text }) => text ?? '');
  await write(folder, file, `${texts.join('')}${refusals(answers)}`);
  await note(folder, answers);
}

/** A file for each, where there is an output. */
async function saveEach(node: Node, folder: string, readings: readonly Reading[]): Promise<void> {
  await writeAll(folder, await takeReadings(node, readings));
}

async function writeAll(folder: string, answers: readonly ReadingAnswer[]): Promise<void> {
  await Promise.all(
    answers.map(({ record: { file }, text }) =>
      text === undefined || text === '' ? undefined : write(folder, file, text),
    ),
  );
  await note(folder, answers);
}

function refusals(answers: readonly ReadingAnswer[]): string {
  return answers
    .map(({ record: { gap } }) => (gap === null ? '' : `# not read: ${gap}\n`))
    .join('');
}

async function note(folder: string, answers: readonly ReadingAnswer[]): Promise<void> {
  const lines = answers.map(({ record }) => `${JSON.stringify(record)}\n`).join('');
  const path = join(folder, SNAPSHOT_FILES.readings);
  await appendFile(path, lines).catch(failed(path));
}

function write(folder: string, name: string, text: string): Promise<void> {
  return writeWhole(join(folder, name), text);
}

function failed(path: string) {
  return (thrown: unknown): never => {
    throw new StalesumError('write-failed', `${path}: ${messageOf(thrown)}`);
  };
}
