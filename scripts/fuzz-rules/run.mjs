/** Runs the cases and compares. */
import { cpus } from 'node:os';
import { dist } from './dist.mjs';
import { generate } from './generate.mjs';
import { measure } from './measure.mjs';
import { predictCase, same } from './predict.mjs';

const MOST_SHOWN = 10;

export async function fuzz({ cases, seed, only, keep }) {
  const { settleIn } = await dist('lab/settle.js');
  const { localNode } = await dist('node/local.js');
  await settleIn(localNode('fuzz'));
  const numbers =
    only === undefined ? Array.from({ length: Number(cases) }, (_, n) => n) : [Number(only)];
  const tally = { agreed: 0, disagreed: 0, uncertain: 0, refused: 0, rewritten: 0, listed: 0 };
  const started = Date.now();
  const next = numbers[Symbol.iterator]();
  const work = async () => {
    for (const number of next) {
      if (tally.disagreed >= MOST_SHOWN && !keep) return;
      await oneCase(number, Number(seed), only !== undefined, tally);
    }
  };
  await Promise.all(cpus().map(work));
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  process.stdout.write(
    `seed ${seed}: ${tally.agreed} cases agree (${tally.rewritten} of them rewritten), ` +
      `${tally.disagreed} disagree, ${tally.uncertain} uncertain, ` +
      `${tally.refused} refused by the kernel; ${tally.listed} agree by iptables -nvL alone; ${seconds} s\n`,
  );
  return tally.disagreed > 0 ? 1 : 0;
}

async function oneCase(number, seed, show, tally) {
  const rules = generate(seed, number);
  const measured = await measure(rules);
  if (show) print(rules, measured);
  if (measured.refused !== undefined) {
    tally.refused += 1;
    if (show) process.stdout.write(`refused: ${measured.refused}\n`);
    return;
  }
  const predicted = await predictCase(measured, rules.order);
  if (show) process.stdout.write(`${predicted.steps}\n`);
  if (predicted.listed === 'agrees') tally.listed += 1;
  if (/^says/.test(predicted.listed)) {
    tally.disagreed += 1;
    process.stdout.write(
      `case ${number}: the listing ${predicted.listed}\n          kernel ${JSON.stringify(measured.facts)}\n`,
    );
    return;
  }
  if (predicted.uncertain) {
    tally.uncertain += 1;
    process.stdout.write(`case ${number}: uncertain: ${predicted.uncertain}\n`);
    return;
  }
  if (!predicted.possible) {
    process.stdout.write(`case ${number}: without the order, the walk rules out what happened\n`);
  } else if (same(predicted.facts, measured.facts)) {
    tally.agreed += 1;
    if (measured.facts.outer?.rewritten) tally.rewritten += 1;
    return;
  }
  tally.disagreed += 1;
  const [said, was] = [predicted.facts, measured.facts].map(facts => JSON.stringify(facts));
  process.stdout.write(`case ${number}: walk   ${said}\n          kernel ${was}\n`);
}

function print(rules, measured) {
  for (const { name, text } of rules.files) process.stdout.write(`--- ${name}\n${text}`);
  process.stdout.write(`--- order: ${rules.order.join(', ')}\n`);
  for (const { name, text } of measured.files ?? []) {
    if (/save|nft/.test(name)) process.stdout.write(`--- saved ${name}\n${text}`);
  }
  process.stdout.write(`--- conntrack\n${measured.conntrack ?? ''}`);
}
