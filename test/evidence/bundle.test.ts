/** Every recording as a bundle: written, read back as folder and as archive, and held against its sums. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_EXIT_POLICY } from '../../src/analysis/exit-code.js';
import type { VerdictDocument } from '../../src/analysis/verdict.js';
import { readCaptureFile } from '../../src/capture-file/file.js';
import { StalesumError } from '../../src/errors.js';
import { withBundle } from '../../src/evidence/bundle.js';
import { bundlePlace, makePlace } from '../../src/evidence/bundle-place.js';
import { examinePaths } from '../../src/evidence/examine.js';
import { writeSums } from '../../src/evidence/sums.js';
import { finishBundle } from '../../src/report/finish-bundle.js';
import { writeAsRun } from '../support/bundles.js';
import { recordings } from '../support/recordings.js';

const lacksTshark = spawnSync('tshark', ['--version']).status !== 0;

const examine = (path: string) =>
  examinePaths([path], { tunnelPorts: [], policy: DEFAULT_EXIT_POLICY });

async function faultOf(promise: Promise<unknown>): Promise<StalesumError> {
  const thrown = await promise.then(
    () => undefined,
    fault => fault,
  );
  if (!(thrown instanceof StalesumError)) throw new Error(`no fault: ${thrown}`);
  return thrown;
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stalesum-bundles-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
const path = (...parts: string[]) => join(folder, ...parts);

/** What the file format and the name of the file make of a verdict, taken out. */
function comparable(verdict: VerdictDocument): unknown {
  const text = JSON.stringify({
    ...verdict,
    captures: verdict.captures.map(capture => ({
      ...capture,
      sha256: '',
      interface: null,
      kernelDrops: null,
    })),
  });
  return JSON.parse(text.replaceAll('.pcapng', '.pcap'));
}

/** Outer UDP checksum status of each frame, as tshark has it. */
function tsharkStates(capture: string): string[] {
  const options = '-d udp.port==8472,vxlan -o udp.check_checksum:TRUE -T fields -E occurrence=f';
  const args = ['-r', capture, ...options.split(' '), '-e', 'udp.checksum.status'];
  return execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    .trimEnd()
    .split('\n');
}

describe.each(
  recordings.map(recording => [recording.name, recording] as const),
)('%s', (_name, recording) => {
  const name = recording.name.replaceAll('/', '-');

  it('is the same verdict, witness for witness, from a bundle without payload', async () => {
    const place = bundlePlace(path(`${name}.tar.gz`));
    await makePlace(place);
    await writeAsRun(recording, place.folder);
    const verdict = await examine(place.folder);
    expect(comparable(verdict)).toEqual(comparable(await examine(recording.folder)));

    const finished = await finishBundle(place, verdict);
    expect(comparable(finished.verdict)).toEqual(comparable(verdict));
    expect(await examine(place.path)).toEqual(finished.verdict);

    mkdirSync(path(name));
    execFileSync('tar', ['-xzf', place.path, '-C', path(name)]);
    const unpacked = path(name, name);
    expect(await examine(unpacked)).toEqual(finished.verdict);
    const saved = readFileSync(join(unpacked, 'verdict.json'), 'utf8');
    expect(JSON.parse(saved)).toEqual(finished.verdict);
    execFileSync('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], { cwd: unpacked });
  });

  it('has a comment on each datagram that convicts, and on no other', async () => {
    const { captures, flows } = await examine(path(name, name));
    const bad = flows[0]!.syns.filter(({ checksum }) =>
      ['stale', 'mangled'].includes(checksum?.state ?? ''),
    );
    const ports = bad.map(({ outerSourcePort }) => outerSourcePort);
    for (const { name: capture, role, kernelDrops } of captures) {
      const isUnderlay = role.includes('underlay');
      const expected = bad.flatMap(({ frames }) =>
        frames.filter(frame => frame.capture === capture).map(({ number }) => number),
      );
      const { comments } = await readCaptureFile(path(name, name, capture), frame => {
        // Whatever leaves from a port that was rewritten: behind Ethernet and IPv4 without options.
        const { view, start, number } = frame;
        const isTheirs = isUnderlay && ports.includes(view.getUint16(start + 34));
        if (isTheirs && !expected.includes(number)) expected.push(number);
      });
      const shown = comments.filter(({ frame }) => frame !== null).map(({ frame }) => frame);
      expect(shown, capture).toEqual(expected);
      expect(comments.map(({ text }) => text).join('\n')).toContain(
        `${kernelDrops} dropped by the kernel`,
      );
      if (!isUnderlay) continue;
      for (const { frame, text } of comments) {
        const syn = bad.find(({ frames: seen }) =>
          seen.some(one => one.capture === capture && one.number === frame),
        );
        if (syn?.checksum?.state !== 'stale') continue;
        expect(text).toContain(
          `checksum ${syn.checksum.stored} is right for source port ${syn.recoveredPort}; this datagram says ${syn.outerSourcePort}`,
        );
      }
    }
  });
});

it.skipIf(lacksTshark)(
  'tshark finds the same bad checksums in bundles (skipped without it)',
  () => {
    const asked = recordings.filter(({ name }) =>
      ['linux-5.4.33/udpcsum-fixed-port', 'linux-6.18.44/double-snat-udpcsum'].includes(name),
    );
    expect(asked).toHaveLength(2);
    for (const { name, file } of asked) {
      const bundle = path(name.replaceAll('/', '-'), name.replaceAll('/', '-'));
      for (const point of ['node-a/underlay', 'node-b/underlay']) {
        const before = tsharkStates(file(`${point}.pcap`));
        expect(before).toContain('0');
        expect(tsharkStates(join(bundle, `${point}.pcapng`))).toEqual(before);
      }
    }
  },
);

describe('a bundle whose files are not those of its sums', () => {
  const [recording] = recordings;
  /** A bundle of its own to be altered. */
  async function bundle(name: string): Promise<string> {
    const copy = path(name);
    cpSync(recording!.folder, copy, { recursive: true });
    await writeSums(copy);
    return copy;
  }

  it('is refused, and the changed file is named', async () => {
    const altered = await bundle('changed');
    appendFileSync(join(altered, 'node-a/ip.txt'), ' ');
    const fault = await faultOf(examine(altered));
    expect(fault.kind).toBe('bad-input');
    expect(fault.message).toContain('not as SHA256SUMS has it: changed: node-a/ip.txt');
  });

  it('is refused, and the missing file is named', async () => {
    const altered = await bundle('missing');
    unlinkSync(join(altered, 'node-b/nstat.after.txt'));
    const { message } = await faultOf(examine(altered));
    expect(message).toContain('missing: node-b/nstat.after.txt');
  });

  it('is refused where evidence was added, and warned of where something else was', async () => {
    const altered = await bundle('added');
    writeFileSync(join(altered, 'notes.txt'), 'looked at on Monday\n');
    const { warnings } = await examine(altered);
    expect(warnings.at(-1)).toMatch(/added: notes\.txt was added after SHA256SUMS$/);
    writeFileSync(join(altered, 'node-a/conntrack-list2.txt'), '');
    const { message } = await faultOf(examine(altered));
    expect(message).toContain('added: node-a/conntrack-list2.txt');
  });

  it('is refused where a file became a link to its like', async () => {
    const altered = await bundle('linked');
    const file = join(altered, 'node-a/ip.txt');
    cpSync(file, path('elsewhere.txt'));
    unlinkSync(file);
    symlinkSync(path('elsewhere.txt'), file);
    expect((await faultOf(examine(altered))).message).toContain('changed: node-a/ip.txt');
  });

  it('is refused where the list itself cannot be read, with the line', async () => {
    const altered = await bundle('list');
    appendFileSync(join(altered, 'SHA256SUMS'), 'no sum\n');
    const { message } = await faultOf(examine(altered));
    const lines = readFileSync(join(altered, 'SHA256SUMS'), 'utf8').trimEnd().split('\n');
    expect(message).toContain(`SHA256SUMS: line ${lines.length}: expected 64 hexadecimal digits`);
  });

  it('is a recording like any other without a list', async () => {
    const altered = await bundle('unlisted');
    unlinkSync(join(altered, 'SHA256SUMS'));
    appendFileSync(join(altered, 'node-a/ip.txt'), ' ');
    expect((await examine(altered)).verdict).toBe(recording!.expected.verdict);
  });
});

describe('SHA256SUMS', () => {
  it('is what sha256sum checks, names that need escaping included', async () => {
    const odd = path('odd');
    mkdirSync(join(odd, 'node-a'), { recursive: true });
    const names = ['back\\slash', 'line\nend', 'carriage\rreturn', 'two  spaces', ' *star', 'ü'];
    for (const name of names) writeFileSync(join(odd, 'node-a', name), name);
    await writeSums(odd);
    execFileSync('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], { cwd: odd });
    await withBundle(odd, async ({ verified }) => expect(verified).toBe(true));
    writeFileSync(join(odd, 'node-a', names[1]!), 'other');
    const { message } = await faultOf(withBundle(odd, async () => undefined));
    expect(message).toContain('changed: node-a/line\nend');
  });

  it('may be written by sha256sum itself, in binary mode too', async () => {
    const theirs = path('theirs');
    mkdirSync(theirs);
    writeFileSync(join(theirs, 'a'), 'a');
    const listed = execFileSync('sha256sum', ['--binary', './a'], { cwd: theirs });
    writeFileSync(join(theirs, 'SHA256SUMS'), listed);
    await withBundle(theirs, async ({ verified }) => expect(verified).toBe(true));
  });
});

describe('the place of a bundle', () => {
  it('is not made where something is', async () => {
    mkdirSync(path('taken'));
    writeFileSync(path('taken', 'x'), '');
    expect((await faultOf(makePlace(bundlePlace(path('taken'))))).kind).toBe('usage');
    writeFileSync(path('taken.tgz'), '');
    const fault = await faultOf(makePlace(bundlePlace(path('taken.tgz'))));
    expect([fault.kind, fault.message]).toEqual(['usage', expect.stringContaining('taken.tgz')]);
    mkdirSync(path('left.partial', 'node-a'), { recursive: true });
    const left = await faultOf(makePlace(bundlePlace(path('left.tar.gz'))));
    expect(left.message).toContain(
      'left.partial: the folder for the bundle is not empty: an inter',
    );
  });

  it('is no archive of a kind that is not written', () => {
    for (const name of ['a.zip', 'a.tar', 'a.tar.xz', 'a.tar.zst', 'a.7z']) {
      expect(() => bundlePlace(name)).toThrow(/expected a folder, or an archive named \.tar\.gz/);
    }
    expect(bundlePlace('a.b').archive).toBeUndefined();
  });

  it('leaves nothing beside the archive', async () => {
    expect(readdirSync(folder).filter(name => /partial/.test(name))).toEqual(['left.partial']);
  });
});
