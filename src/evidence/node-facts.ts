/** What a recording's node folder says of the node, as reports and comparisons want it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, StalesumError } from '../errors.js';
import type { NodeSnapshot } from '../snapshot/node-snapshot.js';
import { readNodeSnapshot, SNAPSHOT_FILES } from '../snapshot/read-folder.js';

export interface NodeFacts {
  readonly node: string;
  readonly snapshot: NodeSnapshot | undefined;
  /** Lines of `versions.txt`: `kernel`, `iptables` and their like. */
  readonly versions: readonly Setting[];
  readonly counters: readonly CounterReading[];
  /** Its rules by table and chain, before the run; null where they were not saved. */
  readonly chains: readonly ChainRules[] | null;
  /** What could not be read, and why. */
  readonly gaps: readonly string[];
}

export interface Setting {
  readonly name: string;
  readonly value: string;
}

/** A protocol counter around the run. */
export interface CounterReading {
  readonly name: string;
  readonly before: number;
  readonly after: number;
}

/** The rules of one chain, in their order, without counters and handles. */
export interface ChainRules {
  /** `ip nat (iptables-nft)`. */
  readonly table: string;
  readonly chain: string;
  readonly rules: readonly string[];
}

const LARGEST_VERSIONS = 1 << 16;

/** Reads what is there of the folder of one node. */
export async function readNodeFacts(folder: string, node: string): Promise<NodeFacts> {
  const [snapshot, versions, rules] = await Promise.all([
    readNodeSnapshot(folder, node),
    readVersions(folder),
    readChains(folder, node),
  ]);
  return {
    node,
    snapshot,
    versions,
    counters: readingsOf(snapshot),
    chains: rules.chains,
    gaps: rules.gaps,
  };
}

async function readVersions(folder: string): Promise<Setting[]> {
  const text = await readFile(join(folder, SNAPSHOT_FILES.versions), 'utf8').catch(() => '');
  return text
    .slice(0, LARGEST_VERSIONS)
    .split('\n')
    .flatMap(line => {
      const match = /^([A-Za-z][\w.-]*) (\S.*)$/.exec(line.trimEnd());
      return match ? [{ name: match[1] ?? '', value: match[2] ?? '' }] : [];
    });
}

function readingsOf(snapshot: NodeSnapshot | undefined): CounterReading[] {
  const { countersBefore, countersAfter } = snapshot ?? {};
  if (!countersBefore || !countersAfter) return [];
  return [...countersAfter].flatMap(([name, after]) => {
    const before = countersBefore.get(name);
    return before === undefined ? [] : [{ name, before, after }];
  });
}

/** The walk's own reading of rules, of whatever files the folder has. */
async function readChains(
  folder: string,
  node: string,
): Promise<Pick<NodeFacts, 'chains' | 'gaps'>> {
  // Loaded only here: reports of captures alone have no rules to read.
  const [{ loadRules }, { isRules, readNodeFiles }, { stripVolatile }] = await Promise.all([
    import('../rules/load.js'),
    import('../snapshot/node-files.js'),
    import('../rules/text.js'),
  ]);
  try {
    const { files } = await readNodeFiles(folder);
    const saved = files.filter(isRules);
    if (saved.length === 0) return { chains: null, gaps: [] };
    const { ruleset } = loadRules(saved, []);
    const chains = ruleset.tables.flatMap(({ family, name, backend, chains: own }) => {
      const table = `${family} ${name}${backend === 'unsaid' ? '' : ` (${backend})`}`;
      return [...own.values()].map(chain => ({
        table,
        chain: chain.name,
        rules: chain.rules.map(({ text }) => stripVolatile(text)),
      }));
    });
    return { chains, gaps: [] };
  } catch (thrown) {
    if (!(thrown instanceof StalesumError)) throw thrown;
    return { chains: null, gaps: [`${node}: rules not read: ${messageOf(thrown)}`] };
  }
}
