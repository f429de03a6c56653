/** Fifty labs at once, and what is left of them. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runInLabs } from '../../src/lab/parallel.js';
import {
  eventually,
  namespacesOf,
  processesIn,
  processesMarked,
  surroundings,
  ticksNow,
} from '../lab/processes.js';
import { PROJECT } from '../lab/run.js';
import { describeLive } from './require-live.js';

const COUNT = 50;

describeLive(`${COUNT} labs`, () => {
  it('stand at once, each in namespaces of its own; then none is left', async () => {
    const before = { ...surroundings(), run: readdirSync('/run').sort() };
    const mark = `many-labs-${randomUUID()}`;
    process.env.LAB_TEST_MARK = mark;
    const folder = mkdtempSync(join(tmpdir(), 'stalesum-many-'));
    const enough = join(folder, 'enough');
    const ours = namespacesOf(process.pid);
    const jobs = Array.from({ length: COUNT }, (_, index) => ({
      name: `lab ${index}`,
      program: `${PROJECT}test/lab/standing-lab.mjs`,
      args: ['unpatched', enough],
    }));
    const ends: { exitCode: number; words: string }[] = [];
    let standing = 0;
    let seen: string[] = [];
    await runInLabs(jobs, {
      atOnce: COUNT,
      onLine: () => {
        standing++;
        if (standing < COUNT) return;
        seen = [...new Set(processesMarked(mark).flatMap(namespacesOf))].filter(
          name => !ours.includes(name),
        );
        writeFileSync(enough, '');
      },
      onEnd: (_, end) => ends.push(end),
    });
    expect(standing).toBe(COUNT);
    expect(ends).toEqual(Array(COUNT).fill({ exitCode: 0, words: '' }));
    for (const kind of ['user', 'mnt', 'pid']) {
      expect(seen.filter(name => name.startsWith(`${kind}:`))).toHaveLength(COUNT);
    }
    // Around the lab, and the pod's, where the listener is.
    expect(seen.filter(name => name.startsWith('net:')).length).toBeGreaterThanOrEqual(2 * COUNT);

    const now = ticksNow();
    const left = () => [...processesMarked(mark), ...processesIn(seen, now)];
    await eventually(() => left().length === 0);
    expect(left()).toEqual([]);
    expect({ ...surroundings(), run: readdirSync('/run').sort() }).toEqual(before);
    rmSync(folder, { recursive: true });
  }, 400_000);
});
