/**
 * Which rule did the second SNAT of a convicted flow: for `analyze` and `reproduce`, which have the
 * sender's saved rules and know from the packets that it happened. The rules are walked as `inspect`
 * walks them; of the ways that rewrite the port, the rule that did it is named.
 */
import type { Network } from '../snapshot/network.js';
import type { NodeFile } from '../snapshot/node-files.js';
import { loadRules } from './load.js';
import type { Rule, Ruleset } from './model.js';
import { explore } from './oracle.js';
import { isTranslation, outcomeOf } from './outcome.js';
import { senderFrom } from './sender.js';
import { servicesOf } from './services.js';
import { stripVolatile } from './text.js';
import type { Flow } from './two-passes.js';
import type { Step } from './walk.js';

export interface ConvictedFlow {
  readonly protocol: 'tcp' | 'udp';
  /** The inner destination on the wire: the endpoint, after DNAT. */
  readonly destination: { readonly address: string; readonly port: number };
  /** Where the client connected to, if that is known; else every service with that endpoint is tried. */
  readonly service: { readonly address: string; readonly port: number } | undefined;
}

export interface NamedRule {
  readonly file: string;
  readonly line: number | null;
  readonly table: string;
  readonly chain: string;
  /** Without comments and counters: `-A KUBE-POSTROUTING -m mark ... -j MASQUERADE --random-fully`. */
  readonly rule: string;
  /** Packets that it had counted before and after the run; null where nobody counted. */
  readonly packetsBefore: number | null;
  readonly packetsAfter: number | null;
}

/** More is not needed to find one way that rewrites. */
const MOST_WAYS = 512;

/**
 * Names the rule of the sender's POSTROUTING that translated the outer datagram.
 *
 * @param before The sender's rule files of before the run (iptables-save, nft text or JSON); those of
 *   after it do as well, where there are no others.
 * @param after The same files after the run, for the counters; may be empty.
 * @param network The sender's links, addresses and routes; EMPTY_NETWORK if they were not saved.
 * @returns `undefined` if no way through these rules rewrites the port: then they are not the rules
 *   that the packet met.
 * @throws StalesumError `bad-input` with file and line if a file cannot be read as rules.
 */
export function namePostroutingRule(
  before: readonly NodeFile[],
  after: readonly NodeFile[],
  flow: ConvictedFlow,
  network: Network,
): NamedRule | undefined {
  const { ruleset } = loadRules(before, []);
  for (const candidate of candidateFlows(flow, ruleset)) {
    const found = secondSnat(candidate, flow, ruleset, network);
    if (found) return withCounters(found, ruleset, after);
  }
  return undefined;
}

/** The service, from the host and from a pod; without one, all services, then the endpoint itself. */
function candidateFlows(
  { protocol, service, destination }: ConvictedFlow,
  ruleset: Ruleset,
): Flow[] {
  const known = servicesOf(ruleset).flatMap(({ address, port, protocol: its }) =>
    address !== null && its === protocol ? [{ address, port }] : [],
  );
  const targets = service ? [service] : [...known, destination];
  return targets.flatMap(target =>
    (['host', 'pod'] as const).map(from => ({ from, protocol, ...target })),
  );
}

function secondSnat(
  candidate: Flow,
  { destination }: ConvictedFlow,
  ruleset: Ruleset,
  network: Network,
): Step | undefined {
  const sender = senderFrom({
    book: { ruleset, order: [] },
    network,
    sysctls: undefined,
    target: candidate.address,
  });
  const { runs } = explore(oracle => outcomeOf(candidate, sender, oracle), MOST_WAYS);
  for (const { result } of runs) {
    const { journey, steps } = result;
    if (journey.kind !== 'tunnelled') continue;
    const { inner, outer } = journey;
    const meets =
      inner.destination === destination.address && inner.destinationPort === destination.port;
    const step = steps.findLast(found => found.pass === 'outer' && isTranslation(found));
    const changed = outer.portRewritten || outer.addressRewritten;
    if (meets && changed && step) return step;
  }
  return undefined;
}

function withCounters(step: Step, ruleset: Ruleset, after: readonly NodeFile[]): NamedRule {
  const { file, line, table, chain, rule } = step;
  const text = stripVolatile(rule);
  const packets = (rules: Ruleset) => findRule(rules, chain, text)?.counters?.packets ?? null;
  return {
    file,
    line,
    table,
    chain,
    rule: text,
    packetsBefore: packets(ruleset),
    packetsAfter: after.length === 0 ? null : packets(loadRules(after, []).ruleset),
  };
}

function findRule({ tables }: Ruleset, chain: string, text: string): Rule | undefined {
  for (const { chains } of tables) {
    const found = chains.get(chain)?.rules.find(rule => stripVolatile(rule.text) === text);
    if (found) return found;
  }
  return undefined;
}
