import { describe, expect, it } from 'vitest';
import { PROJECT, stalesum } from '../support/cli.js';

const RULES = `${PROJECT}test/rules/rulesets`;
const inspect = (set: string, ...more: string[]) =>
  stalesum(['inspect', '--dir', `${RULES}/${set}`, '--dir', `${RULES}/node-a`, ...more]);

describe('stalesum inspect', () => {
  it('predicts the bug, names the rule, and exits 0: only packets convict', async () => {
    const args = ['--target', '10.96.0.20:80', '--json'];
    const { outcome, stdout } = await inspect('flannel0.20.1-after-1.28.4', ...args);
    expect(outcome).toBe(0);
    const { schema, predictions } = JSON.parse(stdout);
    expect(schema).toBe('stalesum.prediction/1');
    expect(predictions).toHaveLength(1);
    expect(predictions[0]).toMatchObject({ outerSourcePortRewritten: true, certain: true });
  });

  it('exits 1 with --fail-on for what it predicts', async () => {
    const args = ['--target', '10.96.0.20:80', '--fail-on', 'stale-checksum'];
    expect((await inspect('pre92035-legacy', ...args)).outcome).toBe(1);
    expect((await inspect('1.28.4-legacy', ...args)).outcome).toBe(0);
  });

  it('takes the folder of a recording', async () => {
    const folder = `${PROJECT}captures/linux-5.4.33/double-snat-udpcsum`;
    const { outcome, stdout } = await stalesum(['inspect', '--dir', folder]);
    expect(outcome).toBe(0);
    expect(stdout).toContain('STALE CHECKSUM TO BE EXPECTED');
    expect(stdout).toContain('KUBE-POSTROUTING');
  });

  it('names what it cannot read', async () => {
    const { outcome, stdout, stderr } = await stalesum(['inspect', '--dir', `${PROJECT}none`]);
    expect({ outcome, stdout }).toEqual({ outcome: 65, stdout: '' });
    expect(stderr).toContain('none');
  });
});
