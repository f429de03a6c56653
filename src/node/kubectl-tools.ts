/**
 * Which tools are used on a node of a cluster. The pod's own shell runs every command; a tool that the node
 * has itself stands in front of the image's, since its iptables is the one that fits, and files like
 * /etc/os-release are the node's. What the node lacks the image may bring: the network is the same.
 */
import { messageOf, StalesumError } from '../errors.js';
import type { Node } from './node.js';

/** What is looked for on the node; whatever else there is comes with the image. */
const HOST_TOOLS = [
  ...['tcpdump', 'conntrack', 'ethtool', 'nft', 'ipset', 'ip', 'bridge', 'ss'],
  ...['iptables', 'iptables-save', 'ip6tables-save'],
  ...['iptables-nft-save', 'ip6tables-nft-save', 'iptables-legacy-save', 'ip6tables-legacy-save'],
  ...['cat', 'find', 'grep', 'head', 'curl', 'crictl', 'kube-proxy'],
  ...['python3', 'bash', 'nc', 'dig'],
] as const;

/**
 * $1: a folder; behind it the tools. For each that the node has a script of two lines is put into the
 * folder, that runs it in the mount namespace of the node's first process. Network and processes are those
 * of the node already. A path with anything odd in it is left alone.
 */
const SET_UP = `folder=$1
shift
mkdir -p "$folder" || exit 1
find_there='PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
for tool; do command -v "$tool"; done
:'
nsenter -t 1 -m -- sh -c "$find_there" sh "$@" |
while read -r path
do
  case $path in
    /*[!A-Za-z0-9/._+-]*) continue ;;
    /*) ;;
    *) continue ;;
  esac
  printf '#!/bin/sh\\nexec nsenter -t 1 -m -- %s "$@"\\n' "$path" >"$folder/\${path##*/}" &&
    chmod 755 "$folder/\${path##*/}" && echo "\${path##*/}"
done`;

/** Where the scripts are in a pod. */
export function toolFolder(pod: string): string {
  return `/run/${pod}`;
}

/** What stands in front of a command, so that it finds them. */
export function withTools(pod: string): readonly string[] {
  const script = 'PATH=$1:$PATH; export PATH; shift; exec "$@"';
  return ['sh', '-c', script, 'sh', toolFolder(pod)];
}

export interface HostTools {
  /** Tools of the node itself. */
  readonly found: readonly string[];
  /** Why there are none, in nsenter's words. */
  readonly words: string;
}

/**
 * Makes the node's own tools those of the pod.
 *
 * @throws StalesumError `unavailable` where the image lacks what that takes
 */
export async function setUpTools(node: Node, pod: string): Promise<HostTools> {
  const args = ['-c', SET_UP, 'sh', toolFolder(pod), ...HOST_TOOLS];
  const { exitCode, stdout, stderr } = await node.run('sh', args, { mayFail: true });
  if (exitCode !== 0) {
    const text = `${node.name}: the image of our pod cannot be used: ${messageOf(stderr)}`;
    throw new StalesumError('unavailable', text, IMAGE_REMEDY);
  }
  const known: readonly string[] = HOST_TOOLS;
  const found = stdout.split('\n').filter(name => known.includes(name));
  return { found, words: stderr.trim() };
}

/** What an image must have. */
export const IMAGE_REMEDY = '--image names another one: it must have sh, sleep, nsenter and mkdir';
