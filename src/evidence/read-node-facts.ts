/** Reads what a recording's node folder says of the node. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, StalesumError } from '../errors.js';
import type { CounterReading, NodeFacts, Setting } from '../snapshot/node-facts.js';
import type { NodeSnapshot } from '../snapshot/node-snapshot.js';
import { readNodeSnapshot, SNAPSHOT_FILES } from '../snapshot/read-folder.js';

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
