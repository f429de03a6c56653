import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI, PROJECT, stalesum } from '../support/cli.js';

const STALE = `${PROJECT}captures/linux-6.18.44/double-snat-udpcsum`;
const PATCHED = `${PROJECT}captures/linux-6.18.44/kube-proxy-patched`;

describe('stalesum analyze', () => {
  let folder: string;
  const file = (name: string, content: Uint8Array | string) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'stalesum-cli-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('exits 1 for a stale checksum, with the report on stdout and nothing on stderr', async () => {
    const { outcome, stdout, stderr } = await stalesum(['analyze', STALE]);
    expect({ outcome, stderr }).toEqual({ outcome: 1, stderr: '' });
    expect(stdout).toContain('STALE CHECKSUM AFTER A SECOND SNAT');
  });

  it('exits 0 where nothing was rewritten', async () => {
    const { outcome, stdout } = await stalesum(['analyze', PATCHED]);
    expect(outcome).toBe(0);
    expect(stdout).toContain('NOT REWRITTEN');
  });

  it('prints with --json one document and nothing else', async () => {
    const { outcome, stdout, stderr } = await stalesum(['analyze', STALE, '--json']);
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({
      schema: 'stalesum.verdict/1',
      verdict: 'stale-checksum',
      grade: 'proved',
      exitCode: 1,
    });
    expect({ outcome, stderr }).toEqual({ outcome: 1, stderr: '' });
  });

  it('reads a capture from standard input', async () => {
    const input = readFileSync(`${STALE}/node-b/underlay.pcap`);
    const { outcome, stdout } = await stalesum(['analyze', '-', '--json'], { input });
    expect(outcome).toBe(1);
    const verdict = JSON.parse(stdout);
    expect(verdict).toMatchObject({ verdict: 'stale-checksum', grade: 'supported' });
    // All that the receiver's capture alone can say.
    expect(verdict.summary).toMatch(
      /^The outer VXLAN source port was rewritten after the checksum was made/,
    );
  });

  it('takes the roles of captures from options', async () => {
    const { stdout } = await stalesum([
      'analyze',
      '--json',
      '--underlay',
      `${STALE}/node-a/underlay.pcap`,
      '--peer-underlay',
      `${STALE}/node-b/underlay.pcap`,
    ]);
    const { captures } = JSON.parse(stdout) as { captures: { role: string }[] };
    expect(captures.map(({ role }) => role)).toEqual(['underlay', 'peer-underlay']);
  });

  it('exits 2 for a conviction below --min-grade', async () => {
    const capture = `${STALE}/node-b/underlay.pcap`;
    const { outcome } = await stalesum(['analyze', capture, '--min-grade', 'proved']);
    expect(outcome).toBe(2);
  });

  it('exits 1 for what --fail-on names, and 0 for what it does not', async () => {
    expect((await stalesum(['analyze', PATCHED, '--fail-on', 'not-rewritten'])).outcome).toBe(1);
    expect((await stalesum(['analyze', STALE, '--fail-on', 'not-rewritten'])).outcome).toBe(0);
  });

  describe('of input that it cannot use', () => {
    it.each([
      ['an empty file', '', 'the file is empty'],
      ['text', 'tcpdump: listening on eth0\n', 'found the bytes 74637064'],
      ['half a header', Uint8Array.of(0xd4, 0xc3, 0xb2, 0xa1, 2, 0), 'the file ends at byte 6'],
    ])('names the file, the offset and what was expected: %s', async (name, content, reason) => {
      const path = file(`${name.replaceAll(' ', '-')}.pcap`, content);
      const { outcome, stdout, stderr } = await stalesum(['analyze', path]);
      expect({ outcome, stdout }).toEqual({ outcome: 65, stdout: '' });
      const [first] = stderr.split('\n');
      expect(first).toMatch(/^stalesum: .*: expected a pcap .* at byte 0, /);
      expect(first).toContain(path);
      expect(first).toContain(reason);
      expect(stderr).not.toMatch(/^\s+at /m);
    });

    it('names a file that is not there', async () => {
      const { outcome, stderr } = await stalesum(['analyze', join(folder, 'none.pcap')]);
      expect(outcome).toBe(65);
      expect(stderr).toContain('none.pcap: expected a capture file, there is no such file');
    });

    it('analyses what stands before a cut, marks it, and exits 65', async () => {
      // Header 24 bytes, records of 58, 58, 140 and 140 bytes: the cut is in the fifth record.
      const whole = readFileSync(`${PATCHED}/node-a/underlay.pcap`);
      const path = file('cut.pcap', whole.subarray(0, 700));
      const { outcome, stdout, stderr } = await stalesum(['analyze', path, '--json']);
      expect(outcome).toBe(65);
      expect(stderr).toMatch(/^stalesum: .*cut\.pcap: cut off at byte \d+: record 5 at byte \d+ /);
      const document = JSON.parse(stdout);
      expect(document).toMatchObject({ verdict: 'inconclusive', exitCode: 65 });
      expect(document.captures[0].truncated.offset).toBeLessThan(700);
      expect(document.captures[0].frames).toBe(4);
    });

    it('convicts on what stands before a cut', async () => {
      const whole = readFileSync(`${STALE}/node-b/underlay.pcap`);
      const path = file('cut-behind-the-syn.pcap', whole.subarray(0, whole.length - 5));
      const { outcome, stderr } = await stalesum(['analyze', path]);
      expect(outcome).toBe(1);
      expect(stderr).toContain('cut off at byte');
    });

    it('exits 64 without any path, for an unknown option, and for an unknown command', async () => {
      expect((await stalesum(['analyze'])).outcome).toBe(64);
      expect((await stalesum(['analyze', STALE, '--fast'])).outcome).toBe(64);
      expect((await stalesum(['analyse', STALE])).outcome).toBe(64);
    });
  });

  describe('when its output is not taken', () => {
    it('exits 74 on a full device', async () => {
      const full = openSync('/dev/full', 'w');
      const child = spawn(process.execPath, [CLI, 'analyze', PATCHED], {
        stdio: ['ignore', full, 'pipe'],
      });
      expect(await once(child, 'close')).toEqual([74, null]);
    });

    it('does not mind a reader that has gone', async () => {
      const child = spawn(process.execPath, [CLI, 'analyze', PATCHED, '--json'], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child.stdout?.destroy();
      expect(await once(child, 'close')).toEqual([0, null]);
    });
  });
});
