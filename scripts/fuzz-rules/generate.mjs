/** A random rule set: in which tools' hands, in which order they are loaded, and each one's rules. */
import { ipsetText, iptablesText } from './generate-iptables.mjs';
import { nftText } from './generate-nft.mjs';
import { Random } from './random.mjs';

/** Which tools have rules. nft's are read back as text or as JSON. */
const MIXES = [
  ['iptables-nft-save.txt'],
  ['iptables-legacy-save.txt'],
  ['nft-list-ruleset.txt'],
  ['nft-j-list-ruleset.json'],
  ['iptables-nft-save.txt', 'iptables-legacy-save.txt'],
  ['iptables-nft-save.txt', 'nft-list-ruleset.txt'],
  ['iptables-legacy-save.txt', 'nft-j-list-ruleset.json'],
  ['iptables-nft-save.txt', 'iptables-legacy-save.txt', 'nft-list-ruleset.txt'],
];

export function generate(seed, number) {
  const random = new Random(seed, number);
  const order = random.shuffle(random.pick(MIXES));
  // One of them leads to the service, else nothing enters the tunnel; seldom none.
  const leader = random.chance(0.97) ? random.pick(order) : undefined;
  const files = order.map(name => ({
    name,
    text: name.startsWith('nft')
      ? nftText(random, name === leader)
      : iptablesText(random, name === leader),
  }));
  if (!files.some(({ text }) => text.includes('--match-set'))) return { order, files };
  const sets = { name: 'ipset-save.txt', text: ipsetText() };
  return { order: [sets.name, ...order], files: [sets, ...files] };
}
