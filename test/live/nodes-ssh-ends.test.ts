import { beforeAll, expect, it } from 'vitest';
import { behindSsh, type Left, lacking, NOTHING, type Result, verdictOf } from '../harness/live.js';
import { describeLive } from './require-live.js';

interface Ends {
  readonly cut: Result & {
    readonly files: readonly string[];
    readonly analyzed: Result;
    readonly left: Left;
  };
  readonly interrupted: readonly {
    readonly milliseconds: number;
    readonly signal: NodeJS.Signals;
    readonly outcome: number | string;
    readonly left: Left;
  }[];
}

describeLive(
  'a run through ssh that ends early',
  () => {
    let ends: Ends;
    beforeAll(async () => {
      ends = await behindSsh<Ends>('unpatched', 'ssh-ends.mjs');
    }, 300_000);

    it('says that the connection was cut, and where what was captured is', () => {
      expect(ends.cut).toMatchObject({ outcome: 69, stdout: '' });
      expect(ends.cut.stderr).toMatch(
        /stalesum: 192\.168\.50\.2: the connection is lost: Connection to 192\.168\.50\.2 closed/,
      );
      expect(ends.cut.stderr).toMatch(
        /^stalesum: evidence so far: (\S+) {2}\(stalesum analyze \1\)$/m,
      );
      expect(ends.cut.left).toEqual(NOTHING);
    });

    it('keeps captures that can be analysed', () => {
      const captures = ends.cut.files.filter(name => name.endsWith('.pcapng'));
      expect(captures).toHaveLength(4);
      expect(ends.cut.analyzed.outcome).not.toBe(65);
      expect(verdictOf(ends.cut.analyzed).captures).toHaveLength(4);
    });

    it('leaves no process and no folder, here or there, whenever it is interrupted or killed', () => {
      expect(ends.interrupted.length).toBeGreaterThanOrEqual(7);
      for (const { outcome, signal, left } of ends.interrupted) {
        expect(left).toEqual(NOTHING);
        expect([130, signal]).toContain(outcome);
      }
    });
  },
  lacking('sshd', 'ssh'),
);
