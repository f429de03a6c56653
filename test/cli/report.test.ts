import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT, stalesum } from '../support/cli.js';

const at = (name: string) => `${PROJECT}captures/linux-5.4.33/${name}`;

describe('stalesum report', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stalesum-report-'));
    await cp(at('double-snat-udpcsum'), join(folder, 'bundle'), { recursive: true });
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each([
    ['markdown', /^A second SNAT rewrote .*\n\n## Stale checksum/],
    ['html', /^<!DOCTYPE html>\n<html lang="en">/],
    ['json', /^\{\n {2}"schema": "stalesum\.verdict\/1"/],
    ['junit', /^<\?xml version="1\.0"/],
    ['commands', /\ntshark -r node-b\/underlay\.pcap /],
    ['terminal', /\nSTALE CHECKSUM AFTER A SECOND SNAT +proved\n/],
  ])('as %s, and exits as analyze does', async (format, expected) => {
    // Where CI is set, picocolors paints without a terminal too.
    const args = ['report', at('double-snat-udpcsum'), '--format', format, '--no-color'];
    const result = await stalesum(args);
    expect(result.stderr).toBe('');
    expect(result.outcome).toBe(1);
    expect(result.stdout).toMatch(expected);
  });

  it('of an archive is that of its folder', async () => {
    const archive = join(folder, 'bundle.tar.gz');
    execFileSync('tar', ['-czf', archive, '-C', at('.'), 'double-snat-udpcsum']);
    for (const format of ['markdown', 'html', 'commands']) {
      const args = ['--format', format];
      const packed = await stalesum(['report', archive, ...args]);
      const unpacked = await stalesum(['report', at('double-snat-udpcsum'), ...args]);
      expect(packed.stdout).toBe(unpacked.stdout);
    }
  });

  it('exits 0 for a healthy bundle', async () => {
    const { outcome, stdout } = await stalesum(['report', at('patched-udpcsum'), '--json']);
    expect(outcome).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'not-rewritten' });
  });

  it('rests on the captures, and says if the stored verdict differs', async () => {
    const bundle = join(folder, 'bundle');
    const { stdout } = await stalesum(['analyze', bundle, '--json']);
    await writeFile(join(bundle, 'verdict.json'), stdout);
    const same = await stalesum(['report', bundle]);
    expect([same.outcome, same.stderr]).toEqual([1, '']);
    expect(same.stdout).not.toContain('verdict.json that was stored');
    const altered = { ...JSON.parse(stdout), verdict: 'no-fault', grade: 'none' };
    await writeFile(join(bundle, 'verdict.json'), JSON.stringify(altered));
    const other = await stalesum(['report', bundle]);
    expect(other.outcome).toBe(1);
    expect(other.stderr).toBe(
      'stalesum: verdict.json differs from what the captures say: verdict, grade\n',
    );
    expect(other.stdout).toMatch(/^A second SNAT rewrote/);
    expect(other.stdout).toContain('differs from what they say now, at: verdict, grade');
  });

  it.each([
    [['report'], 64],
    [['report', 'x', '--format', 'pdf'], 64],
    [['report', '/nowhere'], 65],
  ])('%j exits %i', async (args, code) => {
    const { outcome, stdout } = await stalesum(args);
    expect([outcome, stdout]).toEqual([code, '']);
  });
});
