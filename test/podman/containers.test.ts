import { execFileSync } from 'node:child_process';
import { beforeAll, expect, it } from 'vitest';
import {
  essence,
  expectPortsOfConntrack,
  harness,
  type Left,
  lacking,
  NOTHING,
  type Result,
} from '../harness/live.js';
import { describeLive } from '../live/require-live.js';

const NAMES = ['netns', 'podman', 'dns', 'inspect', 'absent', 'stopped'] as const;
type Results = Readonly<Record<(typeof NAMES)[number], Result>> & {
  readonly hasTcpdump: boolean;
  readonly own: {
    readonly echoed: string;
    readonly expected: string;
    readonly code: number;
    readonly streamed: boolean;
    readonly programs: readonly string[];
    readonly missing: unknown;
  };
  readonly interrupted: Result & { readonly left: Left };
};

const ENTRY = [process.execPath, harness('podman-entry.mjs'), '{"scenario":"unpatched"}'] as const;

/** Runs a command beside the containers. */
function besideContainers(...command: readonly string[]): string {
  const [file, ...args] = [...ENTRY, ...command];
  return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Why there can be no container here; tried, since containers need rights that no setting names. */
function refusal(): string | undefined {
  const missing = lacking('podman');
  if (missing !== undefined) return missing;
  try {
    besideContainers('true');
    return undefined;
  } catch (thrown) {
    const words = String((thrown as { stderr?: unknown }).stderr ?? thrown);
    return `Podman runs no container here: ${/Error: (?!Command failed)(.*)/.exec(words)?.[1] ?? words}`;
  }
}

describeLive(
  'containers as nodes',
  () => {
    let results: Results;
    beforeAll(() => {
      const script = harness('live/containers.mjs');
      results = JSON.parse(besideContainers(process.execPath, script)) as Results;
    }, 300_000);

    it('give the verdict, the grade and the ports of network namespaces', () => {
      expect(essence(results.netns)).toMatchObject({
        ...{ verdict: 'stale-checksum', grade: 'proved', outcome: 1, isClean: true },
      });
      expect(essence(results.podman)).toEqual(essence(results.netns));
      expect(essence(results.dns)).toMatchObject({ verdict: 'stale-checksum', grade: 'proved' });
      for (const result of [results.netns, results.podman, results.dns]) {
        expectPortsOfConntrack(result);
      }
    });

    it('need no tools of their own on this machine', () => {
      expect(results.hasTcpdump).toBe(false);
      expect(JSON.parse(results.inspect.stdout).predictions).toMatchObject([
        { verdict: 'stale-checksum' },
      ]);
    });

    it('that are not there, or do not run, are named with exit code 69', () => {
      expect(results.absent).toEqual({
        ...{ outcome: 69, stdout: '' },
        stderr: expect.stringMatching(/^stalesum: podman: container absent: .*no such container/),
      });
      expect(results.stopped).toEqual({
        ...{ outcome: 69, stdout: '' },
        stderr: 'stalesum: podman: the container kind-node-b does not run\n',
      });
    });

    it('run their own commands where they are elsewhere, and leave none', () => {
      const { own } = results;
      expect(own.echoed).toBe(own.expected);
      expect(own).toMatchObject({ code: 7, streamed: true, programs: ['sh', 'sleep'] });
      expect(own.missing).toEqual({
        kind: 'missing-tool',
        message: 'tcpdump is not on kind-node-a',
      });
    });

    it('have nothing of us left after Ctrl-C', () => {
      expect(results.interrupted).toMatchObject({ outcome: 130, left: NOTHING });
    });
  },
  refusal(),
);
