/**
 * Every outer checksum of generated captures and of those in fixtures/, three ways: what it was made
 * to be, what tshark says, and what we say. The recordings of captures/ are compared in
 * test/wire/tshark-agreement.test.ts.
 *
 * Where we say another thing than tshark it is one of these, and nothing else:
 * - partial: tshark has no such state and calls it bad
 * - right once the inner checksum, still open, is completed (LCO): tshark calls it bad
 * - the checksum of a datagram in fragments of which not all came: tshark calls it not verified, or
 *   shows no UDP at all
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { ChecksumField } from '../../src/wire/checksum-state.js';
import { generate, ODD_PORT, type Truth } from './generator.js';
import { fixture, fixturesLike, lacks, observeFile, tsharkStates, writePcap } from './support.js';

const OURS: Readonly<Record<Truth, ChecksumField>> = {
  right: 'valid',
  lco: 'valid',
  zero: 'zero',
  partial: 'partial',
  wrong: 'mismatch',
  cut: 'unverifiable',
};
const TSHARK: Readonly<Record<Truth, string>> = {
  right: '1',
  lco: '0',
  zero: '3',
  partial: '0',
  wrong: '0',
  cut: '2',
};

const folder = mkdtempSync(join(tmpdir(), 'stalesum-offline-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('generated captures', () => {
  const seeds = [1, 2, 3, 4];

  test.each(seeds)('of seed %i: each outer checksum is what it was made to be', async seed => {
    const frames = generate(seed, 800);
    const path = join(folder, `own-${seed}.pcap`);
    writePcap(path, frames);
    const { outer, observation } = await observeFile(path);
    const made = frames.flatMap(({ truth }, i) => (truth ? [[i + 1, OURS[truth]]] : []));
    expect([...outer].sort(([a], [b]) => a - b)).toEqual(made);
    expect(observation.foundTunnelPorts).toEqual([ODD_PORT]);
    const states = new Set(outer.values());
    expect([...states].sort()).toEqual(
      ['mismatch', 'partial', 'unverifiable', 'valid', 'zero'].sort(),
    );
    expect(observation.fragments.reassembled).toBeGreaterThan(50);
    expect(observation.fragments).toMatchObject({ incomplete: 0, evicted: 0, overlapping: 0 });
  });

  test.skipIf(lacks('tshark')).each(seeds)(
    'of seed %i: tshark agrees, but for those that are partial or completed (skipped without tshark)',
    seed => {
      const frames = generate(seed, 800);
      const path = join(folder, `tshark-${seed}.pcap`);
      writePcap(path, frames);
      const states = tsharkStates(path, [8472, 4789, ODD_PORT]);
      const wrong = frames.flatMap(({ truth }, i) => {
        const said = states.get(i + 1);
        // A partial field that is cut off: tshark cannot tell, we can.
        const due = truth === 'partial' && said === '2' ? '2' : truth && TSHARK[truth];
        return truth && said !== due ? [{ frame: i + 1, truth, said }] : [];
      });
      expect(wrong).toEqual([]);
    },
    30_000,
  );
});

/** How many datagrams of a fixture are in which state by tshark ('' for none) and by us. */
async function compared(name: string): Promise<Record<string, number>> {
  const { outer } = await observeFile(fixture(name));
  const theirs = tsharkStates(fixture(name), [8472, 4789, ODD_PORT]);
  const counts: Record<string, number> = {};
  for (const [frame, state] of [...outer].sort(([a], [b]) => a - b)) {
    const key = `${state} ${theirs.get(frame) ?? ''}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** Pairs that need no word: both say the same. `valid 0` is LCO, `partial 0` partial. */
const AGREED = new Set([
  'valid 1',
  'zero 3',
  'mismatch 0',
  'unverifiable 2',
  'valid 0',
  'partial 0',
]);

describe.skipIf(lacks('tshark'))('captures that others wrote (skipped without tshark)', () => {
  const names = fixturesLike(
    /^(vxlan|any|raw|gso|nflog|null|loop|snaplen|members|reord|geneve|vlan|ipv6).*\.(pcap|pcapng|gz)$/,
  );

  test('are all there', () => {
    expect(names.length).toBeGreaterThanOrEqual(15);
  });

  test.each(names)('%s: no other difference than a documented one', async name => {
    const counts = await compared(name);
    const others = Object.entries(counts).filter(([pair]) => !AGREED.has(pair));
    // Cut off, and still known for what it is.
    expect(others.filter(([pair]) => pair !== 'partial 2')).toEqual([]);
    expect(Object.keys(counts).length).toBeGreaterThan(0);
  });
});
