import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { VerdictDocument } from '../../src/analysis/verdict.js';
import { compareStored } from '../../src/evidence/stored-verdict.js';
import { recordings } from '../support/recordings.js';
import { materialOf } from '../support/report-material.js';

describe('a stored verdict', () => {
  let folder: string;
  let verdict: VerdictDocument;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stalesum-stored-'));
    ({ verdict } = await materialOf(recordings[0]!.folder));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const store = (text: string) => writeFile(join(folder, 'verdict.json'), text);

  it('that is not there is absent', async () => {
    expect(await compareStored(folder, verdict)).toEqual({ kind: 'absent' });
  });

  it('of another version, asked for with another policy, is the same', async () => {
    const other = { ...verdict, tool: { name: 'stalesum', version: '9' }, exitCode: 0 };
    await store(JSON.stringify(other));
    expect(await compareStored(folder, verdict)).toEqual({ kind: 'same' });
  });

  it('that was altered is told, by where', async () => {
    const [flow] = verdict.flows;
    const syns = [{ ...flow!.syns[0], recoveredPort: 1 }, ...flow!.syns.slice(1)];
    await store(
      JSON.stringify({ ...verdict, verdict: 'no-fault', flows: [{ ...flow, syns }], more: 1 }),
    );
    expect(await compareStored(folder, verdict)).toEqual({
      kind: 'differs',
      places: ['the document (more keys)', 'verdict', 'flows[0].syns[0].recoveredPort'],
    });
  });

  it.each([
    ['no JSON', '{"verdict":'],
    ['a list', '[]'],
    ['nothing', 'null'],
    ['a deep one', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
  ])('that is %s is told, and no fault', async (_what, text) => {
    await store(text);
    expect(['unreadable', 'differs']).toContain((await compareStored(folder, verdict)).kind);
  });
});
