/** Small rule sets on a node like rulesets/node-a, walked with one flow. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadRules } from '../../src/rules/load.js';
import { explore } from '../../src/rules/oracle.js';
import { type Outcome, outcomeOf } from '../../src/rules/outcome.js';
import { senderFrom } from '../../src/rules/sender.js';
import type { Flow } from '../../src/rules/two-passes.js';
import { type NodeFile, recognise } from '../../src/snapshot/node-files.js';
import { parseNetwork } from '../../src/snapshot/read-network.js';

export const RULESETS = join(import.meta.dirname, 'rulesets');

/** The files of a folder that say something. */
export function filesIn(folder: string): NodeFile[] {
  return readdirSync(folder).flatMap(
    name => recognise(name, readFileSync(join(folder, name), 'utf8')) ?? [],
  );
}

export const NODE_A: readonly NodeFile[] = filesIn(join(RULESETS, 'node-a'));

/** From the host to the service, 10.96.0.20:80, whose endpoint 10.244.1.2:8080 is behind flannel.1. */
export const TO_SERVICE: Flow = { from: 'host', protocol: 'tcp', address: '10.96.0.20', port: 80 };

export interface Loaded {
  /** Name of a file to its text. */
  readonly files: Readonly<Record<string, string>>;
  readonly order?: readonly string[];
  readonly flow?: Flow;
}

/** Every way that the flow's first packet can take. */
export function ways({ files, order = [], flow = TO_SERVICE }: Loaded): Outcome[] {
  const read = Object.entries(files).flatMap(([name, text]) => recognise(name, text) ?? []);
  const { ruleset, order: named } = loadRules(read, order);
  const sender = senderFrom({
    book: { ruleset, order: named },
    network: parseNetwork(
      [...NODE_A, ...read].filter(({ kind }) => kind === 'ip').map(({ text }) => text),
    ),
    sysctls: undefined,
    target: undefined,
  });
  return explore(oracle => outcomeOf(flow, sender, oracle), 4096).runs.map(({ result }) => result);
}

/** The only way; fails if there are several. */
export function way(loaded: Loaded): Outcome {
  const all = ways(loaded);
  const [only] = all;
  if (!only || all.length !== 1) throw new Error(`${all.length} ways instead of one`);
  return only;
}

/** The marks that the inner packet leaves with, and the outer datagram begins with. */
export function carriedMark(loaded: Loaded): number {
  const { journey } = way(loaded);
  if (journey.kind !== 'tunnelled') throw new Error(journey.because);
  return journey.carried;
}

export const DNAT =
  '-A OUTPUT -d 10.96.0.20/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.1.2:8080';

/** A nat table that leads to the endpoint, with these rules; chains that they name are declared. */
export function natTable(rules: readonly string[], before: readonly string[] = []): string {
  const all = [...before, DNAT, ...rules];
  const own = new Set(all.map(rule => /^-A (\S+)/.exec(rule)?.[1] ?? ''));
  const chains = [...own].filter(name => !/^(OUTPUT|POSTROUTING)$/.test(name));
  return [
    '*nat',
    ':OUTPUT ACCEPT [0:0]',
    ':POSTROUTING ACCEPT [0:0]',
    ...chains.map(name => `:${name} - [0:0]`),
    ...all,
    'COMMIT',
    '',
  ].join('\n');
}
