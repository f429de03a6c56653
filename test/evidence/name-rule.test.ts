import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DEFAULT_EXIT_POLICY } from '../../src/analysis/exit-code.js';
import { examinePaths } from '../../src/evidence/examine.js';

const root = new URL('../../captures/', import.meta.url).pathname;
const recordings = readdirSync(root)
  .filter(kernel => kernel.startsWith('linux-'))
  .flatMap(kernel => readdirSync(join(root, kernel)).map(name => `${kernel}/${name}`));

it.each(recordings)('names the rule of the second SNAT, or none: %s', async recording => {
  const { flow } = JSON.parse(readFileSync(join(root, recording, 'expected.json'), 'utf8'));
  const isRewritten = flow.outerSourcePortBefore !== flow.outerSourcePortAfter;
  const options = { tunnelPorts: [], policy: DEFAULT_EXIT_POLICY };
  const { rule, witnesses } = await examinePaths([join(root, recording)], options);
  expect(rule !== null).toBe(isRewritten);
  if (!rule) return;
  // Each of these rule sets masquerades in one place only: the line is found by hand.
  const lines = readFileSync(join(root, recording, 'node-a', rule.file), 'utf8').split('\n');
  const masquerading = lines.flatMap((line, index) =>
    /-j MASQUERADE/.test(line) ? [index + 1] : [],
  );
  expect(masquerading).toEqual([rule.line]);
  expect(rule).toMatchObject({ node: 'node-a', chain: 'KUBE-POSTROUTING' });
  const after = readFileSync(join(root, recording, 'node-a/iptables-save.after.txt'), 'utf8');
  const counted = Number(/^\[(\d+):\d+\] .*-j MASQUERADE/m.exec(after)?.[1]);
  expect(rule.packetsAfter).toBe(counted);
  const counters = witnesses.find(({ kind }) => kind === 'rule-counters');
  expect(counters?.statement).toContain(`matched ${counted - (rule.packetsBefore ?? 0)} packets`);
});
