/** Every scenario, as `stalesum reproduce` judges it. What each must show is from the field, not from us. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { VerdictDocument } from '../../src/analysis/verdict.js';
import { SCENARIOS } from '../../src/lab/scenarios.js';
import { stalesum } from '../support/cli.js';
import { describeLive } from './require-live.js';

interface Truth {
  readonly verdict: string;
  readonly grade?: string;
  /** State of the first SYN's (or query's) outer checksum, and whether it was delivered. */
  readonly first: readonly [state: string, delivered: boolean];
  /** What the ticket must be told beside the verdict. */
  readonly lookAlike?: RegExp;
  readonly warning?: RegExp;
}

/** As measured on Linux 6.18 before there was stalesum (conntrack, tcpdump -vv, nstat). */
const TRUTH: Readonly<Record<string, Truth>> = {
  unpatched: { verdict: 'stale-checksum', grade: 'proved', first: ['stale', false] },
  'unpatched-zero-checksum': { verdict: 'double-snat-harmless', first: ['zero', true] },
  'emulated-pre-5.7': {
    verdict: 'mangled-checksum',
    grade: 'proved',
    first: ['mangled', false],
    warning: /^emulated/,
  },
  'udp-dns': { verdict: 'stale-checksum', grade: 'proved', first: ['stale', false] },
  'ipv6-underlay': { verdict: 'stale-checksum', grade: 'proved', first: ['stale', false] },
  'secondary-address': { verdict: 'stale-checksum', grade: 'proved', first: ['stale', false] },
  'veth-offload-on': {
    verdict: 'stale-checksum',
    grade: 'proved',
    first: ['stale', true],
    warning: /hides the loss/,
  },
  'invalid-dropped-first': { verdict: 'stale-checksum', grade: 'proved', first: ['stale', false] },
  'kube-proxy-patched': { verdict: 'not-rewritten', first: ['valid', true] },
  'no-random-fully': { verdict: 'not-rewritten', first: ['valid', true] },
  'vxlan-tx-offload-off': { verdict: 'double-snat-harmless', first: ['valid', true] },
  'nic-offload-off': { verdict: 'stale-checksum', grade: 'proved', first: ['stale', false] },
  notrack: { verdict: 'not-rewritten', first: ['valid', true] },
  'pod-ip-direct': { verdict: 'not-rewritten', first: ['valid', true] },
  'lost-syn': {
    verdict: 'not-rewritten',
    first: ['valid', false],
    lookAlike: /left the sender's NIC .* did not reach the receiver's/,
  },
  'no-listener': { verdict: 'not-rewritten', first: ['valid', true], lookAlike: /RST/ },
  'mtu-blackhole': { verdict: 'not-rewritten', first: ['valid', true], lookAlike: /smaller MTU/ },
  'inner-corruption': { verdict: 'other-corruption', first: ['zero', true] },
  'address-rewritten-on-the-way': { verdict: 'other-corruption', first: ['invalid', false] },
};

/** Port before the second SNAT by the port behind it, read by nothing of ours. */
function conntrackPorts(recording: string): Map<number, number> {
  const events = readFileSync(join(recording, 'node-a/conntrack-events.txt'), 'utf8');
  const entry = /\[NEW\] udp .* sport=(\d+) dport=8472 .* sport=8472 dport=(\d+)/g;
  return new Map(
    [...events.matchAll(entry)].map(([, before, after]) => [Number(after), Number(before)]),
  );
}

describeLive('the verdict on scenario', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'stalesum-verdicts-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is known for every scenario that there is', () => {
    expect(Object.keys(TRUTH).sort()).toEqual(SCENARIOS.map(({ name }) => name).sort());
  });

  it.concurrent.each(Object.entries(TRUTH))('%s', async (name, truth) => {
    const out = join(folder, name);
    const args = ['reproduce', '--scenario', name, '--json', '--out', out, '--as-expected'];
    const { outcome, stdout, stderr } = await stalesum(args);
    expect({ outcome, stderr }).toEqual({ outcome: 0, stderr: '' });
    const verdict = JSON.parse(stdout) as VerdictDocument;
    expect(verdict.verdict).toBe(truth.verdict);
    if (truth.grade) expect(verdict.grade).toBe(truth.grade);
    expect(verdict.control).toMatchObject({ clean: true });

    const flow = verdict.flows[0]!;
    const [first] = flow.syns;
    expect([first?.checksum?.state, first?.delivered]).toEqual(truth.first);
    expect(flow.lookAlike ?? '').toMatch(truth.lookAlike ?? /^$/);
    expect(verdict.warnings.join('\n')).toMatch(truth.warning ?? /^$/);
    const known = conntrackPorts(out);
    for (const { syns } of verdict.flows) {
      for (const { checksum, outerSourcePort, recoveredPort } of syns) {
        if (checksum?.state !== 'stale' && checksum?.state !== 'mangled') continue;
        expect(recoveredPort).toBe(known.get(outerSourcePort!));
      }
    }
  });

  it('says "emulated" in the report for people too', async () => {
    const { stdout } = await stalesum(['analyze', join(folder, 'emulated-pre-5.7')]);
    expect(stdout.match(/emulated/g)?.length).toBeGreaterThanOrEqual(2);
  });

  it('has a fourth witness with --tap: the datagram in front of nat', async () => {
    const out = join(folder, 'tap');
    const { stdout } = await stalesum(['reproduce', '--tap', '--json', '--out', out]);
    const verdict = JSON.parse(stdout) as VerdictDocument;
    const [syn] = verdict.flows[0]!.syns;
    const tap = verdict.witnesses.find(({ kind }) => kind === 'pre-nat-tap');
    expect(tap?.statement).toContain(`source port ${syn!.recoveredPort} `);
    expect(tap?.statement).toContain(
      `port ${syn!.outerSourcePort} and checksum ${syn!.checksum!.stored}`,
    );
    expect(conntrackPorts(out).get(syn!.outerSourcePort!)).toBe(syn!.recoveredPort);
  });

  it('counts the delays of ten connections at once, each rewritten alone', async () => {
    const { stdout } = await stalesum(['reproduce', '--attempts', '10', '--json']);
    const verdict = JSON.parse(stdout) as VerdictDocument;
    expect(verdict.flows).toHaveLength(10);
    expect(verdict.delays).toMatchObject({ count: 10, delayed: 10 });
    const ports = verdict.flows.map(({ outer }) => outer?.sourcePortAfter);
    expect(new Set(ports).size).toBe(10);
    expect(verdict.flows.every(({ grade }) => grade === 'proved')).toBe(true);
  });
});
