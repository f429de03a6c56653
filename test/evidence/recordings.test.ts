/**
 * Every recording in captures/ with an expected.json is a test: what was measured when it was made
 * (by the client, conntrack and the kernel's counters) against what the analysis makes of it.
 */
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DEFAULT_EXIT_POLICY } from '../../src/analysis/exit-code.js';
import type { SynReport, VerdictDocument } from '../../src/analysis/verdict.js';
import { examinePaths } from '../../src/evidence/examine.js';
import { type Recording, recordings } from '../support/recordings.js';

const CAPTURE_POINTS = ['node-a/overlay', 'node-a/underlay', 'node-b/overlay', 'node-b/underlay'];
const CONVICTIONS = ['stale-checksum', 'mangled-checksum'];

const examine = (...paths: string[]) =>
  examinePaths(paths, { tunnelPorts: [], policy: DEFAULT_EXIT_POLICY });

const isBad = ({ checksum }: SynReport) => ['stale', 'mangled'].includes(checksum?.state ?? '');

/** How much a counter grew, read from the two texts with nothing but a regular expression. */
function grown({ text }: Recording, counter: string): number {
  const read = (when: string) =>
    Number(new RegExp(`^${counter} +(\\d+)`, 'm').exec(text('node-b', `nstat.${when}.txt`))?.[1]);
  return read('after') - read('before');
}

/** The port from which conntrack saw a datagram set out that left with `port`. */
function originalSourcePort({ text }: Recording, port: number): number | undefined {
  const entries = text('node-a', 'conntrack-events.txt').matchAll(
    /\[NEW\] udp .*? sport=(\d+) dport=8472 .* sport=8472 dport=(\d+)$/gm,
  );
  const found = [...entries].find(entry => Number(entry[2]) === port);
  return found && Number(found[1]);
}

test('there are recordings', () => {
  expect(recordings.length).toBeGreaterThanOrEqual(31);
});

describe.each(
  recordings.map(recording => [recording.name, recording] as const),
)('%s', (_name, recording) => {
  const { expected, folder, file } = recording;
  const isConviction = CONVICTIONS.includes(expected.verdict);

  describe('with its snapshots', () => {
    const examined = examine(folder);
    const mainFlow = async () => (await examined).flows[0]!;

    test(`is ${expected.verdict}, ${expected.flow.outerSourcePortBefore} to ${expected.flow.outerSourcePortAfter}`, async () => {
      const verdict = await examined;
      expect(verdict.verdict).toBe(expected.verdict);
      expect(verdict.flows.map(flow => flow.inner.protocol)).toEqual(['tcp']);
      expect(verdict.flows[0]?.outer).toMatchObject({
        sourcePortBefore: expected.flow.outerSourcePortBefore,
        sourcePortAfter: expected.flow.outerSourcePortAfter,
      });
    });

    test('is proved by conntrack where it convicts, and exits 1 only then', async () => {
      const { grade, witnesses, exitCode } = await examined;
      expect(exitCode).toBe(isConviction ? 1 : 0);
      if (!isConviction) return;
      expect(grade).toBe('proved');
      expect(witnesses.map(({ kind }) => kind)).toContain('conntrack');
    });

    test('has the SYNs that were counted, at their times, from their outer ports', async () => {
      const { syns, delay } = await mainFlow();
      expect(syns).toHaveLength(expected.synTimesSeconds.length);
      expect(delay?.retransmits).toBe(expected.synRetransmits);
      syns.forEach((syn, index) => {
        const error = Math.abs(syn.atSeconds - expected.synTimesSeconds[index]!);
        expect(error, `SYN ${index + 1} at ${syn.atSeconds}`).toBeLessThanOrEqual(0.02);
      });
      expect(syns.map(({ outerSourcePort }) => outerSourcePort)).toEqual(
        expected.synOuterSourcePorts,
      );
    });

    test('has the first SYN’s checksum as it stood on the wire', async () => {
      const { syns } = await mainFlow();
      expect(syns[0]?.checksum?.stored).toBe(expected.firstSynOuterChecksum);
    });

    test('connected, or did not, as the client saw it', async () => {
      const { delay } = await mainFlow();
      if (expected.connectResult !== 'ok') expect(delay?.connectSeconds).toBeNull();
      else {
        // The client's clock runs in the same machine; an emulated one takes some time to wake it up.
        expect(Math.abs(delay!.connectSeconds! - expected.connectSeconds)).toBeLessThan(0.08);
      }
    });

    test('recovers from bad SYNs the ports that conntrack saw them set out from', async () => {
      const bad = (await mainFlow()).syns.filter(isBad);
      expect(bad.length > 0).toBe(isConviction);
      for (const { outerSourcePort, recoveredPort } of bad) {
        expect(recoveredPort).toBe(originalSourcePort(recording, outerSourcePort!));
        expect(recoveredPort).not.toBe(outerSourcePort);
      }
    });

    test('has as many bad SYNs as the receiver’s kernel counted, unless it did not look', async () => {
      const { syns } = await mainFlow();
      const bad = syns.filter(isBad);
      expect(grown(recording, 'UdpInCsumErrors')).toBe(expected.receiverUdpInCsumErrors);
      if (expected.lossHidden) {
        expect(expected.receiverUdpInCsumErrors).toBe(0);
        expect(syns.map(({ delivered }) => delivered)).toEqual([true]);
      } else {
        expect(bad).toHaveLength(expected.receiverUdpInCsumErrors);
        expect(bad.map(({ delivered }) => delivered)).toEqual(bad.map(() => false));
      }
    });

    test('delivered the last SYN of a connection that came about', async () => {
      const { syns } = await mainFlow();
      expect(syns.at(-1)?.delivered).toBe(expected.connectResult === 'ok');
    });

    test('warns where the receiver accepted what a wire would have lost', async () => {
      const { warnings } = await examined;
      expect(warnings.some(text => text.includes('accepted datagrams with a wrong checksum'))).toBe(
        isConviction && expected.lossHidden,
      );
    });
  });

  describe('its captures alone', () => {
    const allowed =
      expected.verdictFromCapturesAlone === 'no-fault'
        ? ['no-fault', 'double-snat-harmless']
        : [expected.verdictFromCapturesAlone];
    // A datagram that left later from the recovered port, with a right checksum.
    const hasSibling =
      expected.verdict === 'stale-checksum' &&
      expected.synOuterSourcePorts.includes(expected.flow.outerSourcePortBefore);
    const grades = !isConviction ? ['none', 'proved'] : hasSibling ? ['proved'] : ['supported'];

    test(`are ${allowed.join(' or ')}, ${grades[0]}`, async () => {
      const verdict = await examine(...CAPTURE_POINTS.map(point => file(`${point}.pcap`)));
      expect(allowed).toContain(verdict.verdict);
      expect(grades).toContain(verdict.grade);
      expectRecovered(verdict);
    });

    test('are the same under names that say nothing, in any order', async () => {
      const temporary = await mkdtemp(join(tmpdir(), 'stalesum-recording-'));
      try {
        const names = ['d', 'b', 'c', 'a'].map(name => join(temporary, `${name}.pcap`));
        await Promise.all(
          CAPTURE_POINTS.map((point, index) => copyFile(file(`${point}.pcap`), names[index]!)),
        );
        const verdict = await examine(...[...names].sort());
        expect(allowed).toContain(verdict.verdict);
        expect(grades).toContain(verdict.grade);
        expectRecovered(verdict);
      } finally {
        await rm(temporary, { recursive: true });
      }
    });

    test.each([
      'node-a/underlay',
      'node-b/underlay',
    ])('%s alone never acquits falsely', async point => {
      const verdict = await examine(file(`${point}.pcap`));
      if (isConviction) {
        expect(verdict.verdict).toBe(expected.verdict);
        expect(grades).toContain(verdict.grade);
        expectRecovered(verdict);
      } else expect([...allowed, 'inconclusive']).toContain(verdict.verdict);
    });

    test.each(['node-a/overlay', 'node-b/overlay'])('%s alone decides nothing', async point => {
      const verdict = await examine(file(`${point}.pcap`));
      expect([verdict.verdict, verdict.grade]).toEqual(['inconclusive', 'none']);
      expect(verdict.exitCode).toBe(2);
    });
  });

  /** From the checksums alone the old port is known only where it is stale. */
  function expectRecovered(verdict: VerdictDocument): void {
    if (expected.verdict !== 'stale-checksum') return;
    const bad = verdict.flows[0]!.syns.filter(isBad);
    expect(bad.length).toBeGreaterThan(0);
    for (const { recoveredPort } of bad) {
      expect(recoveredPort).toBe(expected.flow.outerSourcePortBefore);
    }
  }
});
