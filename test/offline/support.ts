/** What the tests of this folder share: fixtures, tshark, and captures written for once. */
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CaptureObserver, type ObserverLimits } from '../../src/analysis/capture-observer.js';
import type { CaptureObservation, FlowObservation } from '../../src/analysis/observation.js';
import { readCaptureFile } from '../../src/capture-file/file.js';
import { pcapHeader, pcapRecord } from '../../src/capture-file/pcap-writer.js';
import type { CaptureFileSummary } from '../../src/capture-file/summary.js';
import type { ChecksumField } from '../../src/wire/checksum-state.js';
import { DEFAULT_TUNNEL_PORTS } from '../../src/wire/packet.js';
import { capturedFrame } from '../support/frames.js';
import type { Bytes } from '../support/packet-builder.js';

export const FIXTURES = fileURLToPath(new URL('fixtures/', import.meta.url));

export const fixture = (name: string): string => join(FIXTURES, name);

/** Fixtures whose names have the time at which they were made. */
export const fixturesLike = (pattern: RegExp): string[] =>
  readdirSync(FIXTURES)
    .filter(name => pattern.test(name))
    .sort();

export function lacks(tool: string): boolean {
  const { error, status } = spawnSync(tool, ['--version']);
  return error !== undefined || status !== 0;
}

export interface Observed {
  readonly observation: CaptureObservation;
  readonly summary: CaptureFileSummary;
  /** Frame numbers of tunnel datagrams, with the state of the outer checksum. */
  readonly outer: ReadonlyMap<number, ChecksumField>;
}

/** Observes a capture file. */
export async function observeFile(path: string): Promise<Observed> {
  const outer = new Map<number, ChecksumField>();
  const observer = new CaptureObserver(DEFAULT_TUNNEL_PORTS, (frame, finding) => {
    outer.set(frame.number, finding.state);
  });
  const summary = await readCaptureFile(path, observer.visit);
  return { observation: observer.result(), summary, outer };
}

/** A frame to be observed: its bytes, or these and more. */
export type Shown =
  | Bytes
  | { readonly bytes: Bytes; readonly originalLength?: number; readonly at?: number };

/** Observes frames in memory, a millisecond apart unless they say when. */
export function observe(
  frames: readonly Shown[],
  options: { readonly linkType?: number; readonly limits?: ObserverLimits } = {},
): CaptureObservation {
  const observer = new CaptureObserver(DEFAULT_TUNNEL_PORTS, undefined, options.limits);
  frames.forEach((shown, index) => {
    const frame = 'bytes' in shown ? shown : { bytes: shown };
    observer.visit(capturedFrame({ at: index / 1000, ...frame }, index + 1, options.linkType ?? 1));
  });
  return observer.result();
}

/** The tunnelled flows. */
export const tunnelled = ({ flows }: CaptureObservation): readonly FlowObservation[] =>
  flows.filter(({ encapsulated }) => encapsulated);

/** Writes a pcap file of Ethernet frames, a millisecond apart. */
export function writePcap(
  path: string,
  frames: readonly { readonly bytes: Bytes; readonly originalLength?: number }[],
  linkType = 1,
): void {
  const records = frames.map(({ bytes, originalLength = bytes.length }, index) =>
    pcapRecord({
      bytes: Uint8Array.from(bytes),
      start: 0,
      end: bytes.length,
      originalLength,
      seconds: 1_795_000_000 + Math.floor(index / 1000),
      nanoseconds: (index % 1000) * 1_000_000,
      direction: 'unknown',
    }),
  );
  writeFileSync(path, Buffer.concat([pcapHeader({ linkType }), ...records]));
}

/**
 * tshark's own verification of the first UDP checksum of each frame: '0' bad, '1' good, '2' cut off,
 * '3' none, '' no UDP.
 */
export function tsharkStates(path: string, ports: readonly number[]): Map<number, string> {
  const args = ['-n', '-r', path, '-T', 'fields', '-E', 'separator=|', '-E', 'occurrence=f'];
  args.push('-o', 'udp.check_checksum:TRUE', '-o', 'ip.defragment:TRUE');
  for (const port of ports) args.push('-d', `udp.port==${port},vxlan`);
  args.push('-e', 'frame.number', '-e', 'udp.checksum.status');
  const { stdout } = spawnSync('tshark', args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  const rows = stdout.split('\n').filter(line => line.includes('|'));
  return new Map(rows.map(row => [Number(row.split('|')[0]), row.split('|')[1] ?? '']));
}
