/** Calico's, portmap's and IPVS mode's rules loaded into the kernel: it does what truth.json says, and the walk too. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { describeLive } from './require-live.js';

const PROJECT = join(import.meta.dirname, '..', '..');
const WRITTEN = join(PROJECT, 'test', 'rules', 'written');

interface Result {
  readonly name: string;
  readonly target: string;
  readonly measured: unknown;
  readonly agrees: boolean;
}

describeLive('rule sets after the sources of CNIs', () => {
  it('are measured as they were, and walked as they are measured', async () => {
    const { stdout, exitCode } = await execa(
      process.execPath,
      [join(PROJECT, 'scripts', 'fuzz-rules.mjs'), '--sets', WRITTEN],
      { reject: false, timeout: 100_000 },
    );
    const results = stdout.split('\n').map(line => JSON.parse(line) as Result);
    expect(results.filter(({ agrees }) => !agrees)).toEqual([]);
    for (const { name, target, measured } of results) {
      const truth = JSON.parse(readFileSync(join(WRITTEN, name, 'truth.json'), 'utf8')) as {
        measured: Record<string, unknown>;
      };
      expect({ name, target, measured }).toEqual({
        name,
        target,
        measured: truth.measured[target],
      });
    }
    expect(results).toHaveLength(19);
    expect(exitCode).toBe(0);
  });
});
