import { describe, expect, it } from 'vitest';
import { PROJECT, stalesum } from '../support/cli.js';

const at = (name: string) => `${PROJECT}captures/linux-5.4.33/${name}`;

describe('stalesum compare', () => {
  it.each([
    ['double-snat-udpcsum', 'patched-udpcsum', 'fixed', 0],
    ['double-snat-udpcsum', 'udpcsum-vxlan-tx-offload-off', 'fixed', 0],
    ['patched-udpcsum', 'kube-proxy-patched', 'equal', 0],
    ['double-snat-udpcsum', 'udpcsum-fixed-port', 'not-fixed', 1],
    ['patched-udpcsum', 'double-snat-udpcsum', 'worse', 1],
  ])('%s, then %s: %s', async (before, after, outcome, code) => {
    const result = await stalesum(['compare', at(before), at(after), '--json']);
    expect(result.outcome).toBe(code);
    const comparison = JSON.parse(result.stdout);
    expect(comparison).toMatchObject({ schema: 'stalesum.comparison/1', outcome, exitCode: code });
  });

  it('says what changed', async () => {
    const args = ['compare', at('double-snat-udpcsum'), at('vxlan-tx-offload-off'), '--json'];
    const { changes } = JSON.parse((await stalesum(args)).stdout);
    expect(changes).toContainEqual({
      kind: 'device',
      what: 'node-a: vxlan.1',
      a: 'udpcsum',
      b: 'noudpcsum',
    });
    expect(changes).toContainEqual({
      kind: 'result',
      what: 'first SYN delivered',
      a: 'false',
      b: 'true',
    });
  });

  it('writes Markdown in which a path cannot leave its cell', async () => {
    const args = ['compare', at('double-snat-udpcsum'), at('patched-udpcsum'), '--format'];
    const { stdout } = await stalesum([...args, 'markdown']);
    expect(stdout).toMatch(/^\*\*Fixed: stale-checksum/);
    expect(stdout).toContain(
      '## Rules\n\nnode-a, table ip nat (legacy), chain KUBE-POSTROUTING:\n\n```diff\n- -A ',
    );
    for (const line of stdout.split('\n').filter(text => text.startsWith('|'))) {
      expect(line.replace(/\\\|/g, '').match(/\|/g)).toHaveLength(4);
    }
  });
});
