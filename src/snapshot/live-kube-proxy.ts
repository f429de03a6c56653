/**
 * Reads kube-proxy where it runs: its process among those of the node, the file that `--config` names,
 * and its version. The program of a process is never run, and of its file nothing is kept but a few
 * settings: anybody can give a process a name and arguments. The version is what the process answers,
 * what the container runtime says of its image, or that of the node's own `kube-proxy`.
 */
import { basename } from 'node:path/posix';
import type { Node } from '../node/node.js';
import { KUBE_PROXY_FILES } from './kube-proxy.js';
import { type Reading, type ReadingAnswer, takeReading, takeReadings } from './reading.js';

/** Where kube-proxy answers unless `--metrics-bind-address` says otherwise. */
const METRICS = 'http://127.0.0.1:10249';
const LARGEST_CONFIG = 65_536;

const FIND: Reading = {
  file: KUBE_PROXY_FILES.process,
  command: 'find',
  args: [
    ...['/proc', '-mindepth', '2', '-maxdepth', '2', '-name', 'cmdline'],
    ...['-path', '/proc/[0-9]*', '-exec', 'grep', '-asH', 'kube-\\?proxy', '{}', '+'],
  ],
  optional: true,
  mayFail: true,
};

/** What can be had of it; a gap where no such process runs. */
export async function readKubeProxy(node: Node): Promise<ReadingAnswer[]> {
  const [found, ...asked] = await takeReadings(node, [FIND, ...QUESTIONS]);
  if (!found) return [];
  const process = processIn(found.text ?? '');
  if (!process) {
    const gap = 'no kube-proxy among the processes (k3s and Cilium run none)';
    const record = { ...found.record, gap, optional: false };
    return [{ record, text: undefined }, ...asked.filter(({ text }) => text !== undefined)];
  }
  const config = await readConfig(node, process);
  const answer = { ...found, text: `${process.words.join(' ')}\n` };
  return [answer, ...asked.filter(({ text }) => text !== undefined), ...config];
}

/** Asked of the process and of the container runtime, whether or not they are there. */
const QUESTIONS: readonly Reading[] = [
  {
    file: KUBE_PROXY_FILES.mode,
    command: 'curl',
    args: ['--silent', '--fail', '--max-time', '2', `${METRICS}/proxyMode`],
    optional: true,
  },
  {
    file: KUBE_PROXY_FILES.metrics,
    command: 'curl',
    args: ['--silent', '--fail', '--max-time', '2', `${METRICS}/metrics`],
    optional: true,
    shape: onlyBuildInfo,
  },
  {
    file: KUBE_PROXY_FILES.container,
    command: 'crictl',
    args: ['ps', '--name', '^kube-proxy$', '-o', 'json'],
    optional: true,
  },
  // The one in its PATH, which is as much to be trusted as its iptables.
  {
    file: KUBE_PROXY_FILES.version,
    command: 'kube-proxy',
    args: ['--version'],
    optional: true,
  },
];

function onlyBuildInfo(metrics: string): string {
  return `${/^kubernetes_build_info\{[^\n]*$/m.exec(metrics)?.[0] ?? ''}\n`;
}

interface Process {
  readonly pid: string;
  readonly words: readonly string[];
}

/** `/proc/1234/cmdline:kube-proxy\0--config=...` of `grep -H`; the process whose program it is. */
function processIn(output: string): Process | undefined {
  for (const line of output.split('\n')) {
    const match = /^\/proc\/(\d+)\/cmdline:(.*)$/.exec(line);
    const words = (match?.[2] ?? '').split('\0').filter(word => word !== '');
    const [program = '', second = ''] = words;
    const isIt = basename(program) === 'kube-proxy';
    if (match && (isIt || (basename(program) === 'hyperkube' && /^kube-?proxy$/.test(second)))) {
      return { pid: match[1] ?? '', words };
    }
  }
  return undefined;
}

/** The file is that of its mount namespace, which `/proc/PID/root` leads to. */
async function readConfig(node: Node, { pid, words }: Process): Promise<ReadingAnswer[]> {
  const at = words.findIndex(word => /^--config(=|$)/.test(word));
  const path = words[at]?.split('=')[1] ?? words[at + 1];
  if (at < 0 || path === undefined || !path.startsWith('/')) return [];
  const answer = await takeReading(node, {
    file: KUBE_PROXY_FILES.config,
    command: 'head',
    args: ['-c', String(LARGEST_CONFIG), `/proc/${pid}/root${path}`],
    shape: onlySettings,
  });
  if (answer.text !== '') return [answer];
  return [{ record: { ...answer.record, gap: 'not a KubeProxyConfiguration' }, text: undefined }];
}

/** Empty if the text is something else. */
function onlySettings(text: string): string {
  if (!/^kind:[ \t]*["']?KubeProxyConfiguration/m.test(text)) return '';
  const lines = text.match(
    /^ *(?:apiVersion|kind|mode|iptables|ipvs|nftables|masqueradeAll|masqueradeBit|clusterCIDR): *["']?[\w./:,]*["']? *$/gm,
  );
  return `${(lines ?? []).join('\n')}\n`;
}
