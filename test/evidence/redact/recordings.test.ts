/**
 * Every recording of captures/, redacted: judged as before, witness for witness; tshark sees the same in
 * every frame but other addresses; and nothing original is found by a search that knows nothing of how the
 * copy was made: what it looks for was read from the recording by regular expressions and tshark.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_EXIT_POLICY } from '../../../src/analysis/exit-code.js';
import type { FlowReport, VerdictDocument } from '../../../src/analysis/verdict.js';
import { examinePaths } from '../../../src/evidence/examine.js';
import { lacks } from '../../offline/support.js';
import { addressBytes } from '../../support/packet-builder.js';
import { recordings } from '../../support/recordings.js';
import {
  addressPairs,
  type Copy,
  filesBelow,
  isCapture,
  redactedCopy,
  type TsharkRow,
  temporaryFolder,
  tsharkRowsOfAll,
} from './support.js';

const POINTS = ['node-a/overlay', 'node-a/underlay', 'node-b/overlay', 'node-b/underlay'];

const examine = (...paths: string[]) =>
  examinePaths(paths, { tunnelPorts: [], policy: DEFAULT_EXIT_POLICY });

/** Addresses that say what they are and not whose. */
const COMMON = /^(0\.0\.0\.0|127\.|224\.|255\.|::1?$|ff02::|00:00:00:00:00:00|ff:ff:|33:33:00|01:)/;
/** Networks as they are written in rules and routes, and IP addresses, and MAC addresses. */
const TEXT_ADDRESS = /\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/g;
/** Names in these recordings, as one finds them by reading: service, network namespaces, a veth's end. */
const NAMES = /\b(?:default\/echo|echo|\w*node[AB]|\w*pod[AB]|vethpod|ECHO0\w+)\b/gi;

function originalsOf(
  folder: string,
  rows: readonly TsharkRow[],
): { addresses: Set<string>; names: Set<string> } {
  const addresses = new Set(rows.flatMap(row => row.addresses));
  const names = new Set<string>();
  for (const { name, bytes } of filesBelow(folder)) {
    if (isCapture(name)) continue;
    const text = bytes.toString('utf8');
    for (const [address] of text.matchAll(TEXT_ADDRESS)) addresses.add(address);
    for (const [found] of text.matchAll(NAMES)) names.add(found);
  }
  return {
    addresses: new Set([...addresses].filter(one => one !== '' && !COMMON.test(one))),
    names,
  };
}

/** All spellings that a tool might have printed, and bytes in network order. */
function spellings(address: string): { texts: string[]; bytes: Buffer } {
  const isMac = /^([0-9a-f]{2}:){5}/.test(address);
  const bytes = Buffer.from(
    isMac ? address.split(':').map(part => Number.parseInt(part, 16)) : addressBytes(address),
  );
  const hex = bytes.toString('hex');
  const texts = isMac
    ? [address, address.replaceAll(':', '-'), hex, hex.replace(/(.{4})(?=.)/g, '$1.')]
    : [
        address,
        address.replaceAll('.', '-'),
        hex,
        Buffer.from(bytes).reverse().toString('hex'),
        String(bytes.readUInt32BE()),
        address.split('.').reverse().join('.'),
      ];
  return { texts: texts.flatMap(text => [text, text.toUpperCase()]), bytes };
}

/** Where a text stands that is no part of a longer number or word. */
function standsIn(text: string, wanted: string): boolean {
  const escaped = wanted.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
  return new RegExp(`(?<![0-9A-Za-z.])${escaped}(?![0-9A-Za-z]|\\.\\d)`).test(text);
}

/** What a verdict says that a redaction must not change; addresses by what stands for them. */
function essence(verdict: VerdictDocument, pairs: ReadonlyMap<string, string>) {
  const renamed = (endpoint: string | null | undefined) =>
    endpoint?.replace(/^[\d.]+/, address => pairs.get(address) ?? address);
  const flow = ({ inner, outer, delay, ...rest }: FlowReport) => ({
    inner: [inner.protocol, renamed(inner.source), renamed(inner.destination)],
    outer: outer && {
      ...outer,
      source: renamed(outer.source),
      destination: renamed(outer.destination),
      sourceBefore: renamed(outer.sourceBefore),
    },
    delay: delay && { ...delay, explanation: '' },
    verdict: rest.verdict,
    grade: rest.grade,
    datagrams: rest.datagrams,
    syns: rest.syns.map(({ checksum, ...syn }) => ({ ...syn, state: checksum?.state })),
  });
  return {
    verdict: verdict.verdict,
    grade: verdict.grade,
    exitCode: verdict.exitCode,
    witnesses: verdict.witnesses.map(({ kind, frames, chance }) => ({ kind, frames, chance })),
    flows: verdict.flows.map(flow),
    rule: verdict.rule && [
      verdict.rule.line,
      verdict.rule.packetsBefore,
      verdict.rule.packetsAfter,
    ],
    delays: verdict.delays,
    captures: verdict.captures.map(({ role, frames, firstSeen, lastSeen }) => [
      role,
      frames,
      firstSeen,
      lastSeen,
    ]),
  };
}

test('there are recordings', () => {
  expect(recordings.length).toBeGreaterThanOrEqual(31);
});

const parent = temporaryFolder();
const copies = new Map<string, Copy>();
let rows: Map<string, TsharkRow[]>;
let copiedRows: Map<string, TsharkRow[]>;

const capturesIn = (folder: string) => POINTS.map(point => join(folder, `${point}.pcap`));
const rowsOf = (all: Map<string, TsharkRow[]>, folder: string) =>
  capturesIn(folder).flatMap(path => all.get(path) ?? []);

beforeAll(async () => {
  for (const [index, { name, folder }] of recordings.entries()) {
    copies.set(name, await redactedCopy(folder, join(parent, String(index))));
  }
  if (lacks('tshark')) return;
  rows = tsharkRowsOfAll(recordings.flatMap(({ folder }) => capturesIn(folder)));
  copiedRows = tsharkRowsOfAll([...copies.values()].flatMap(({ folder }) => capturesIn(folder)));
}, 240_000);
afterAll(() => rmSync(parent, { recursive: true }));

describe
  .skipIf(lacks('tshark'))
  .each(recordings.map(recording => [recording.name, recording] as const))(
  '%s (skipped without tshark)',
  (name, { folder, expected }) => {
    const copyOf = () => copies.get(name)!;
    const pairing = () => addressPairs(rowsOf(rows, folder), rowsOf(copiedRows, copyOf().folder));

    test('tshark sees the same in every frame, each checksum as it was, and other addresses', () => {
      const [before, after] = [rowsOf(rows, folder), rowsOf(copiedRows, copyOf().folder)];
      expect(before!.length).toBeGreaterThan(4);
      expect(after!.map(({ same }) => same)).toEqual(before!.map(({ same }) => same));
      const { pairs, faults } = pairing();
      expect(faults).toEqual([]);
      const unchanged = [...pairs].filter(([from, to]) => from === to).map(([from]) => from);
      expect(unchanged.filter(address => !COMMON.test(address))).toEqual([]);
      expect(pairs.size).toBeGreaterThan(3);
    });

    test('is judged as before, witness for witness', async () => {
      const [before, after] = await Promise.all([examine(folder), examine(copyOf().folder)]);
      expect(essence(after, new Map())).toEqual(essence(before, pairing().pairs));
      expect(after.verdict).toBe(expected.verdict);
      expect(after.flows[0]?.outer).toMatchObject({
        sourcePortBefore: expected.flow.outerSourcePortBefore,
        sourcePortAfter: expected.flow.outerSourcePortAfter,
      });
    });

    test('is judged as before by its captures alone', async () => {
      const [before, after] = await Promise.all([
        examine(...capturesIn(folder)),
        examine(...capturesIn(copyOf().folder)),
      ]);
      expect(essence(after, new Map())).toEqual(essence(before, pairing().pairs));
    });

    test('holds no address and no name of the original, in text or in bytes', () => {
      const { addresses, names } = originalsOf(folder, rowsOf(rows, folder));
      expect(addresses.size).toBeGreaterThan(8);
      expect([...names]).toContain('default/echo');
      const left: string[] = [];
      for (const { name: file, bytes } of filesBelow(copyOf().folder)) {
        // The shell's own, which our commands pipe into bc.
        const text = bytes
          .toString('latin1')
          .replace(/\becho (?="s = |&quot;s = |\$\(tshark)/g, '');
        for (const address of addresses) {
          const { texts, bytes: wanted } = spellings(address);
          if (texts.some(spelling => standsIn(text, spelling))) left.push(`${file}: ${address}`);
          if (isCapture(file) && bytes.includes(wanted)) left.push(`${file}: ${address} in bytes`);
        }
        for (const wanted of names) {
          if (standsIn(text.toLowerCase(), wanted.toLowerCase())) left.push(`${file}: ${wanted}`);
        }
      }
      expect(left).toEqual([]);
    });

    test('holds every file that is known, and nothing else', () => {
      const known = filesBelow(folder).map(({ name: file }) => file);
      const made = ['REDACTED.txt', 'SHA256SUMS', 'report.html', 'report.md', 'verdict.json'];
      expect(filesBelow(copyOf().folder).map(({ name: file }) => file)).toEqual(
        expect.arrayContaining([...known, ...made]),
      );
      expect(copyOf().redaction.leftOut).toEqual([]);
    });
  },
);
