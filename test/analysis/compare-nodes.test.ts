import { describe, expect, it } from 'vitest';
import { nodeChanges, ruleChanges } from '../../src/analysis/compare-nodes.js';
import { readNodeFacts } from '../../src/evidence/read-node-facts.js';
import type { NodeFacts } from '../../src/snapshot/node-facts.js';
import { recordings } from '../support/recordings.js';

const facts = (end: string): Promise<NodeFacts[]> => {
  const recording = recordings.find(({ name }) => name.endsWith(end))!;
  return Promise.all(['node-a', 'node-b'].map(node => readNodeFacts(recording.file(node), node)));
};

const bare = (node: string, changes: Partial<NodeFacts> = {}): NodeFacts => ({
  node,
  snapshot: undefined,
  versions: [],
  counters: [],
  chains: null,
  gaps: [],
  ...changes,
});

describe('what changed on the nodes', () => {
  it('is the mitigation and what it changed in the counters', async () => {
    const changes = nodeChanges(
      await facts('5.4.33/double-snat-udpcsum'),
      await facts('5.4.33/udpcsum-vxlan-tx-offload-off'),
    );
    expect(changes).toContainEqual({
      kind: 'offload',
      what: 'node-a: vxlan.1 tx-checksum-ip-generic',
      a: 'on',
      b: 'off',
    });
    expect(changes).toContainEqual({
      kind: 'counter',
      what: 'node-b: UdpInCsumErrors in the run',
      a: '+1',
      b: '0',
    });
    expect(changes.filter(({ kind }) => kind === 'snapshot')).toEqual([]);
  });

  it('is a kernel setting that has another value', async () => {
    const changes = nodeChanges(
      await facts('6.18.44/double-snat-zero-checksum'),
      await facts('6.18.44/zero-checksum-no-rehash'),
    );
    expect(changes).toContainEqual({
      kind: 'setting',
      what: 'node-a: net.core.txrehash',
      a: '1',
      b: '0',
    });
  });

  it('is a version, or one line where nobody saved any', () => {
    const with52 = bare('node-a', { versions: [{ name: 'kernel', value: '5.2' }] });
    const with53 = bare('node-a', { versions: [{ name: 'kernel', value: '5.3' }] });
    expect(nodeChanges([with52], [with53])).toEqual([
      { kind: 'version', what: 'node-a: kernel', a: '5.2', b: '5.3' },
    ]);
    expect(nodeChanges([with52], [bare('node-a')])).toEqual([
      { kind: 'snapshot', what: 'node-a: versions', a: 'saved', b: 'not saved' },
    ]);
  });

  it('is nothing between a recording and itself', async () => {
    const same = await facts('5.4.33/double-snat-udpcsum');
    expect(nodeChanges(same, same)).toEqual([]);
    expect(ruleChanges(same, same)).toEqual({ chains: [], leftOut: 0 });
  });
});

describe('what changed in the rules', () => {
  it('is kube-proxy’s patch, in the chain it is in, without counters', async () => {
    const { chains } = ruleChanges(
      await facts('5.4.33/double-snat-udpcsum'),
      await facts('5.4.33/patched-udpcsum'),
    );
    expect(chains[0]).toEqual({
      node: 'node-a',
      table: 'ip nat (legacy)',
      chain: 'KUBE-POSTROUTING',
      // The lines of both iptables-save files, as they stand there.
      diff: [
        '- -A KUBE-POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE --random-fully',
        '+ -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
        '+ -A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0',
        '+ -A KUBE-POSTROUTING -j MASQUERADE --random-fully',
      ],
    });
    expect(chains.map(({ node }) => node)).toEqual(['node-a', 'node-b']);
  });

  it('is the order as well', () => {
    const with2 = (rules: string[]) =>
      bare('n', { chains: [{ table: 'ip nat', chain: 'POSTROUTING', rules }] });
    const { chains } = ruleChanges([with2(['a', 'b'])], [with2(['b', 'a'])]);
    expect(chains[0]?.diff).toEqual(['- a', '  b', '+ a']);
  });

  it('names the chains of the second SNAT first, and counts those beyond the bound', () => {
    const chains = (suffix: string) => [
      ...Array.from({ length: 150 }, (_, index) => ({
        table: 'ip filter',
        chain: `KUBE-SVC-${index}`,
        rules: [`-j ACCEPT ${suffix}`],
      })),
      { table: 'ip nat', chain: 'KUBE-POSTROUTING', rules: [`-j MASQUERADE ${suffix}`] },
    ];
    const { chains: listed, leftOut } = ruleChanges(
      [bare('n', { chains: chains('1') })],
      [bare('n', { chains: chains('2') })],
    );
    expect(listed[0]?.chain).toBe('KUBE-POSTROUTING');
    expect([listed.length, leftOut]).toEqual([100, 51]);
  });

  it('shows lines around a change, and counts the others', () => {
    const rules = Array.from({ length: 20 }, (_, index) => `rule ${index}`);
    const changed = rules.with(10, 'another');
    const chain = (own: string[]) =>
      bare('n', { chains: [{ table: 'ip nat', chain: 'X', rules: own }] });
    expect(ruleChanges([chain(rules)], [chain(changed)]).chains[0]?.diff).toEqual([
      '  (8 rules the same)',
      '  rule 8',
      '  rule 9',
      '- rule 10',
      '+ another',
      '  rule 11',
      '  rule 12',
      '  (7 rules the same)',
    ]);
  });
});
