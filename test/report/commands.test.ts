/** A doubter runs commands.txt, and comes to the port that was measured when the recording was made. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandsText } from '../../src/report/commands.js';
import { type Recording, recordings } from '../support/recordings.js';
import { HOSTILE, materialOf, withTexts } from '../support/report-material.js';

const run = promisify(execFile);
let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'stalesum-commands-'));
});
afterAll(() => rm(scratch, { recursive: true }));

let count = 0;

/** Runs the text as it is, with a POSIX shell, in the folder; gives its output line by line. */
async function follow(text: string, folder: string): Promise<string[]> {
  const file = join(scratch, `commands-${++count}.txt`);
  await writeFile(file, text);
  const { stdout } = await run('sh', ['-e', file], { cwd: folder });
  return stdout.split('\n');
}

const convicted = recordings.filter(({ expected }) =>
  ['stale-checksum', 'mangled-checksum'].includes(expected.verdict),
);
const stale = convicted.filter(({ expected }) => expected.verdict === 'stale-checksum');
const before = ({ expected }: Recording) => expected.flow.outerSourcePortBefore;
const after = ({ expected }: Recording) => expected.flow.outerSourcePortAfter;

it('there are recordings of both defects', () => {
  expect(stale.length).toBeGreaterThanOrEqual(6);
  expect(convicted.length).toBeGreaterThan(stale.length);
});

// tshark takes a second to start on a busy machine, and each of these starts it four times.
const followed = stale.filter(({ name }) => /5\.4\.33|udpcsum-fixed-port/.test(name)).slice(0, 4);

describe.each(
  followed.map(recording => [recording.name, recording] as const),
)('%s', (_name, recording) => {
  it('tshark and bc alone arrive at the port that conntrack saw it set out from', async () => {
    const text = commandsText(await materialOf(recording.folder));
    // The port is among the expectations, which are comments; no command may know it.
    const commands = text.split('\n').filter(line => !line.startsWith('#'));
    expect(commands.join('\n')).not.toContain(String(before(recording)));
    const lines = await follow(text, recording.folder);
    expect(lines).toContain(String(before(recording)));
    const entry = lines.find(line => line.includes(`dport=${after(recording)}`));
    expect(entry).toContain(`sport=${before(recording)} `);
  });
});

describe('other cases', () => {
  it('the inner checksum that offload left open is completed, as in the sender’s own capture', async () => {
    const recording = stale.find(({ name }) =>
      name.includes('6.18.44/udpcsum-underlay-offload-on'),
    )!;
    const text = commandsText(await materialOf(recording.file('node-a', 'underlay.pcap')));
    expect(text).toContain('left for the NIC to finish');
    // A file that is named alone is called as it was named; its node's folder is where it lies.
    expect(await follow(text, recording.folder)).toContain(String(before(recording)));
  });

  it.each(
    convicted
      .filter(({ expected }) => expected.verdict === 'mangled-checksum')
      .slice(0, 1)
      .map(recording => [recording.name, recording] as const),
  )('%s: 0xffff where another checksum is due, and conntrack names the port', async (_name, recording) => {
    const lines = await follow(commandsText(await materialOf(recording.folder)), recording.folder);
    expect(lines[0]).toMatch(new RegExp(`^${after(recording)} 0xffff 0x(?!ffff)[0-9a-f]{4}$`));
    const entry = lines.find(line => line.includes(`dport=${after(recording)}`));
    expect(entry).toContain(`sport=${before(recording)} `);
  });

  it('a healthy connection: every checksum is the one called for', async () => {
    const recording = recordings.find(({ name }) => name.endsWith('5.4.33/patched-udpcsum'))!;
    const lines = await follow(commandsText(await materialOf(recording.folder)), recording.folder);
    const [, , port, stored, due] = lines[0]!.split(' ');
    expect(Number(port)).toBe(after(recording));
    expect(stored).toBe(due);
  });

  it('in a folder whose name a shell would misread', async () => {
    const recording = stale[0]!;
    const folder = join(scratch, "it's $(touch hurt) `touch hurt`; #");
    await mkdir(folder);
    await copyFile(recording.file('node-b', 'underlay.pcap'), join(folder, 'b.pcap'));
    const text = commandsText(await materialOf(join(folder, 'b.pcap')));
    expect(await follow(text, scratch)).toContain(String(before(recording)));
  });

  it.each(HOSTILE)('%j everywhere starts no command', async hostile => {
    const folder = await mkdtemp(join(scratch, 'hostile-'));
    const tools = await mkdtemp(join(scratch, 'tools-'));
    await writeFile(join(tools, 'tshark'), '#!/bin/sh\necho 1 2 3\n', { mode: 0o755 });
    const text = commandsText(withTexts(await materialOf(stale[0]!.folder), () => hostile));
    const file = join(scratch, `hostile-${++count}.txt`);
    await writeFile(file, text);
    // Files of these names are not there, so that commands fail, each by itself.
    const env = { ...process.env, PATH: `${tools}:${process.env.PATH}` };
    await run('sh', [file], { cwd: folder, env }).catch(() => undefined);
    expect(await readdir(folder)).toEqual([]);
    await expect(stat('/tmp/hurt')).rejects.toThrow('ENOENT');
  });
});
