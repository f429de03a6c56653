import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT, stalesum } from '../support/cli.js';

const RECORDING = `${PROJECT}captures/linux-5.4.33/udpcsum-fixed-port`;

describe('stalesum redact', () => {
  let folder: string;
  let key: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'stalesum-redact-cli-'));
    key = join(folder, 'home', 'redact.key');
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const redact = (...args: string[]) => stalesum(['redact', ...args]);
  const at = (name: string) => join(folder, name);

  it('makes a copy that analyze judges as the original, and says what it did', async () => {
    const { outcome, stdout, stderr } = await redact(RECORDING, '--out', at('copy'), '--key', key);
    expect({ outcome, stderr }).toEqual({ outcome: 0, stderr: '' });
    expect(stdout).toMatch(/^replaced +\d+ IP and \d+ MAC addresses, \d+ words of names$/m);
    expect(stdout).toMatch(/^verdict +stale-checksum, proved: the same of the copy$/m);
    const analyzed = await stalesum(['analyze', at('copy')]);
    expect(analyzed.outcome).toBe(1);
    expect(analyzed.stdout).toContain('(50000 to 38337)');
    expect(analyzed.stdout).not.toMatch(/192\.168\.50\.|10\.244\.|10\.96\./);
  });

  it('made the key, for its owner alone, and not in the copy', () => {
    expect((statSync(key).mode & 0o777).toString(8)).toBe('600');
    const digits = /[0-9a-f]{64}/.exec(readFileSync(key, 'utf8'))![0];
    for (const name of readdirSync(at('copy'), { recursive: true }).map(String)) {
      const path = join(at('copy'), name);
      if (statSync(path).isFile()) expect(readFileSync(path, 'latin1')).not.toContain(digits);
    }
  });

  it('is consistent: the same key makes the same of another recording of the same nodes', async () => {
    const other = `${PROJECT}captures/linux-5.4.33/double-snat-udpcsum`;
    const { stdout } = await redact(other, '--out', at('other'), '--key', key, '--json');
    const document = JSON.parse(stdout);
    const schema = readFileSync(`${PROJECT}docs/schemas/redaction-1.json`, 'utf8');
    const validate = new Ajv2020({ strict: true }).compile(JSON.parse(schema));
    expect(validate(document) || validate.errors).toBe(true);
    expect(document).toMatchObject({ verdict: 'stale-checksum', captures: 4, leftOut: [] });
    const address = (copy: string) =>
      /vxlan id 1 local (\S+)/.exec(readFileSync(join(at(copy), 'node-a/ip.txt'), 'utf8'))![1];
    expect(address('other')).toBe(address('copy'));
  });

  it('writes an archive, and reads one', async () => {
    const archive = at('copy.tar.gz');
    expect((await redact(at('copy'), '--out', archive, '--key', key)).outcome).toBe(0);
    expect(readdirSync(folder).filter(name => /partial|^\./.test(name))).toEqual([]);
    expect((await redact(archive, '--out', at('third'), '--key', key)).outcome).toBe(0);
    const { stdout } = await stalesum(['analyze', at('third'), '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'stale-checksum', grade: 'proved' });
  });

  it('names files that it leaves out', async () => {
    const bundle = at('with-notes');
    cpSync(RECORDING, bundle, { recursive: true });
    writeFileSync(join(bundle, 'mail.eml'), 'From: jdoe');
    const { stdout } = await redact(bundle, '--out', at('without'), '--key', key);
    expect(stdout).toMatch(/^left out +not known: mail\.eml$/m);
    expect(existsSync(join(at('without'), 'mail.eml'))).toBe(false);
  });

  it('warns of a key that others can read', async () => {
    const open = at('open.key');
    cpSync(key, open);
    chmodSync(open, 0o644);
    const { stderr } = await redact(RECORDING, '--out', at('warned'), '--key', open);
    expect(stderr).toBe(`stalesum: ${open}: others can read the key (chmod 600)\n`);
  });

  describe('refuses', () => {
    const refused = async (args: readonly string[], code: number, said: RegExp) => {
      const { outcome, stdout, stderr } = await redact(...args);
      expect({ outcome, stdout }).toEqual({ outcome: code, stdout: '' });
      expect(stderr).toMatch(said);
    };

    it('a place that is taken', async () => {
      await refused([RECORDING, '--out', at('copy'), '--key', key], 64, /is not empty/);
    });

    it('a key beside the evidence, in the copy, or that is none', async () => {
      const out = at('nothing');
      await refused([RECORDING, '--out', out, '--key', join(out, 'k')], 64, /must not lie with/);
      await refused(
        [at('copy'), '--out', out, '--key', join(at('copy'), 'k')],
        64,
        /must not lie with/,
      );
      writeFileSync(at('no.key'), 'secret');
      await refused([RECORDING, '--out', out, '--key', at('no.key')], 65, /expected a key/);
      expect(existsSync(out)).toBe(false);
    });

    it('a copy in the original', async () => {
      await refused([at('copy'), '--out', join(at('copy'), 'c'), '--key', key], 64, /must not lie/);
    });

    it('what is no bundle, and leaves nothing behind', async () => {
      await refused([at('missing'), '--out', at('nothing'), '--key', key], 65, /expected a bundle/);
      mkdirSync(at('empty'));
      await refused([at('empty'), '--out', at('nothing'), '--key', key], 65, /found neither/);
      expect(existsSync(at('nothing'))).toBe(false);
    });

    it('to do without --out', async () => {
      expect((await redact(RECORDING)).outcome).toBe(64);
    });
  });
});
