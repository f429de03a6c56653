/** The same case on paper. */
import { dist } from './dist.mjs';
import { FLANNEL } from './measure.mjs';

const { loadRules } = await dist('rules/load.js');
const { senderFrom } = await dist('rules/sender.js');
const { explore } = await dist('rules/oracle.js');
const { outcomeOf } = await dist('rules/outcome.js');
const { recognise } = await dist('snapshot/node-files.js');
const { parseNetwork } = await dist('snapshot/read-network.js');

const MOST_WAYS = 256;

export async function predictCase(measured, order, { target } = FLANNEL) {
  const files = measured.files.flatMap(({ name, text }) => recognise(name, text) ?? []);
  const { ruleset, order: named } = loadRules(files, order);
  const network = parseNetwork(files.filter(({ kind }) => kind === 'ip').map(({ text }) => text));
  const results = walk(ruleset, named, network, target);
  const [first] = results;
  const other = results.find(({ facts }) => !same(facts, first.facts));
  const steps = first.result.steps
    .map(({ pass, hook, chain, rule, effect }) => `${pass} ${hook} ${chain} | ${rule} | ${effect}`)
    .join('\n');
  const doubt = results.find(({ result }) => result.doubt !== null)?.result.doubt;
  const uncertain = doubt ? doubt.text : other?.choices.at(-1)?.text;
  // Not told the order, the walk must at least hold possible what happened.
  const possible = walk(ruleset, [], network, target).some(({ facts }) =>
    same(facts, measured.facts),
  );
  return { facts: first.facts, steps, uncertain, possible };
}

function walk(ruleset, order, network, target) {
  const sender = senderFrom({
    book: { ruleset, order },
    network,
    sysctls: undefined,
    target: undefined,
  });
  const flow = { from: 'host', protocol: 'udp', ...target };
  const { runs } = explore(oracle => outcomeOf(flow, sender, oracle), MOST_WAYS);
  return runs.map(({ result, choices }) => ({ result, choices, facts: factsOf(result) }));
}

export function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

function factsOf({ journey }) {
  const { inner, outer, because = '' } = { outer: undefined, ...journey };
  // What is dropped is never confirmed, and conntrack does not list it.
  const dropped = /^the packet is (dropped|rejected)/.test(because);
  const tracked = packet => packet && packet.tracking === 'tracked' && packet.sourceDecided;
  return {
    inner:
      tracked(inner) && !dropped
        ? {
            source: inner.source,
            destination: `${inner.destination}:${inner.destinationPort}`,
            rewritten: inner.portRewritten,
          }
        : undefined,
    outer: tracked(outer) ? { source: outer.source, rewritten: outer.portRewritten } : undefined,
  };
}
