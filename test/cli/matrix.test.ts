import { describe, expect, it } from 'vitest';
import { PROJECT, stalesum } from '../support/cli.js';

describe('stalesum matrix', () => {
  it.each([
    [['--only', 'unpatched,nonsense'], 'there is no scenario "nonsense"'],
    [['--format', 'pdf'], 'terminal, markdown, html, json'],
    [['--retransmits', 'slow'], 'kernel, classic'],
    [['--out', PROJECT], 'is not empty'],
  ])('%j is a matter of usage', async (args, words) => {
    const { outcome, stdout, stderr } = await stalesum(['matrix', ...args]);
    expect({ outcome, stdout }).toEqual({ outcome: 64, stdout: '' });
    expect(stderr).toContain(words);
  });

  it('says what its exit codes mean', async () => {
    const { outcome, stdout } = await stalesum(['matrix', '--help']);
    expect(outcome).toBe(0);
    expect(stdout).toMatch(/0 every row as predicted, 1 .*differ.*, 2 a row is open/);
  });
});
