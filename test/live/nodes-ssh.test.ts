import { beforeAll, expect, it } from 'vitest';
import {
  behindSsh,
  essence,
  expectPortsOfConntrack,
  type Left,
  lacking,
  NOTHING,
  type Result,
  verdictOf,
} from '../harness/live.js';
import { describeLive } from './require-live.js';

const NAMES = [
  'netns',
  'ssh',
  'alias',
  'inspectNetns',
  'inspectSsh',
  'strange',
  'stranger',
  'closed',
] as const;
type Results = Readonly<Record<(typeof NAMES)[number], Result>> & { readonly left: Left };

describeLive(
  'nodes reached by a real ssh',
  () => {
    let results: Results;
    beforeAll(async () => {
      results = await behindSsh<Results>('unpatched', 'ssh.mjs');
    }, 300_000);

    it('give the verdict, the grade and the ports of network namespaces', () => {
      expect(essence(results.netns)).toMatchObject({
        ...{ verdict: 'stale-checksum', grade: 'proved', outcome: 1, isClean: true },
        syns: [
          { delivered: false, state: 'stale' },
          { delivered: true, state: 'valid' },
        ],
      });
      expect(essence(results.ssh)).toEqual(essence(results.netns));
      expectPortsOfConntrack(results.netns);
      expectPortsOfConntrack(results.ssh);
    });

    it('are found by an alias of the own configuration; DNS is lost there, too', () => {
      expect(essence(results.alias)).toMatchObject({ verdict: 'stale-checksum', grade: 'proved' });
      const { flows, captures } = verdictOf(results.alias);
      expect(flows[0]?.inner.protocol).toBe('udp');
      expect(flows[0]?.syns.map(({ delivered }) => delivered)).toEqual([false, false, false]);
      expect(new Set(captures.map(({ node }) => node))).toEqual(
        new Set(['node-the-client', 'node-192.168.50.2']),
      );
      expectPortsOfConntrack(results.alias);
    });

    it('are inspected as network namespaces are', () => {
      const predictions = ({ stdout }: Result) => JSON.parse(stdout).predictions;
      expect(predictions(results.inspectNetns)).toMatchObject([{ verdict: 'stale-checksum' }]);
      expect(predictions(results.inspectSsh)).toEqual(predictions(results.inspectNetns));
    });

    it.each([
      ['strange', 77, /ssh to strange: Host key verification failed.*\n {2}.*connect once by hand/],
      ['stranger', 77, /Permission denied \(publickey.*\n {2}"ssh root@192\.168\.50\.1" must work/],
      ['closed', 69, /ssh to closed: .*port 1: Connection refused\n$/],
    ] as const)('that do not let us in say why: %s', (name, code, words) => {
      expect(results[name]).toEqual({
        outcome: code,
        stdout: '',
        stderr: expect.stringMatching(words),
      });
    });

    it('have nothing of us left', () => {
      expect(results.left).toEqual(NOTHING);
    });
  },
  lacking('sshd', 'ssh'),
);
