/**
 * Datagrams made at random, of every nesting, right and wrong, against tshark's verification: of the
 * outer and the inner checksum, over IPv4 and IPv6, with VLAN tags and padding.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blanked } from '../support/blanked.js';
import { walk } from '../support/frames.js';
import {
  type Bytes,
  type ChecksumChoice,
  ethernet,
  ip,
  TCP,
  tcp,
  tunnelFrame,
  UDP,
  udp,
} from '../support/packet-builder.js';

const version = spawnSync('tshark', ['--version']);
const lacksTshark = version.error !== undefined || version.status !== 0;

const choice = fc.oneof(
  { weight: 4, arbitrary: fc.constant<ChecksumChoice>('right') },
  { weight: 1, arbitrary: fc.constant<ChecksumChoice>('zero') },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 0xfffe }) },
);

const datagram = fc
  .record({
    outerV6: fc.boolean(),
    innerV6: fc.boolean(),
    isTcp: fc.boolean(),
    port: fc.integer({ min: 1024, max: 65535 }),
    payload: fc.uint8Array({ maxLength: 64 }),
    padding: fc.uint8Array({ maxLength: 9 }),
    isTagged: fc.boolean(),
    outer: choice,
    inner: choice,
  })
  .map(fields => {
    const [source, destination] = fields.outerV6
      ? ['fd00:50::1', 'fd00:50::2']
      : ['192.168.50.1', '192.168.50.2'];
    const [from, to] = fields.innerV6
      ? ['fd00:244::', 'fd00:244:1::2']
      : ['10.244.0.0', '10.244.1.2'];
    const ends = { source: from, destination: to, sourcePort: 64139, destinationPort: 8080 };
    // A zero TCP checksum is a value like any other.
    const checksum = fields.isTcp && fields.inner === 'zero' ? 0x1234 : fields.inner;
    const payload = [...fields.payload];
    const transport = fields.isTcp
      ? tcp({ ...ends, payload, checksum })
      : udp({ ...ends, payload, checksum });
    const packet = ip({ ...ends, protocol: fields.isTcp ? TCP : UDP, payload: transport });
    const frame = ethernet({
      payload: [...packet, ...fields.padding],
      tags: fields.isTagged ? [[0x8100, 7]] : [],
    });
    const bytes = tunnelFrame({
      source,
      destination,
      sourcePort: fields.port,
      checksum: fields.outer,
      frame,
    });
    return { ...fields, bytes };
  });

/** A pcap file, as https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html has it. */
function pcapFile(frames: readonly Bytes[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65535, 16);
  header.writeUInt32LE(1, 20);
  const records = frames.flatMap((frame, index) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(index, 0);
    record.writeUInt32LE(frame.length, 8);
    record.writeUInt32LE(frame.length, 12);
    return [record, Buffer.from(frame)];
  });
  return Buffer.concat([header, ...records]);
}

/** Outer and inner checksum status of each frame, as tshark prints them. */
function askTshark(frames: readonly Bytes[]): { outer: string; inner: string }[] {
  const folder = mkdtempSync(join(tmpdir(), 'stalesum-generated-'));
  try {
    const path = join(folder, 'generated.pcap');
    writeFileSync(path, pcapFile(frames));
    const options =
      '-T fields -d udp.port==8472,vxlan -o udp.check_checksum:TRUE -o tcp.check_checksum:TRUE ' +
      '-o udp.ignore_ipv6_zero_checksum:TRUE ' +
      '-E separator=, -E aggregator=+ -e udp.checksum.status -e tcp.checksum.status';
    const { stdout } = spawnSync('tshark', ['-r', path, ...options.split(' ')], {
      encoding: 'utf8',
    });
    return stdout
      .replace(/\n$/, '')
      .split('\n')
      .map(line => {
        const [udpStates = '', tcpState = ''] = line.split(',');
        const [outer = '', innerUdp = ''] = udpStates.split('+');
        return { outer, inner: innerUdp || tcpState };
      });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Wireshark's word for our states: 1 good, 0 bad, 3 not present. */
const STATUS: Record<string, string> = { valid: '1', mismatch: '0', partial: '0', zero: '3' };

describe.skipIf(lacksTshark)('tshark and we (skipped where there is no tshark)', () => {
  // One seed: a chance agreement of random checksums would be one more run in 200.
  const datagrams = lacksTshark ? [] : fc.sample(datagram, { numRuns: 400, seed: 8472 });
  const told = lacksTshark ? [] : askTshark(datagrams.map(({ bytes }) => bytes));

  test('are asked about as many datagrams, of every kind', () => {
    expect(told).toHaveLength(datagrams.length);
    for (const key of ['outerV6', 'innerV6', 'isTcp', 'isTagged'] as const) {
      expect(new Set(datagrams.map(fields => fields[key])).size, key).toBe(2);
    }
    const states = told.map(({ outer }) => outer);
    expect(new Set(states)).toEqual(new Set(['0', '1', '3']));
  });

  test('agree on each of them', () => {
    const ours = datagrams.map(({ bytes }) => {
      const { outer, inner } = walk(bytes);
      return { outer: STATUS[outer.state], inner: STATUS[inner.state] };
    });
    expect(ours).toEqual(told);
  });

  test('find the same without the payload', () => {
    const without = datagrams.map(({ bytes }) => blanked(bytes));
    const differing = without.filter((bytes, index) => `${bytes}` !== `${datagrams[index]!.bytes}`);
    expect(differing.length).toBeGreaterThan(300);
    expect(askTshark(without)).toEqual(told);
  });
});
