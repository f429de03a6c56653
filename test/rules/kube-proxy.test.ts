/** kube-proxy's version and mode beside its rules: which of the rule sets contradict which version. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectFiles } from '../../src/rules/inspect.js';
import {
  carriesPatch,
  contradictions,
  modesOf,
  postroutingRules,
} from '../../src/rules/kube-proxy.js';
import { loadRules } from '../../src/rules/load.js';
import type { KubeProxy } from '../../src/snapshot/kube-proxy.js';
import { type NodeFile, recognise } from '../../src/snapshot/node-files.js';
import { filesIn, NODE_A, RULESETS } from './support.js';

const rulesetOf = (set: string) => loadRules(filesIn(join(RULESETS, set)), []).ruleset;
const running = (version: string, mode: KubeProxy['mode'] = 'iptables'): KubeProxy => ({
  version,
  mode,
  masqueradeBit: undefined,
  masqueradeAll: undefined,
  clusterCidr: undefined,
  running: true,
});

describe('versions with PR 92035 (1.16.13, 1.17.9, 1.18.6, 1.19.0)', () => {
  it.each([
    ['v1.16.12', false],
    ['v1.16.13', true],
    ['v1.17.8', false],
    ['v1.17.9', true],
    ['v1.18.5', false],
    ['v1.18.6', true],
    ['v1.19.0', true],
    ['v1.19.0-beta.2', undefined],
    ['v1.19.0-rc.1', true],
    ['v1.15.12', false],
    ['v1.28.4+k3s1', true],
    ['v1.17.9-eks-4c6976', true],
    ['1.36.2', true],
    ['latest', undefined],
    [undefined, undefined],
  ])('%s: %s', (version, expected) => {
    expect(carriesPatch(version)).toBe(expected);
  });
});

describe('whether the rules take the mark off', () => {
  it.each([
    ['pre92035-nftbackend', [false]],
    ['pre92035-legacy', [false]],
    ['pre92035-no-random-fully', [false]],
    ['1.19.1-nftbackend', [true]],
    ['1.28.4-legacy', [true]],
    ['1.28.4-bit15', [true]],
    ['1.28.4-set-mark-0-all-bits', [true]],
    ['1.28.4-xor-line-removed', [false]],
    ['1.30.5-nftables', [true]],
    ['1.36.2-nftables', [true]],
    ['upgrade-pre92035-legacy-to-1.28.4-nftbackend', [false, true]],
  ])('%s: %j', (set, clears) => {
    const found = postroutingRules(rulesetOf(set)).filter(({ table }) => table.family === 'ip');
    expect(found.map(rules => rules.clears).sort()).toEqual(clears);
  });

  it('an old rule in front of the new ones counts as old', () => {
    const [rules] = postroutingRules(rulesetOf('oldproxy-newkubelet'));
    expect(rules).toMatchObject({ clears: false, rule: { chain: 'KUBE-POSTROUTING' } });
  });
});

describe('modes by the rules', () => {
  it.each([
    ['1.28.4-legacy', ['iptables']],
    ['1.36.2-nftables', ['nftables']],
    ['no-kube-rules-empty-nat', []],
  ])('%s: %j', (set, modes) => {
    expect(modesOf(rulesetOf(set))).toEqual(modes);
  });
});

describe('contradictions', () => {
  it('none where version, mode and rules go together', () => {
    expect(contradictions(running('v1.28.4'), rulesetOf('1.28.4-nftbackend'))).toEqual([]);
    expect(contradictions(running('v1.16.12'), rulesetOf('pre92035-legacy'))).toEqual([]);
    expect(contradictions(undefined, rulesetOf('pre92035-legacy'))).toEqual([]);
  });

  it('a new kube-proxy beside the rule of an old one: stale rules', () => {
    const [said, ...more] = contradictions(running('v1.28.4'), rulesetOf('oldproxy-newkubelet'));
    expect(said).toMatch(
      /^kube-proxy v1\.28\.4 takes the masquerade mark off \(PR 92035\), but KUBE-POSTROUTING \(iptables-nft-save\.txt:\d+\) does not: stale rules/,
    );
    expect(more).toEqual([]);
  });

  it('an old kube-proxy beside new rules: somebody else wrote them', () => {
    const [said] = contradictions(running('v1.18.5'), rulesetOf('1.28.4-legacy'));
    expect(said).toMatch(/^kube-proxy v1\.18\.5 is from before PR 92035, and yet KUBE-POSTROUTING/);
  });

  it('rules of two ages in two back ends', () => {
    const said = contradictions(
      undefined,
      rulesetOf('upgrade-pre92035-legacy-to-1.28.4-nftbackend'),
    );
    expect(said.join()).toMatch(/rules of two ages stand beside each other/);
  });

  it('rules of another mode: leftovers', () => {
    const [said] = contradictions(running('v1.30.5', 'nftables'), rulesetOf('1.30.5-iptables'));
    expect(said).toBe(
      'kube-proxy v1.30.5 runs in nftables mode, but there are rules of its iptables mode: leftovers',
    );
  });
});

describe('inspect with what kube-proxy says of itself', () => {
  const file = (name: string, text: string): NodeFile => {
    const found = recognise(name, text);
    if (!found) throw new Error(name);
    return found;
  };
  const inspect = (set: string, ...more: NodeFile[]) =>
    inspectFiles(
      { files: [...filesIn(join(RULESETS, set)), ...NODE_A, ...more], gaps: [] },
      {
        source: 'host',
        target: { address: '10.96.0.20', port: 80 },
        protocol: 'tcp',
        order: [],
      },
    );

  it('says version, mode and whether it carries the patch', () => {
    const document = inspect(
      '1.28.4-nftbackend',
      file('kube-proxy-version.txt', 'Kubernetes v1.28.4\n'),
      file('kube-proxy-mode.txt', 'iptables'),
    );
    expect(document.environment.kubeProxy).toEqual({
      version: 'v1.28.4',
      mode: 'iptables',
      carriesPr92035: true,
      running: true,
    });
    expect(document.warnings).toEqual([]);
    expect(document.gaps.join()).not.toContain('kube-proxy');
  });

  it('with stale rules, has them removed instead of kube-proxy updated', () => {
    const { warnings, predictions } = inspect(
      'oldproxy-newkubelet',
      file('kube-proxy-version.txt', 'Kubernetes v1.28.4\n'),
    );
    expect(warnings).toHaveLength(1);
    const [first, ...others] = predictions[0]?.recommendations ?? [];
    expect(first?.command).toBe(
      'iptables -t nat -D KUBE-POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE --random-fully',
    );
    expect(others.map(({ action }) => action).join()).not.toMatch(/Update kube-proxy/);
  });

  it('with old rules and no version, has kube-proxy updated', () => {
    const { predictions, gaps } = inspect('pre92035-nftbackend');
    expect(predictions[0]?.recommendations[0]?.action).toMatch(/^Update kube-proxy/);
    expect(gaps).toContain('the version of kube-proxy (kube-proxy --version)');
  });
});
