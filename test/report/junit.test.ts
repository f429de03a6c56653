import { describe, expect, it } from 'vitest';
import type { VerdictDocument } from '../../src/analysis/verdict.js';
import { junitReport } from '../../src/report/junit.js';
import { recordings } from '../support/recordings.js';
import { materialOf } from '../support/report-material.js';

const verdictOf = async (end: string): Promise<VerdictDocument> => {
  const recording = recordings.find(({ name }) => name.endsWith(end))!;
  return (await materialOf(recording.folder)).verdict;
};

describe('junit', () => {
  it('fails for a conviction, once for the whole and once for its connection', async () => {
    const text = junitReport(await verdictOf('5.4.33/double-snat-udpcsum'));
    expect(text).toContain('<testsuites name="stalesum" tests="2" failures="2" errors="0">');
    expect(text.match(/<failure type="stale-checksum"/g)).toHaveLength(2);
    expect(text).toMatch(/<testcase classname="stalesum" name="tcp [^"]+" time="1\.\d{3}">/);
  });

  it('passes for a healthy connection', async () => {
    const text = junitReport(await verdictOf('5.4.33/patched-udpcsum'));
    expect(text).toContain('tests="2" failures="0" errors="0"');
    expect(text).not.toMatch(/<(failure|error)/);
  });

  it('is an error where nothing could be judged', async () => {
    const verdict = await verdictOf('5.4.33/patched-udpcsum');
    const text = junitReport({ ...verdict, verdict: 'inconclusive', flows: [] });
    expect(text).toContain('tests="1" failures="0" errors="1"');
    expect(text).toContain('<error type="inconclusive"');
  });

  it('has the control as a case of its own', async () => {
    const verdict = await verdictOf('5.4.33/patched-udpcsum');
    const control = {
      source: '10.244.0.0:1',
      destination: '10.244.1.2:8080',
      clean: false,
      connectSeconds: null,
      seenAt: [],
      statement: 'not seen',
    };
    const text = junitReport({ ...verdict, control });
    expect(text).toContain('tests="3" failures="0" errors="1"');
    expect(text).toContain('name="control 10.244.0.0:1 to 10.244.1.2:8080"');
  });
});
