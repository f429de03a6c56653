/** Calico's, portmap's and IPVS mode's rules: what the kernel did with them is what the walk says. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectFiles } from '../../src/rules/inspect.js';
import type { NodeFile } from '../../src/snapshot/node-files.js';
import { filesIn, NODE_A } from './support.js';

const WRITTEN = join(import.meta.dirname, 'written');

interface Truth {
  readonly what: string;
  readonly device: string;
  readonly tunnelPort: number;
  readonly restoredInThisOrder: readonly string[];
  readonly measured: Readonly<
    Record<string, { readonly outer?: { readonly rewritten: boolean } | undefined }>
  >;
}

function truthOf(set: string): Truth {
  return JSON.parse(readFileSync(join(WRITTEN, set, 'truth.json'), 'utf8')) as Truth;
}

/** rulesets/node-a with its VXLAN device under another name. */
function nodeWith({ device, tunnelPort }: Truth): NodeFile[] {
  return NODE_A.map(file => ({
    ...file,
    text: file.text.replaceAll('flannel.1', device).replaceAll('8472', String(tunnelPort)),
  }));
}

function predict(set: string, target: string, without: (file: NodeFile) => boolean = () => false) {
  const truth = truthOf(set);
  const files = [...filesIn(join(WRITTEN, set)), ...nodeWith(truth)].filter(file => !without(file));
  const [address = '', port] = target.split(':');
  const order = truth.restoredInThisOrder.filter(name => files.some(file => file.name === name));
  const { predictions } = inspectFiles(
    { files, gaps: [] },
    { source: 'host', target: { address, port: Number(port) }, protocol: 'udp', order },
  );
  const [only] = predictions;
  if (!only || predictions.length !== 1) throw new Error(`${predictions.length} predictions`);
  return only;
}

const sets = readdirSync(WRITTEN).filter(name => name !== 'README.md');
const cases = sets.flatMap(set =>
  Object.entries(truthOf(set).measured).map(([target, { outer }]) => ({
    set,
    target,
    // Untracked, or not in the tunnel at all: then nothing is rewritten either.
    rewritten: outer?.rewritten ?? false,
  })),
);

describe('as measured', () => {
  it.each(cases)('$set, $target: $rewritten', ({ set, target, rewritten }) => {
    expect(predict(set, target)).toMatchObject({
      certain: true,
      outerSourcePortRewritten: rewritten,
    });
  });
});

describe('the rule that decides', () => {
  const SERVICE = '10.96.0.10:80';

  it.each([
    ['calico-first', SERVICE, 'KUBE-POSTROUTING', /-j MASQUERADE --random-fully$/],
    ['calico-notrack', SERVICE, 'cali-OUTPUT', /--dport 4789 -j CT --notrack$/],
    ['calico-append', SERVICE, 'KUBE-POSTROUTING', /--set-xmark 0x4000\/0x0$/],
    ['calico-pool-over-nodes', SERVICE, 'cali-nat-outgoing', /-j MASQUERADE --random-fully$/],
    ['portmap-mark-of-kube-proxy', SERVICE, 'CNI-HOSTPORT-MASQ', /-j MASQUERADE$/],
  ])('%s: %s %s', (set, target, chain, rule) => {
    const { decidingRule } = predict(set, target);
    expect(decidingRule).toMatchObject({ chain, rule: expect.stringMatching(rule) });
  });

  it('Calico first: what would help is Calico, not kube-proxy', () => {
    const { recommendations } = predict('calico-first', SERVICE);
    const [first, ...others] = recommendations;
    expect(first?.why).toContain('cali-POSTROUTING -o vxlan.calico');
    expect(first?.command).toContain('"chainInsertMode":"Append"');
    expect(others.map(({ action }) => action).join()).not.toContain('Update kube-proxy');
  });

  it('a hostPort of a pod of this node goes into no tunnel', () => {
    expect(predict('portmap', '192.168.50.1:8081').verdict).toBe('no-tunnel-traffic');
  });
});

describe('without the members of the sets', () => {
  const withoutSets = ({ kind }: NodeFile) => kind === 'ipset';

  it('is uncertain where they decide, and says which', () => {
    const prediction = predict('calico-pool-over-nodes', '10.96.0.10:80', withoutSets);
    expect(prediction).toMatchObject({ certain: false, verdict: 'inconclusive' });
    expect(prediction.because).toMatch(/--match-set cali40(all|masq)-ipam-pools (src|dst)/);
    expect(prediction.because).toContain('ipset save');
    expect(new Set(prediction.outcomes.map(found => found.outerSourcePortRewritten))).toEqual(
      new Set([true, false]),
    );
  });

  it('is certain where they do not: the tunnel is not tracked', () => {
    expect(predict('calico-notrack', '10.96.0.10:80', withoutSets)).toMatchObject({
      certain: true,
      outerSourcePortRewritten: false,
    });
  });
});
