/** Further witnesses, and many connections. The verdict on every scenario is held by matrix.test.ts. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { VerdictDocument } from '../../src/analysis/verdict.js';
import { stalesum } from '../support/cli.js';
import { describeLive } from './require-live.js';

/** Port before the second SNAT by the port behind it, read by nothing of ours. */
function conntrackPorts(recording: string): Map<number, number> {
  const events = readFileSync(join(recording, 'node-a/conntrack-events.txt'), 'utf8');
  const entry = /\[NEW\] udp .* sport=(\d+) dport=8472 .* sport=8472 dport=(\d+)/g;
  return new Map(
    [...events.matchAll(entry)].map(([, before, after]) => [Number(after), Number(before)]),
  );
}

describeLive('a verdict', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'stalesum-verdicts-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

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
