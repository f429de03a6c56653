/** A node's snapshot from the text files of a recording's `node-<name>/` folder. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseConntrackEvents, parseConntrackList } from './conntrack.js';
import { parseNstat } from './counters.js';
import { parseLinks } from './links.js';
import type { NodeSnapshot } from './node-snapshot.js';
import { parseOffload } from './offload.js';
import { parseSysctls } from './sysctl.js';

/** Names of the files, as bundles and recordings have them. */
export const SNAPSHOT_FILES = {
  conntrackEvents: 'conntrack-events.txt',
  conntrackList: 'conntrack-list.txt',
  countersBefore: 'nstat.before.txt',
  countersAfter: 'nstat.after.txt',
  rulesBefore: 'iptables-save.before.txt',
  rulesAfter: 'iptables-save.after.txt',
  nftRules: 'nft-ruleset.json',
  links: 'ip.txt',
  offload: 'ethtool-k.txt',
  sysctls: 'sysctl.txt',
  versions: 'versions.txt',
  readings: 'readings.jsonl',
} as const;

/** Reads what is there; `undefined` if the folder has none of the files. */
export async function readNodeSnapshot(
  folder: string,
  node: string,
): Promise<NodeSnapshot | undefined> {
  const read = (name: string) => readIfThere(join(folder, name));
  const [events, list, before, after, links, offload, sysctls, versions] = await Promise.all([
    read(SNAPSHOT_FILES.conntrackEvents),
    read(SNAPSHOT_FILES.conntrackList),
    read(SNAPSHOT_FILES.countersBefore),
    read(SNAPSHOT_FILES.countersAfter),
    read(SNAPSHOT_FILES.links),
    read(SNAPSHOT_FILES.offload),
    read(SNAPSHOT_FILES.sysctls),
    read(SNAPSHOT_FILES.versions),
  ]);
  const parts = [events, list, before, after, links, offload, sysctls, versions];
  if (parts.every(part => part === undefined)) return undefined;
  return {
    node,
    conntrackEvents: parsed(events, parseConntrackEvents),
    conntrackEntries: parsed(list, parseConntrackList),
    countersBefore: parsed(before, parseNstat),
    countersAfter: parsed(after, parseNstat),
    links: parsed(links, parseLinks),
    offload: parsed(offload, parseOffload),
    sysctls: parsed(sysctls, parseSysctls),
    kernel: /^kernel (\S+)/m.exec(versions ?? '')?.[1],
  };
}

function parsed<T>(text: string | undefined, parse: (text: string) => T): T | undefined {
  return text === undefined ? undefined : parse(text);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  }
}
