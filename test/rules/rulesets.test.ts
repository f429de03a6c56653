/** Every measured outcome of rulesets/: what real components' rules did is what the walk says. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type InspectRequest, inspectFiles } from '../../src/rules/inspect.js';
import type { Prediction } from '../../src/rules/prediction.js';
import type { NodeFile } from '../../src/snapshot/node-files.js';
import { filesIn, NODE_A, RULESETS } from './support.js';

interface Truth {
  readonly measurements: readonly {
    readonly variant: string;
    readonly restoredInThisOrder: readonly string[];
    readonly tests: Readonly<
      Record<string, { readonly outerSourcePortRewritten: boolean | string }>
    >;
  }[];
}

type Request = Omit<InspectRequest, 'order'>;

function request(
  source: Request['source'],
  address: string,
  port: number,
  protocol: 'tcp' | 'udp',
): Request {
  return { source, target: { address, port }, protocol };
}

/** The tests as rulesets/README.md describes them. */
const REQUESTS: Readonly<Record<string, Request>> = {
  'host->ClusterIP 1': request('host', '10.96.0.20', 80, 'tcp'),
  'host->ClusterIP 2': request('host', '10.96.0.20', 80, 'tcp'),
  'host->ClusterIP dns/udp': request('host', '10.96.0.10', 53, 'udp'),
  'pod->ClusterIP': request('pod', '10.96.0.20', 80, 'tcp'),
  'ext->NodePort A:30088': request('external', '192.168.50.1', 30088, 'tcp'),
  'host->podIP direct': request('host', '10.244.1.2', 8080, 'tcp'),
};

/** Where base chains of two owners have one priority, and which was registered last decides. */
const ORDER_DECIDES = new Set([
  'flannel0.20.1-with-1.30.5-nftables',
  'upgrade-pre92035-legacy-to-1.28.4-nftbackend',
]);

/**
 * The rule that decides for a connection from the host, as somebody reads it in the files: the one that
 * masquerades a second time, that takes the mark off, or for whose sake nothing matches.
 */
const DECIDING: Readonly<Record<string, RegExp>> = {
  '1.19.1-masquerade-all': /^-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000\/0x0$/,
  '1.19.1-nftbackend': /^-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000\/0x0$/,
  '1.28.4-bit15': /^-A KUBE-POSTROUTING -j MARK --set-xmark 0x8000\/0x0$/,
  '1.28.4-set-mark-0-all-bits': /^-A KUBE-POSTROUTING -j MARK --set-xmark 0x0\/0xffffffff$/,
  '1.28.4-unconditional-masq-eth0': /^-A POSTROUTING -o eth0 -j MASQUERADE$/,
  '1.28.4-xor-line-removed': /^-A KUBE-POSTROUTING -j MASQUERADE --random-fully$/,
  '1.30.5-nftables': /^meta mark set meta mark \^ 0x00004000$/,
  '1.36.2-nftables': /meta mark set meta mark \^ 0x00004000 masquerade fully-random$/,
  'flannel0.20.1-after-1.28.4': /^-A KUBE-POSTROUTING -j MASQUERADE --random-fully$/,
  'pre92035-legacy':
    /^-A KUBE-POSTROUTING -m mark --mark 0x4000\/0x4000 -j MASQUERADE --random-fully$/,
  'pre92035-mangle-output-clears-mark':
    /^-A OUTPUT -p udp -m udp --dport 8472 -j MARK --set-xmark 0x0\/0x4000$/,
  'pre92035-nat-accept-first': /^-A POSTROUTING .*-j ACCEPT$/,
  'pre92035-no-random-fully': /^-A KUBE-POSTROUTING .*-j MASQUERADE$/,
  'pre92035-only-out-flannel1': /^-A KUBE-POSTROUTING -o flannel.1 /,
  'pre92035-random': /^-A KUBE-POSTROUTING .*-j MASQUERADE --random$/,
  'oldproxy-newkubelet':
    /^-A KUBE-POSTROUTING -m mark --mark 0x4000\/0x4000 -j MASQUERADE --random-fully$/,
};

const sets = readdirSync(RULESETS).filter(name => name !== 'README.md' && name !== 'node-a');

function predictOne(
  files: readonly NodeFile[],
  asked: Request,
  order: readonly string[],
): Prediction {
  const { predictions } = inspectFiles({ files, gaps: [] }, { ...asked, order });
  const [only] = predictions;
  if (!only || predictions.length !== 1) throw new Error(`${predictions.length} predictions`);
  return only;
}

describe.each(sets)('%s', set => {
  const own = filesIn(join(RULESETS, set));
  const truth = JSON.parse(readFileSync(join(RULESETS, set, 'truth.json'), 'utf8')) as Truth;
  const cases = truth.measurements.flatMap(({ variant, restoredInThisOrder: order, tests }) =>
    Object.entries(tests).flatMap(([test, { outerSourcePortRewritten: measured }]) =>
      typeof measured === 'boolean' ? [{ variant, order, test, measured }] : [],
    ),
  );

  it.each(cases)('$variant, $test: measured $measured', ({ order, test, measured }) => {
    const asked = REQUESTS[test];
    if (!asked) throw new Error(`unknown test ${test}`);
    for (const files of [[...own, ...NODE_A], own]) {
      const { certain, outerSourcePortRewritten } = predictOne(files, asked, order);
      expect({ certain, outerSourcePortRewritten }).toEqual({
        certain: true,
        outerSourcePortRewritten: measured,
      });
    }
  });

  it('without the order of loading, is uncertain only where it decides', () => {
    const asked = REQUESTS['host->ClusterIP 1'];
    if (!asked) throw new Error('no request');
    const { certain, outerSourcePortRewritten, verdict, outcomes } = predictOne(
      [...own, ...NODE_A],
      asked,
      [],
    );
    expect(certain).toBe(!ORDER_DECIDES.has(set));
    if (certain) return;
    expect({ outerSourcePortRewritten, verdict }).toEqual({
      outerSourcePortRewritten: null,
      verdict: 'inconclusive',
    });
    expect(new Set(outcomes.map(outcome => outcome.outerSourcePortRewritten))).toEqual(
      new Set([true, false]),
    );
  });

  const deciding = DECIDING[set];
  if (!deciding) return;

  it('names the rule that decides', () => {
    const asked = REQUESTS['host->ClusterIP 1'];
    const order = truth.measurements[0]?.restoredInThisOrder ?? [];
    if (!asked) throw new Error('no request');
    const { decidingRule, because } = predictOne([...own, ...NODE_A], asked, order);
    expect(decidingRule?.rule).toMatch(deciding);
    expect(because).toContain(`${decidingRule?.file}:${decidingRule?.line}`);
    const file = own.find(({ name }) => name === decidingRule?.file);
    const line = file?.text.split('\n')[(decidingRule?.line ?? 0) - 1] ?? '';
    const unquoted = line.replace(/ -m comment --comment ("[^"]*"|\S+)/, '').trim();
    expect(unquoted).toBe(decidingRule?.rule);
  });
});

describe('rules without services', () => {
  const own = filesIn(join(RULESETS, 'no-kube-rules-empty-nat'));

  it('lead to no prediction, and a service address goes into no tunnel', () => {
    const files = [...own, ...NODE_A];
    const all = inspectFiles(
      { files, gaps: [] },
      { source: 'host', target: undefined, protocol: undefined, order: [] },
    );
    expect(all.predictions).toEqual([]);
    const asked = REQUESTS['host->ClusterIP 1'];
    expect(asked && predictOne(files, asked, []).verdict).toBe('no-tunnel-traffic');
  });
});
