/**
 * Underlays of veth links, as kind has them. Where such a link has transmit checksum offload on, checksums
 * are never finished, the receiver trusts them unfinished, and what a wire would lose is delivered. With
 * the offload off at the link's other end, on the way to the receiver, they are finished there, as a NIC
 * does it.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, StalesumError } from '../errors.js';
import { firstLine } from '../node/child.js';
import { localNode } from '../node/local.js';
import type { Node } from '../node/node.js';

/** A link that hides losses, or may, and where its offload can be turned off. */
export interface HiddenLoss {
  readonly port: LinkEnd;
  /** Whether it is the link's other end, where the receiver's datagrams come in; else the node's own. */
  readonly isFarEnd: boolean;
}

export interface LinkEnd {
  readonly node: Node;
  readonly device: string;
  /** How a user gets there: in front of a command line. */
  readonly prefix: string;
}

/** Where `ip netns` keeps names. */
const NAMED = '/run/netns';

const FEATURE = 'tx-checksum-ip-generic';

/** What hides losses on the way into a node; `undefined` where nothing does, or nobody can tell. */
export async function hiddenLoss(node: Node, device: string): Promise<HiddenLoss | undefined> {
  const link = await linkOf(node, device);
  if (link?.kind !== 'veth') return undefined;
  const far = node.elsewhere ? undefined : await farEnd(node, link);
  const port: LinkEnd = far ?? { node, device, prefix: `on ${node.name}: ` };
  const { exitCode, stdout } = await runIfThere(port.node, 'ethtool', ['-k', port.device]);
  if (exitCode !== 0 || !isOn(stdout)) return undefined;
  return { port, isFarEnd: far !== undefined };
}

function isOn(features: string): boolean {
  return new RegExp(`^\\s*${FEATURE}: on\\b`, 'm').test(features);
}

/** A command that a node may not have. */
async function runIfThere(node: Node, command: string, args: readonly string[]) {
  return node.run(command, args, { mayFail: true }).catch(thrown => {
    if (thrown instanceof StalesumError && thrown.kind === 'missing-tool') {
      return { exitCode: 127, stdout: '', stderr: '' };
    }
    throw thrown;
  });
}

interface Link {
  readonly index: number;
  readonly name: string;
  readonly kind: string | undefined;
  /** Index of a veth's other end, in another namespace. */
  readonly peerIndex: number | undefined;
  /** That namespace, as ip(8) names it: a name of `ip netns`, or the number that this one gives it. */
  readonly peerNamespace: string | undefined;
}

async function linkOf(node: Node, device: string): Promise<Link | undefined> {
  const { stdout } = await runIfThere(node, 'ip', ['-d', 'link', 'show', 'dev', device]);
  return parseLinks(stdout)[0];
}

function parseLinks(text: string): Link[] {
  return text.split(/^(?=\d+: )/m).flatMap(block => {
    const [, index, name = '', peer] = /^(\d+): ([^:@\s]+)(?:@if(\d+))?:/.exec(block) ?? [];
    if (index === undefined) return [];
    return [
      {
        index: Number(index),
        name,
        kind: /^\s+(veth|bridge|bond|vlan|vxlan)\b/m.exec(block)?.[1],
        peerIndex: peer === undefined ? undefined : Number(peer),
        peerNamespace: / link-netns(?:id)? (\S+)/.exec(block)?.[1],
      },
    ];
  });
}

/**
 * The other end, if it is in this process's own namespace. Each end names the other's number; since each
 * namespace counts anew, the end here must also name the node's namespace.
 */
async function farEnd(node: Node, link: Link): Promise<LinkEnd | undefined> {
  const here = localNode();
  const [{ stdout }, names] = await Promise.all([
    runIfThere(here, 'ip', ['-d', 'link']),
    namesOfNamespace(here, node),
  ]);
  const found = parseLinks(stdout).find(
    ({ index, peerIndex, kind, peerNamespace = '' }) =>
      kind === 'veth' &&
      index === link.peerIndex &&
      peerIndex === link.index &&
      names.has(peerNamespace),
  );
  return found && { node: here, device: found.name, prefix: '' };
}

/** How ip(8) may name a node's network namespace from here. */
async function namesOfNamespace(here: Node, node: Node): Promise<ReadonlySet<string>> {
  const number = namespaceNumber(node.networkNamespace);
  if (number === undefined) return new Set();
  const named = readdirIfThere(NAMED).filter(name => namespaceNumber(join(NAMED, name)) === number);
  // lsns tells of namespaces that somebody is in.
  const somebody = node.start('cat', [], { openInput: true });
  const { stdout } = await runIfThere(here, 'lsns', ['-n', '-t', 'net', '-o', 'NS,NETNSID']);
  await somebody.stop('SIGKILL');
  const numbered = new RegExp(`^\\s*${number}\\s+(\\d+)\\s*$`, 'm').exec(stdout)?.[1];
  return new Set([...named, ...(numbered === undefined ? [] : [numbered])]);
}

function namespaceNumber(path: string | undefined): number | undefined {
  try {
    return path === undefined ? undefined : statSync(path).ino;
  } catch {
    return undefined;
  }
}

function readdirIfThere(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The command that turns the offload on again. */
export function undoCommand({ device, prefix }: LinkEnd): string {
  return `${prefix}ethtool -K ${device} ${FEATURE} on`;
}

/** Holds the offload off until its input ends, whatever ends it, and nobody may listen any more. */
const GUARD = `trap '' PIPE HUP INT TERM
ethtool -K "$1" ${FEATURE} off >&2 || exit 1
echo off
cat >/dev/null
ethtool -K "$1" ${FEATURE} on >&2`;

/**
 * Turns the offload of a port off. A process that outlives us turns it on again when we are gone.
 *
 * @returns what turns it on again, and throws with the command to do it by hand if that fails
 * @throws StalesumError `not-permitted` or `internal`, in ethtool's words
 */
export async function exposeLoss(port: LinkEnd): Promise<() => Promise<void>> {
  const guard = port.node.start('sh', ['-c', GUARD, 'sh', port.device], {
    openInput: true,
    outlivesUs: true,
  });
  let words = '';
  guard.stderr.on('data', chunk => {
    words += String(chunk);
  });
  const said = await firstLine(guard);
  if (said !== 'off') {
    await guard.stop('SIGKILL');
    const text = `${port.node.name}: the offload of ${port.device} cannot be turned off: ${messageOf(words)}`;
    const kind = /not permitted/i.test(words) ? 'not-permitted' : 'internal';
    throw new StalesumError(kind, text);
  }
  return async () => {
    guard.closeInput();
    const { exitCode } = await guard.ended;
    const { stdout } = await runIfThere(port.node, 'ethtool', ['-k', port.device]);
    if (exitCode === 0 && isOn(stdout)) return;
    throw new StalesumError(
      'internal',
      `the offload of ${port.device} could not be turned on again; do it: ${undoCommand(port)}`,
    );
  };
}
