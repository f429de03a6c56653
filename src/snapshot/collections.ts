/**
 * Where the files of use lie in what support tools collect: a sos report (sos/report/plugins of
 * sosreport/sos) and an OpenShift must-gather (collection-scripts of openshift/must-gather). Both are
 * trees of thousands of files, most of them about something else, or about other network namespaces.
 */
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

export interface Collection {
  readonly kind: 'sos report' | 'must-gather';
  /** Its top, relative to the folder that was searched; empty if it is that folder. */
  readonly path: string;
  /** Files of use, relative to the folder that was searched. */
  readonly files: readonly string[];
  /** What such a collection does not have, and how to get it. */
  readonly gaps: readonly string[];
}

const DEEPEST = 3;
const MOST_FOLDERS = 200;
const MOST_FILES = 500;

/** Collections in a folder, itself or a few levels below. */
export async function findCollections(folder: string): Promise<Collection[]> {
  const found: Collection[] = [];
  let level = [''];
  for (let depth = 0, seen = 0; depth <= DEEPEST && level.length > 0; depth++) {
    const next: string[] = [];
    for (const path of level) {
      seen += 1;
      if (seen > MOST_FOLDERS) return found;
      const entries = await entriesOf(join(folder, path));
      const names = new Set(entries.filter(entry => entry.isDirectory()).map(({ name }) => name));
      if (names.has('sos_commands')) found.push(await sosReport(folder, path));
      else if (names.has('cluster-scoped-resources')) found.push(await mustGather(folder, path));
      else next.push(...[...names].sort().map(name => join(path, name)));
    }
    level = next;
  }
  return found;
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch(() => []);
}

/** A folder of the collection, and which of its files are of use. */
type Place = readonly [folder: string, names: RegExp];

/**
 * Commands are named after themselves, with `_` for what is no letter (_mangle_command()). Other network
 * namespaces are in folders of their own below networking/, and stay out.
 */
const SOS: readonly Place[] = [
  ['sos_commands/firewall_tables', /^(ip6?tables[_-].*|nft_.*)$/],
  [
    'sos_commands/networking',
    /^(ip6?tables[_-].*|nft_.*|ip_.*(link|addr|address|route|neigh).*|bridge_.*fdb.*|ethtool_-k_.*)$/,
  ],
  ['sos_commands/kernel', /^(uname_-a|sysctl_-a)$/],
  ['sos_commands/process', /^ps_[a-z-]*aux[a-z]*$/],
  ['etc', /^os-release$/],
  ['etc/cni/net.d', /\.conf(list)?$/],
  ['run/flannel', /^subnet\.env$/],
];

async function sosReport(folder: string, path: string): Promise<Collection> {
  const files = await filesAt(folder, path, SOS);
  return { kind: 'sos report', path, files, gaps: [] };
}

const MUST_GATHER: readonly Place[] = [
  ['cluster-scoped-resources/core/nodes', /\.yaml$/],
  ['host_network_logs', /^ip-(address|route[46])-.*\.log$/],
];

/** Its logs are of many nodes. Those of one are taken: the first that has a file of its own. */
async function mustGather(folder: string, path: string): Promise<Collection> {
  const all = await filesAt(folder, path, MUST_GATHER);
  const nodes = all.flatMap(file => /\/nodes\/([^/]+)\.yaml$/.exec(`/${file}`)?.[1] ?? []);
  const [node, ...others] = nodes;
  const isOf = (file: string) =>
    node === undefined || file.endsWith(`/${node}.yaml`) || file.endsWith(`-${node}.log`);
  const name = node ?? 'NODE';
  return {
    kind: 'must-gather',
    path,
    files: all.filter(isOf),
    gaps: [
      `a must-gather has no rules: oc debug node/${name} -- chroot /host sh -c 'iptables-save -c' > iptables-save.txt, the same with 'nft -a list ruleset' > nft-list-ruleset.txt; then --dir both folders`,
      ...(others.length === 0 ? [] : [`other nodes of the must-gather: ${others.join(', ')}`]),
    ],
  };
}

async function filesAt(folder: string, path: string, places: readonly Place[]): Promise<string[]> {
  const lists = await Promise.all(
    places.map(async ([place, names]) => {
      const entries = await entriesOf(join(folder, path, place));
      // A link may lead out of the collection; sos links only where it has the file itself.
      const own = entries.filter(entry => entry.isFile() && names.test(entry.name));
      return own.map(({ name }) => join(path, place, name)).sort();
    }),
  );
  return lists.flat().slice(0, MOST_FILES);
}
