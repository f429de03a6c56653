import { beforeAll, expect, it } from 'vitest';
import {
  harness,
  inLab,
  type Left,
  lacking,
  NOTHING,
  type Result,
  verdictOf,
} from '../harness/live.js';
import { describeLive } from './require-live.js';

interface Broken extends Result {
  readonly files: readonly string[];
  readonly analyzed: Result;
  readonly pods: readonly string[] | string;
  readonly left: Left;
}

interface Told {
  readonly cut: Broken;
  readonly lost: Broken;
  readonly gone: Broken;
  readonly interrupted: readonly {
    readonly moment: string;
    readonly signal: NodeJS.Signals;
    readonly outcome: number | string;
    readonly pods: readonly string[];
    readonly left: Left;
  }[];
}

describeLive(
  'a run through kubectl that ends early',
  () => {
    let told: Told;
    beforeAll(async () => {
      told = await inLab<Told>('unpatched', [process.execPath, harness('live/kubectl-ends.mjs')]);
    }, 400_000);

    it.each(['cut', 'lost', 'gone'] as const)('keeps what was captured: %s', name => {
      const { outcome, stderr, files, analyzed } = told[name];
      expect({ outcome, stdout: told[name].stdout }).toEqual({ outcome: 69, stdout: '' });
      expect(stderr).toMatch(/^stalesum: evidence so far: (\S+) {2}\(stalesum analyze \1\)$/m);
      expect(files.filter(file => file.endsWith('.pcapng'))).toHaveLength(4);
      expect(analyzed.outcome, analyzed.stderr).not.toBe(65);
      expect(verdictOf(analyzed).captures).toHaveLength(4);
    });

    it('says what was lost: the connections', () => {
      // All are cut at once; whichever is noticed first is told.
      expect(told.cut.stderr).toMatch(
        /pcapng: tcpdump ended early: its connection was cut|node-a: the client told of \d+ of its connections: .*(EOF|lost connection|closed)/,
      );
      expect(told.cut).toMatchObject({ pods: [], left: NOTHING });
    });

    it('says what was lost: a node', () => {
      expect(told.lost.stderr).toMatch(/node-b: the connection is lost: .*no route to host/);
      // The other one's processes are gone; those of a node that does not answer are its own.
      expect(told.lost.pods).toEqual([]);
      expect(told.lost.left.folders).toEqual([]);
    });

    it('says what was lost: the API server, and how to remove what may be left', () => {
      expect(told.gone.stderr).toMatch(/the connection is lost: .*was refused/);
      const commands = told.gone.stderr.match(
        /kubectl delete pod -n default stalesum-[0-9a-f]{10}/g,
      );
      expect(new Set(commands).size).toBe(2);
    });

    it('leaves no pod, no process and no folder, whenever it is interrupted or killed', () => {
      expect(told.interrupted).toHaveLength(8);
      for (const { moment, signal, outcome, pods, left } of told.interrupted) {
        expect({ moment, pods, left }).toEqual({ moment, pods: [], left: NOTHING });
        expect([130, signal]).toContain(outcome);
      }
    });
  },
  lacking('kubectl', 'openssl'),
);
