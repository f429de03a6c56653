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
  const all = measured.files.flatMap(({ name, text }) => recognise(name, text) ?? []);
  const files = all.filter(({ kind }) => kind !== 'iptables-listing');
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
  const orders = walk(ruleset, [], network, target);
  const possible = !orders[0].complete || orders.some(({ facts }) => same(facts, measured.facts));
  const listed = byListings(all, order, network, target, measured.facts);
  return { facts: first.facts, steps, uncertain, possible, listed };
}

/** Whether the listings say the same, where they say anything: `iptables -nvL` instead of iptables-save. */
function byListings(all, order, network, target, measured) {
  const files = all.filter(({ kind }) => kind !== 'iptables-save');
  if (!files.some(({ kind }) => kind === 'iptables-listing')) return 'none';
  const known = order.filter(name => files.some(file => file.name === name));
  const { ruleset, order: named } = loadRules(files, known);
  const results = walk(ruleset, named, network, target);
  const isUnsure = results.some(
    ({ facts, result }) => result.doubt !== null || !same(facts, results[0].facts),
  );
  if (isUnsure) return 'unsure';
  return same(results[0].facts, measured) ? 'agrees' : `says ${JSON.stringify(results[0].facts)}`;
}

function walk(ruleset, order, network, target) {
  const sender = senderFrom({
    book: { ruleset, order },
    network,
    sysctls: undefined,
    target: undefined,
  });
  const flow = { from: 'host', protocol: 'udp', ...target };
  const { runs, complete } = explore(oracle => outcomeOf(flow, sender, oracle), MOST_WAYS);
  return runs.map(({ result, choices }) => ({ result, choices, complete, facts: factsOf(result) }));
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
