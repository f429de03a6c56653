import { expect, it } from 'vitest';
import type { VerdictDocument } from '../../src/analysis/verdict.js';
import { stalesum } from '../support/cli.js';
import { describeLive } from './require-live.js';

describeLive('the classic 63 seconds', () => {
  it('come back on this kernel: six bad SYNs from one port, until the entry has died', async () => {
    const args = ['reproduce', '--retransmits', 'classic', '--json'];
    const { stdout } = await stalesum(args);
    const verdict = JSON.parse(stdout) as VerdictDocument;
    expect(verdict).toMatchObject({ verdict: 'stale-checksum', grade: 'proved' });
    const { syns, delay } = verdict.flows[0]!;
    expect(syns.map(({ checksum }) => checksum?.state)).toEqual([
      ...Array<string>(6).fill('stale'),
      'valid',
    ]);
    // 0, 1, 3, 7, 15, 31, 63 s, and what the kernel's timers are late (RFC 6298, tcp_timer.c).
    for (const [index, due] of [0, 1, 3, 7, 15, 31, 63].entries()) {
      expect(syns[index]!.atSeconds).toBeGreaterThanOrEqual(due);
      expect(syns[index]!.atSeconds).toBeLessThanOrEqual(due * 1.05 + 0.05);
    }
    const ports = new Set(syns.slice(0, 6).map(({ outerSourcePort }) => outerSourcePort));
    expect(ports.size).toBe(1);
    expect(syns[6]!.outerSourcePort).toBe(syns[0]!.recoveredPort);

    expect(delay?.predictedSeconds).toBe(63);
    expect(Math.abs(63 - delay!.lostSeconds!) / delay!.lostSeconds!).toBeLessThan(0.05);
    expect(delay?.explanation).toMatch(/conntrack entry that rewrote the others had ended/);
    const kinds = verdict.witnesses.map(({ kind }) => kind);
    for (const kind of ['arithmetic', 'conntrack', 'sibling', 'receiver-counters', 'timeline']) {
      expect(kinds).toContain(kind);
    }
    const timeline = verdict.witnesses.find(({ kind }) => kind === 'timeline');
    expect(timeline?.statement).toContain('[DESTROY]');
  });
});
