/**
 * The files that somebody saved of a node, recognised by what is in them, and by their names only where
 * that does not say enough: a folder of a recording, loose files, or the tree of a sos report.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { messageOf, StalesumError } from '../errors.js';
import { findCollections } from './collections.js';
import type { ReadingRecord } from './reading.js';

export type FileKind =
  | 'iptables-save'
  | 'iptables-listing'
  | 'nft-text'
  | 'nft-json'
  | 'ip'
  | 'offload'
  | 'sysctl'
  | 'kernel'
  | 'os-release'
  | 'kube-proxy'
  | 'cni'
  | 'ipset'
  | 'legacy-tables';

export interface NodeFile {
  /** As reports name it: relative to the folder that was given. */
  readonly name: string;
  readonly kind: FileKind;
  readonly text: string;
}

export interface NodeFiles {
  readonly files: readonly NodeFile[];
  /** What could not be had, and why. */
  readonly gaps: readonly string[];
  /** How each was read, and when; absent for files that somebody else saved. */
  readonly readings?: readonly ReadingRecord[];
}

/** Captures, archives and reports are not looked into. */
const PASSED_OVER = /\.(pcap|pcapng|cap|gz|xz|tgz|tar|zip|html|png|svg|md)\d*$|^before-upgrade-/i;
const LARGEST = 64 << 20;
const DEEPEST = 5;
const MOST_FILES = 4000;

/**
 * Reads a folder. If it holds `node-<name>/` folders, as a bundle does, the first that has rules stands
 * for it; if it holds none of the files itself, its subfolders are searched.
 *
 * @throws StalesumError `bad-input` if there is no such folder
 */
export async function readNodeFiles(folder: string): Promise<NodeFiles> {
  const names = await list(folder);
  const own = await readAll(folder, names);
  if (own.some(isRules)) return { files: own, gaps: [] };
  const nodes = names.filter(name => /^node-[\w.-]+$/.test(name));
  for (const node of nodes) {
    const files = await readAll(join(folder, node), await list(join(folder, node)), `${node}/`);
    if (!files.some(isRules)) continue;
    const others = nodes.filter(name => name !== node);
    const gaps =
      others.length === 0
        ? []
        : [`${others.join(', ')} not inspected: --dir ${folder}/${others[0]}`];
    return { files: [...own, ...files], gaps };
  }
  const collected = await readCollection(folder);
  if (collected) return { files: [...own, ...collected.files], gaps: collected.gaps };
  return { files: [...own, ...(await readBelow(folder, names))], gaps: [] };
}

/** The first of a folder's collections; what `sos collect` brought from several nodes is said. */
async function readCollection(folder: string): Promise<NodeFiles | undefined> {
  const [collection, ...others] = await findCollections(folder);
  if (!collection) return undefined;
  const files = await Promise.all(
    collection.files.map(file => readOne(join(folder, file), shortName(file, collection.path))),
  );
  const more = others.map(
    ({ kind, path }) => `another ${kind} not inspected: --dir ${join(folder, path)}`,
  );
  return { files: files.filter(file => file !== undefined), gaps: [...collection.gaps, ...more] };
}

/** Relative to the collection's own top, whose name is long and says nothing of the file. */
function shortName(file: string, path: string): string {
  return path === '' ? file : file.slice(path.length + 1);
}

/** Whether it is a file of rules. */
export function isRules({ kind }: NodeFile): boolean {
  return kind.startsWith('iptables-') || kind.startsWith('nft-');
}

async function list(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (thrown) {
    throw new StalesumError('bad-input', `${folder}: ${messageOf(thrown)}`);
  }
}

async function readAll(folder: string, names: readonly string[], prefix = ''): Promise<NodeFile[]> {
  const files = await Promise.all(
    names
      .filter(name => !PASSED_OVER.test(name))
      .map(name => readOne(join(folder, name), `${prefix}${name}`)),
  );
  return files.filter(file => file !== undefined);
}

/**
 * @throws StalesumError `bad-input` for rules too large to be any: passed over, they would be missing,
 *   and every flow would look healthy.
 */
async function readOne(path: string, name: string): Promise<NodeFile | undefined> {
  try {
    const found = await stat(path);
    if (!found.isFile()) return undefined;
    if (found.size > LARGEST) {
      if (nameSays(basename(name)) === undefined) return undefined;
      const megabytes = LARGEST >> 20;
      throw new StalesumError(
        'bad-input',
        `${path}: larger than ${megabytes} MiB, which no rules are`,
      );
    }
    return recognise(name, await readFile(path, 'utf8'));
  } catch (thrown) {
    if (thrown instanceof StalesumError) throw thrown;
    throw new StalesumError('bad-input', `${path}: ${messageOf(thrown)}`);
  }
}

/** Level by level, so that what lies near the top is found before the bound is met. */
async function readBelow(folder: string, names: readonly string[]): Promise<NodeFile[]> {
  const files: NodeFile[] = [];
  let level = [...names];
  for (let depth = 1, seen = 0; depth <= DEEPEST && level.length > 0; depth++) {
    const next: string[] = [];
    for (const name of level) {
      const path = join(folder, name);
      if (
        !(await stat(path).then(
          found => found.isDirectory(),
          () => false,
        ))
      )
        continue;
      const inside = await list(path).catch(() => []);
      seen += inside.length;
      if (seen > MOST_FILES) return files;
      files.push(...(await readAll(path, inside, `${name}/`)));
      next.push(...inside.map(child => join(name, child)));
    }
    level = next;
  }
  return files;
}

/** What a file is; `undefined` for one that says nothing of rules, links or settings. */
export function recognise(name: string, text: string): NodeFile | undefined {
  // A snapshot says of a command that failed: "# not read: ..." (take.ts).
  if (text.startsWith('# not read: ')) return undefined;
  const kind = kindOf(basename(name), text);
  return kind === undefined ? undefined : { name, kind, text };
}

function kindOf(name: string, text: string): FileKind | undefined {
  const head = text.slice(0, 65536);
  if (/^kube-proxy-[a-z]+\.(txt|json)$/.test(name) || /^kind: KubeProxyConfiguration/m.test(head)) {
    return 'kube-proxy';
  }
  if (
    /^create \S+ (hash|bitmap|list):/m.test(head) ||
    /^Name: \S+\nType: (hash|bitmap|list):/m.test(head)
  ) {
    return 'ipset';
  }
  if (/^ps_[a-z-]*aux/.test(name)) return /kube-?proxy/.test(text) ? 'kube-proxy' : undefined;
  if (/^[ \t]*kernelVersion: \d/m.test(text)) return 'kernel';
  if (/"cniVersion"\s*:|^FLANNEL_NETWORK=/m.test(head)) return 'cni';
  if (/^\s*\{\s*"nftables"/.test(head)) return 'nft-json';
  if (/^\s*\[/.test(head)) return /"(ifname|dst|mac)"/.test(head) ? 'ip' : undefined;
  if (/^# Generated by ip6?tables|^\*[a-z]+\s*$/m.test(head)) return 'iptables-save';
  if (/^Chain \S+ \((policy|\d+ references)/m.test(head)) return 'iptables-listing';
  if (/\.nft$/.test(name) || /^table (ip6?|inet|arp|bridge|netdev) \S+/m.test(head))
    return 'nft-text';
  if (/^Features for \S+:/m.test(head) || /^## \S+\n.*\n?.*checksumming:/m.test(head))
    return 'offload';
  if (IP_TEXT.some(pattern => pattern.test(head))) return 'ip';
  if (/^\/proc\/net\/ip6?_tables_names:/m.test(head)) return 'legacy-tables';
  if (/^kernel \S+/m.test(head) || /^Linux (\S+ )?\d+\.\d+/.test(head)) return 'kernel';
  if (/^(PRETTY_NAME|ID)=/m.test(head) && /^NAME=/m.test(head)) return 'os-release';
  if (/^Ubuntu \d\S* \d+\.\d+/.test(head)) return 'kernel';
  if (/^uname/.test(name) && /^\d+\.\d+/.test(head)) return 'kernel';
  if (/^(\/proc\/sys\/)?(net|kernel)[./]\S+( =|\s)/m.test(head)) return 'sysctl';
  return nameSays(name);
}

/** Links and addresses, routes, neighbours, forwarding entries. */
const IP_TEXT = [
  /^\d+: \S+: </m,
  /^(default|\d[\d.]+\/\d+) (via|dev) /m,
  /^\S+ dev \S+ lladdr [\da-f:]{17} /m,
  /^[\da-f:]{17} dev \S+ /m,
];

/** Files that are empty or broken are known by their names alone, and then their fault can be said. */
function nameSays(name: string): FileKind | undefined {
  if (/^ip6?tables.*save/.test(name)) return 'iptables-save';
  if (/^nft.*\.json$/.test(name)) return 'nft-json';
  return /^nft-.*ruleset/.test(name) ? 'nft-text' : undefined;
}
