/**
 * Rule sets of a folder, each in a namespace of its own: what the kernel does with them, and whether the
 * walk says the same. A set is a folder with the files that are loaded and a `truth.json` that says in
 * which order, on which VXLAN device, and where datagrams are sent; see test/rules/written/README.md.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dist } from './dist.mjs';
import { measure } from './measure.mjs';
import { predictCase, same } from './predict.mjs';

/** Prints one JSON document a datagram; 1 if the walk disagreed with the kernel. */
export async function measureSets(folder) {
  const { settleIn } = await dist('lab/settle.js');
  const { localNode } = await dist('node/local.js');
  await settleIn(localNode('sets'));
  let code = 0;
  for (const name of setsIn(folder)) {
    for (const result of await measureSet(join(folder, name))) {
      process.stdout.write(`${JSON.stringify({ name, ...result })}\n`);
      if (!result.agrees) code = 1;
    }
  }
  return code;
}

function setsIn(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

async function measureSet(folder) {
  const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8'));
  const order = truth.restoredInThisOrder;
  const files = order.map(name => ({ name, text: readFileSync(join(folder, name), 'utf8') }));
  const results = [];
  for (const endpoint of Object.keys(truth.measured)) {
    const [address, port] = endpoint.split(':');
    const setting = { ...truth, target: { address, port: Number(port) } };
    const measured = await measure({ files, order }, setting);
    if (measured.refused !== undefined) {
      results.push({ target: endpoint, refused: measured.refused, agrees: false });
      continue;
    }
    const { facts, uncertain } = await predictCase(measured, order, setting);
    const agrees = uncertain === undefined && same(facts, measured.facts);
    results.push({ target: endpoint, measured: measured.facts, walked: facts, uncertain, agrees });
  }
  return results;
}
