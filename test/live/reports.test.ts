/** The reports of a live run: rendered again from its bundle, and followed by hand. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stalesum } from '../support/cli.js';
import { schemaFaults } from '../support/schemas.js';
import { describeLive } from './require-live.js';

describeLive('the reports of a bundle', () => {
  let folder: string;
  let bundle: string;
  const read = (...path: string[]) => readFileSync(join(bundle, ...path), 'utf8');

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'stalesum-live-reports-'));
    bundle = join(folder, 'bundle');
    // The second SNAT changes the address as well here: the longest arithmetic that there is.
    const args = ['reproduce', '--scenario', 'secondary-address', '--out', bundle, '--quiet'];
    const { outcome, stderr } = await stalesum(args);
    expect([outcome, stderr]).toEqual([1, '']);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('has its documents as their schemas say', () => {
    expect(schemaFaults('verdict-1.json', JSON.parse(read('verdict.json')))).toEqual([]);
    expect(schemaFaults('run-1.json', JSON.parse(read('run.json')))).toEqual([]);
  });

  it.each([
    ['report.md', 'markdown'],
    ['report.html', 'html'],
    ['commands.txt', 'commands'],
  ])('%s is rendered again from the bundle alone, letter by letter', async (file, format) => {
    const { stdout, stderr } = await stalesum(['report', bundle, '--format', format]);
    expect(stderr).toBe('');
    expect(stdout).toBe(read(file));
  });

  it('leads a doubter with tshark and bc to the port that conntrack names', async () => {
    const { stdout } = await promisify(execFile)('sh', ['-e', 'commands.txt'], { cwd: bundle });
    const lines = stdout.split('\n');
    const [first] = JSON.parse(read('verdict.json')).flows;
    const wire = first.outer.sourcePortAfter;
    const entry = new RegExp(
      `\\[NEW\\] udp .*src=192\\.168\\.50\\.11 .*sport=(\\d+) dport=8472 .*dport=${wire}$`,
      'm',
    ).exec(read('node-a', 'conntrack-events.txt'));
    expect(lines).toContain(entry?.[1]);
    expect(lines).toContain('report.html: OK');
  });
});
