/**
 * Captures of every link type, tunnel and oddity that test/offline has, redacted: each datagram is in the
 * state it was in, whole or in fragments, and tshark sees the same of every frame but other addresses.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { AddressMap } from '../../../src/evidence/redact/address-map.js';
import { redactCapture } from '../../../src/evidence/redact/capture.js';
import { addressKeys, keyedHash, keyOf } from '../../../src/evidence/redact/key.js';
import type { FrameRedaction } from '../../../src/evidence/redact/packet.js';
import { searchCapture } from '../../../src/evidence/redact/search-captures.js';
import { DEFAULT_TUNNEL_PORTS } from '../../../src/wire/packet.js';
import { generate, ODD_PORT } from '../../offline/generator.js';
import { fixture, fixturesLike, lacks, observeFile, writePcap } from '../../offline/support.js';
import { addressPairs, SECRET, type TsharkRow, temporaryFolder, tsharkRows } from './support.js';

const PORTS = [8472, 4789, ODD_PORT];
const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

const key = keyOf(SECRET);
const redaction = (): FrameRedaction => ({
  addresses: new AddressMap(addressKeys(key)),
  tunnelPorts: new Set([...DEFAULT_TUNNEL_PORTS, ODD_PORT]),
  hashPayload: keyedHash(key, 'payload'),
  portRewrite: () => undefined,
});

/** One of each sort is enough for tshark, which takes its time to start. */
const SHOWN =
  /^(any-|geneve|gso-|ipv6-outer|loop|mixed|nflog|null\.|ppp|raw|reordered|snaplen|vlan|vxlan-(gbp|over-ipv6\.|port))/;

/** What the observation of a capture says, but for the addresses. */
async function essence(path: string) {
  const { observation, outer, summary } = await observeFile(path);
  return {
    outer: [...outer].sort(([a], [b]) => a - b),
    flows: observation.flows.map(flow => ({
      ports: [flow.protocol, flow.sourcePort, flow.destinationPort, flow.encapsulated],
      counts: [flow.packets, flow.innerPartial, flow.innerMismatch, flow.resets, flow.copies],
      datagrams: flow.datagrams,
      firstSeen: flow.firstSeen,
      syns: flow.syns.map(({ frame, sequence, timestampValue }) => [
        frame,
        sequence,
        timestampValue,
      ]),
    })),
    counts: [
      observation.frames,
      observation.bytes,
      observation.tunnelDatagrams,
      observation.cutFrames,
      observation.undecoded,
    ],
    linkTypes: observation.undecodedLinkTypes,
    fragments: observation.fragments,
    foundPorts: observation.foundTunnelPorts,
    format: summary.format,
    linkType: summary.interfaces.map(({ linkType }) => linkType),
    drops: summary.interfaces.map(({ kernelDrops }) => kernelDrops),
  };
}

const fixtures = fixturesLike(/\.(pcap|pcapng|gz)$/).filter(name => name !== 'big-tcp.pcap');

test('there are captures of all sorts', () => {
  expect(fixtures.length).toBeGreaterThanOrEqual(28);
});

describe.each(fixtures)('%s', name => {
  const copy = join(folder, name);
  const by = redaction();

  test('is in every datagram what it was', async () => {
    await redactCapture(fixture(name), copy, by, text => text);
    expect(await essence(copy)).toEqual(await essence(fixture(name)));
  });

  test('shows only addresses that were written', async () => {
    const { left } = await searchCapture(copy, by.addresses, by.tunnelPorts);
    expect(left).toEqual([]);
  });

  if (!SHOWN.test(name)) return;
  test.skipIf(lacks('tshark'))(
    'tshark sees the same, but other addresses (skipped without tshark)',
    () => {
      const [all, copied] = [tsharkRows(fixture(name), PORTS), tsharkRows(copy, PORTS)];
      // Frames of a link type that is not decoded are zeros in the copy.
      const decoded = ppp.get(name) ?? (() => true);
      const [before, after] = [
        all.filter((_, i) => decoded(i)),
        copied.filter((_, i) => decoded(i)),
      ];
      expect(copied).toHaveLength(all.length);
      expect(after.map(({ same }) => same)).toEqual(before.map(({ same }) => same));
      expect(addressPairs(before, after).faults).toEqual([]);
    },
  );
});

/** Which frames of a fixture are not PPP (README.md there). */
const ppp = new Map<string, (index: number) => boolean>([
  ['ppp.pcapng', () => false],
  ['mixed-links.pcapng', index => index < 13 || index % 2 === 0],
]);

describe.skipIf(lacks('tshark'))('generated captures (skipped without tshark)', () => {
  test.each([5, 6])('of seed %i: tshark sees the same, but other addresses', async seed => {
    const path = join(folder, `generated-${seed}.pcap`);
    const copy = join(folder, `generated-${seed}-copy.pcap`);
    writePcap(path, generate(seed, 500));
    const by = redaction();
    await redactCapture(path, copy, by, text => text);
    const [before, after] = [tsharkRows(path, PORTS), tsharkRows(copy, PORTS)];
    // Of a packet whose own header is cut off nothing is kept; ICMP's random bodies are no messages.
    const isWhole = ({ same }: TsharkRow) => {
      const [, length, captured] = same.split('|');
      return length === captured && !/\|\d+\|\d*\|\|\|$/.test(same);
    };
    const kept = before.map(isWhole);
    const wholes = (rows: readonly TsharkRow[]) =>
      rows.filter((_, index) => kept[index]).map(({ same }) => same);
    expect(wholes(after)).toEqual(wholes(before));
    expect(kept.filter(Boolean).length).toBeGreaterThan(400);
    const { left } = await searchCapture(copy, by.addresses, by.tunnelPorts);
    expect(left).toEqual([]);
  });
});
