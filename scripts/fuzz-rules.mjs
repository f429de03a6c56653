/**
 * Random rule sets against the kernel: does the rule walk say what Linux does?
 *
 *     npm run build && node scripts/fuzz-rules.mjs [--cases 400] [--seed 1] [--only NUMBER] [--keep]
 *     node scripts/fuzz-rules.mjs --sets test/rules/written
 *
 * Each case gets a network namespace of its own with a NIC and a VXLAN device, inside the lab's
 * namespaces (so no root is needed). Its rules, in iptables of either back end and in nft, in random
 * order of loading, are made from the seed (fuzz-rules/generate.mjs); one datagram is sent to a service
 * address; conntrack then tells what was translated in both passes. The rules are saved as tools save
 * them, read back by dist/rules and walked. Inner source and destination, whether a tracked outer
 * datagram left, its source address and whether its port was rewritten must all agree.
 *
 * Prints one line a disagreement, then the count; exit code 1 if there was one. `--only` runs one case
 * and prints it; `--keep` goes on after disagreements (otherwise the first ten end the run). `--sets` takes
 * rule sets that lie in a folder instead, and prints what the kernel did with each.
 * Needs dist/, unshare, iptables (both back ends), nft, conntrack. STALESUM_DIST names another dist.
 */
import { parseArgs } from 'node:util';
import { dist } from './fuzz-rules/dist.mjs';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '400' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    keep: { type: 'boolean', default: false },
    sets: { type: 'string' },
  },
});

const { enterLab, insideLab } = await dist('lab/enter.js');
if (insideLab()) {
  if (values.sets === undefined) {
    const { fuzz } = await import('./fuzz-rules/run.mjs');
    process.exitCode = await fuzz(values);
  } else {
    const { measureSets } = await import('./fuzz-rules/sets.mjs');
    process.exitCode = await measureSets(values.sets);
  }
  process.exit();
} else process.exitCode = await enterLab();
