/** Adds to a verdict the rule that did the second SNAT, where the sender's rules were saved. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FlowReport, RuleReport, VerdictDocument, Witness } from '../analysis/verdict.js';
import { messageOf, StalesumError } from '../errors.js';
import type { NamedRule } from '../rules/name-rule.js';
import type { NodeSnapshot } from '../snapshot/node-snapshot.js';
import { SNAPSHOT_FILES } from '../snapshot/read-folder.js';

/** A node's folder, and what was read from it. */
export interface SnapshotFolder {
  readonly folder: string;
  readonly node: string;
  readonly snapshot: NodeSnapshot | undefined;
}

const REWRITTEN: ReadonlySet<string> = new Set([
  'stale-checksum',
  'mangled-checksum',
  'double-snat-harmless',
]);

/** The verdict with the rule named; as it is, where there are no rules or they do not explain it. */
export async function withRule(
  verdict: VerdictDocument,
  folders: readonly SnapshotFolder[],
): Promise<VerdictDocument> {
  const [flow] = verdict.flows;
  const outer = flow?.outer;
  if (!flow || !outer || !REWRITTEN.has(verdict.verdict)) return verdict;
  const sender = folders.find(({ snapshot }) => snapshot?.links?.addresses.has(outer.source));
  if (!sender) return verdict;
  try {
    const rule = await nameRule(flow, sender.folder);
    if (!rule) return verdict;
    const witness = ruleCounters(rule, verdict);
    return {
      ...verdict,
      rule: reportRule(rule, sender.node),
      witnesses: witness ? [...verdict.witnesses, witness] : verdict.witnesses,
    };
  } catch (thrown) {
    // Packets prove without the rules; what is wrong with those is said.
    if (!(thrown instanceof StalesumError)) throw thrown;
    const warning = `${sender.node}: rules not walked: ${messageOf(thrown)}`;
    return { ...verdict, warnings: [...verdict.warnings, warning] };
  }
}

async function nameRule(flow: FlowReport, folder: string): Promise<NamedRule | undefined> {
  const { protocol, destination, service } = flow.inner;
  const endpoint = endpointOf(destination);
  if ((protocol !== 'tcp' && protocol !== 'udp') || !endpoint) return undefined;
  // Loaded only here: most analyses have no rules to walk.
  const [{ namePostroutingRule }, { recognise }, { parseNetwork }] = await Promise.all([
    import('../rules/name-rule.js'),
    import('../snapshot/node-files.js'),
    import('../snapshot/read-network.js'),
  ]);
  const read = async (names: readonly string[]) => {
    const texts = await Promise.all(names.map(name => readIfThere(join(folder, name))));
    return names.flatMap((name, index) => {
      const text = texts[index];
      return text === undefined ? [] : (recognise(name, text) ?? []);
    });
  };
  const { rulesBefore, rulesAfter, nftRules, links } = SNAPSHOT_FILES;
  const before = await read([rulesBefore, `ip6${rulesBefore.slice(2)}`, nftRules]);
  const after = await read([rulesAfter, `ip6${rulesAfter.slice(2)}`]);
  if (before.length === 0 && after.length === 0) return undefined;
  return namePostroutingRule(
    before.length > 0 ? before : after,
    after,
    { protocol, destination: endpoint, service: service ? endpointOf(service) : undefined },
    parseNetwork([(await readIfThere(join(folder, links))) ?? '']),
  );
}

function reportRule(rule: NamedRule, node: string): RuleReport {
  return { node, ...rule };
}

/** Packets that the rule counted during the run: one would be the inner one's. */
function ruleCounters(rule: NamedRule, { flows }: VerdictDocument): Witness | undefined {
  const { packetsBefore, packetsAfter, chain } = rule;
  if (packetsBefore === null || packetsAfter === null || packetsAfter <= packetsBefore) {
    return undefined;
  }
  const grown = packetsAfter - packetsBefore;
  const connections = flows.length === 1 ? '1 connection' : `${flows.length} connections`;
  return {
    kind: 'rule-counters',
    statement: `the rule in ${chain} matched ${grown} packets for ${connections}`,
    frames: [],
  };
}

function endpointOf(text: string): { address: string; port: number } | undefined {
  const match = /^\[?([0-9a-fA-F:.]+?)\]?:(\d+)$/.exec(text);
  return match ? { address: match[1] ?? '', port: Number(match[2]) } : undefined;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  }
}
