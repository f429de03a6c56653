import { execFileSync } from 'node:child_process';
import {
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
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_EXIT_POLICY } from '../../src/analysis/exit-code.js';
import { examinePaths } from '../../src/evidence/examine.js';
import { watchComment } from '../../src/report/watch.js';
import { DatagramCounts } from '../../src/watch/counts.js';
import { Detector } from '../../src/watch/detector.js';
import { EvidenceRing, FRAMES_A_FLOW } from '../../src/watch/evidence-ring.js';
import { capturedFrame } from '../support/frames.js';
import type { Bytes } from '../support/packet-builder.js';
import { client, segment, syn, tunnelled } from '../support/traffic.js';
import { PORTS } from './support.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stalesum-evidence-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const SECRET = 'the password is swordfish and nobody must know it';

/** A detector that keeps evidence in `folder`. */
function keeping(mostBytes: number, name = 'eth0') {
  const faults: string[] = [];
  const ring = new EvidenceRing({
    folder,
    mostBytes,
    tunnelPorts: [...PORTS],
    comment: watchComment,
    onFault: message => faults.push(message),
  });
  const detector = new Detector(PORTS, {
    emit: () => undefined,
    mayTell: () => true,
    keep: (...found) => ring.keep(...found),
  });
  const counts = new DatagramCounts();
  let number = 0;
  const take = (bytes: Bytes, at = number) =>
    detector.take(name, capturedFrame({ bytes, at }, ++number), counts);
  return { ring, take, faults };
}

const stale = (port: number, length = 0) =>
  tunnelled(length === 0 ? syn(client(port)) : segment(client(port), 7, length), {
    port: 20000 + ((port * 37) % 10000),
    madeFor: 40000 + ((port * 91) % 20000),
  });
const files = () => readdirSync(folder).sort();
const total = () => files().reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);

describe('the evidence ring', () => {
  it('makes no file before there is evidence, and then one for each interface', () => {
    const { take, ring } = keeping(1e6);
    expect(files()).toEqual([]);
    take(stale(1));
    take(tunnelled(syn(), { port: 40000 }));
    ring.close();
    expect(files()).toEqual([expect.stringMatching(/^stalesum-watch-eth0_00001_\d{14}\.pcapng$/)]);
    expect(statSync(join(folder, files()[0]!)).mode & 0o777).toBe(0o600);
    expect(ring.written).toEqual({ frames: 1, bytes: total() });
    expect(ring.size).toBe(total());
  });

  it('gives the verdict again, over several files too', async () => {
    const { take, ring } = keeping(1e6);
    for (let port = 1; port <= 600; port++) take(stale(port, 1000), port / 100);
    ring.close();
    expect(files().length).toBeGreaterThan(3);
    const verdict = await examinePaths([folder], { tunnelPorts: [], policy: DEFAULT_EXIT_POLICY });
    expect(verdict).toMatchObject({ verdict: 'stale-checksum', grade: 'supported' });
    expect(verdict.captures).toHaveLength(1);
    expect(verdict.captures[0]).toMatchObject({ frames: 600, interface: 'eth0', truncated: null });
  });

  it('holds no payload, and says on each frame what is wrong', () => {
    const { take, ring } = keeping(1e6);
    const payload = [...Buffer.from(SECRET)];
    const inner = segment(client(1), 7, payload.length);
    // In place of the payload that the checksums were made for.
    const withSecret = tunnelled(
      checksum => {
        const packet = [...inner(checksum)];
        return packet.slice(0, -payload.length).concat(payload);
      },
      { port: 29051, madeFor: 42112 },
    );
    take(withSecret);
    take(stale(2));
    ring.close();
    const path = join(folder, files()[0]!);
    expect(readFileSync(path).includes('swordfish')).toBe(false);
    const comments = execFileSync(
      'tshark',
      ['-r', path, '-T', 'fields', '-e', 'frame.comment', '-e', 'udp.srcport'],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    ).trim();
    const [first, second] = comments.split('\n');
    expect(first).toMatch(/^stalesum: wrong outer UDP checksum: the inner checksum is wrong too/);
    expect(second).toMatch(
      /^stalesum: outer UDP checksum 0x[0-9a-f]{4} is right for source port 40182; this datagram says 20074,/,
    );
  });

  it('stays within its bound, and the oldest go', () => {
    const { take, ring } = keeping(64_000);
    for (let port = 1; port <= 2000; port++) {
      take(stale(port));
      if (port % 100 === 0) expect(total()).toBeLessThanOrEqual(64_000);
    }
    ring.close();
    expect(total()).toBeGreaterThan(64_000 / 2);
    expect(ring.size).toBe(total());
    expect(files()[0]).not.toContain('_00001_');
    expect(ring.written.frames).toBe(2000);
  });

  it('keeps some frames of each flow', () => {
    const { take, ring } = keeping(1e6);
    for (let i = 0; i < 3 * FRAMES_A_FLOW; i++) take(stale(1));
    take(stale(2));
    ring.close();
    expect(ring.written.frames).toBe(FRAMES_A_FLOW + 1);
  });

  it('goes on where an earlier one ended, and touches nothing of others', () => {
    const first = keeping(64_000);
    for (let port = 1; port <= 100; port++) first.take(stale(port));
    first.ring.close();
    const others = ['trace_00001_20261123024952.pcapng', 'stalesum-watch-eth0.pcapng', 'notes'];
    for (const name of others) writeFileSync(join(folder, name), 'x'.repeat(70_000));
    const earlier = first.ring.size;
    const second = keeping(64_000);
    expect(second.ring.size).toBe(earlier);
    for (let port = 1; port <= 1000; port++) second.take(stale(port));
    second.ring.close();
    expect(second.ring.size).toBeLessThanOrEqual(64_000);
    expect(files()).toEqual(expect.arrayContaining(others));
    const numbers = files()
      .filter(name => /_\d{14}\./.test(name) && !name.startsWith('trace'))
      .map(name => Number(/_(\d{5})_/.exec(name)?.[1]));
    expect(Math.min(...numbers)).toBeGreaterThan(3);
  });

  it('makes room at once, where less is allowed than before', () => {
    const first = keeping(64_000);
    for (let port = 1; port <= 500; port++) first.take(stale(port));
    first.ring.close();
    expect(first.ring.size).toBeGreaterThan(20_000);
    expect(keeping(20_000).ring.size).toBeLessThanOrEqual(20_000);
  });

  it('goes on without, where the disk takes no more, and says so once', () => {
    const { take, ring, faults } = keeping(1e6);
    rmSync(folder, { recursive: true });
    take(stale(1));
    take(stale(2));
    expect(faults).toEqual([
      expect.stringMatching(/evidence cannot be written: ENOENT.*; trying again in 60 s$/),
    ]);
    expect(ring.written.frames).toBe(0);
    mkdirSync(folder);
  });

  it('names files after interfaces of any name', () => {
    const { take, ring } = keeping(1e6, 'a b$(x)"');
    take(stale(1));
    ring.close();
    expect(files()[0]).toMatch(/^stalesum-watch-a-b--x--_00001_/);
  });

  it('says so if there is no such place', () => {
    writeFileSync(join(folder, 'file'), '');
    for (const path of [join(folder, 'file'), join(folder, 'none', 'deeper')]) {
      const options = {
        folder: path,
        mostBytes: 1e6,
        tunnelPorts: [],
        comment: watchComment,
        onFault: () => undefined,
      };
      expect(() => new EvidenceRing(options)).toThrow(
        expect.objectContaining({ kind: 'write-failed', message: expect.stringContaining(path) }),
      );
    }
  });
});
