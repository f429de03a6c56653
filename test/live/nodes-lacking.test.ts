import { beforeAll, expect, it } from 'vitest';
import { noteText } from '../../src/analysis/run-notes.js';
import {
  behindSsh,
  essence,
  expectPortsOfConntrack,
  lacking,
  type Result,
  verdictOf,
} from '../harness/live.js';
import { describeLive } from './require-live.js';

const NAMES = ['pid', 'conntrack', 'tcpdump', 'rules', 'python', 'clients'] as const;
type Results = Readonly<Record<(typeof NAMES)[number], Result>>;

describeLive(
  'nodes',
  () => {
    let results: Results;
    beforeAll(async () => {
      results = await behindSsh<Results>('unpatched', 'lacking.mjs');
    }, 300_000);

    it('are reached by a process of this machine', () => {
      expect(essence(results.pid)).toMatchObject({ verdict: 'stale-checksum', grade: 'proved' });
      expectPortsOfConntrack(results.pid);
    });

    it('without conntrack support the verdict, and prove it no more', () => {
      const { verdict, grade, warnings } = verdictOf(results.conntrack);
      expect({ verdict, grade }).toEqual({ verdict: 'stale-checksum', grade: 'supported' });
      const [, note = ''] = / no (\w+):/.exec(warnings[0] ?? '') ?? [];
      expect(note).toBe('conntrack');
    });

    it('without iptables-save and nft have their service resolved by conntrack, and no rule named', () => {
      const { rule, warnings, flows } = verdictOf(results.rules);
      expect(essence(results.rules)).toMatchObject({ grade: 'proved' });
      expect(rule).toBeNull();
      expect(flows[0]?.inner.destination).toBe('10.244.1.2:8080');
      const node = 'node-192.168.50.1';
      expect(warnings).toContain(noteText({ kind: 'lacks', node, tool: 'rules' }));
      expectPortsOfConntrack(results.rules);
    });

    it('without Python are connected from by what they have', () => {
      expect(essence(results.python)).toMatchObject({ verdict: 'stale-checksum', grade: 'proved' });
      expectPortsOfConntrack(results.python);
    });

    it.each([
      [
        'tcpdump',
        /no tcpdump, so nothing can be captured there: no verdict is possible\n {2}install/,
      ],
      ['clients', /nothing there can open a tcp connection: none of python3, bash, curl, nc\n$/],
    ] as const)('without %s give no verdict, and say why', (name, words) => {
      expect(results[name]).toEqual({
        ...{ outcome: 69, stdout: '' },
        stderr: expect.stringMatching(words),
      });
    });
  },
  lacking('sshd', 'ssh', 'python3', 'bash'),
);
