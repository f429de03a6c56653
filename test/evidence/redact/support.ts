/** What the tests of this folder share: copies, and what tshark reads in captures. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundlePlace } from '../../../src/evidence/bundle-place.js';
import { keyOf } from '../../../src/evidence/redact/key.js';
import { type Redaction, redactBundle } from '../../../src/evidence/redact/redact-bundle.js';
import { finishFolder } from '../../../src/report/finish-bundle.js';

/** A key of the tests: what comes of it is the same every time. */
export const SECRET = Uint8Array.from({ length: 32 }, (_, index) => 17 * index + 3);

export interface Copy {
  readonly folder: string;
  readonly redaction: Redaction;
}

/** Redacts a bundle into a new folder, `parent` being there. */
export async function redactedCopy(bundle: string, folder: string, secret = SECRET): Promise<Copy> {
  const redaction = await redactBundle(bundle, {
    place: bundlePlace(folder),
    key: keyOf(secret),
    finish: finishFolder,
  });
  return { folder, redaction };
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'stalesum-redact-test-'));
}

/** All files below a folder: path from it, and bytes. */
export function filesBelow(folder: string): { name: string; bytes: Buffer }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => {
      const path = join(entry.parentPath, entry.name);
      return { name: path.slice(folder.length + 1), bytes: readFileSync(path) };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

export const isCapture = (name: string): boolean => /\.pcap(ng)?(\.gz)?$/.test(name);

/** Fields in which a copy is as the original is: numbers, lengths, states of checksums. */
const SAME = [
  'frame.number',
  'frame.len',
  'frame.cap_len',
  'frame.time_epoch',
  'eth.type',
  'vlan.id',
  'ip.len',
  'ip.id',
  'ip.flags',
  'ip.frag_offset',
  'ip.ttl',
  'ip.proto',
  'ip.checksum.status',
  'ipv6.plen',
  'ipv6.nxt',
  'udp.srcport',
  'udp.dstport',
  'udp.length',
  'udp.checksum.status',
  'vxlan.vni',
  'tcp.srcport',
  'tcp.dstport',
  'tcp.seq_raw',
  'tcp.ack_raw',
  'tcp.flags',
  'tcp.window_size_value',
  'tcp.options.timestamp.tsval',
  'tcp.checksum.status',
  'icmp.type',
  'icmp.checksum.status',
  'icmpv6.type',
  'icmpv6.checksum.status',
  'arp.opcode',
] as const;
const ADDRESSES = [
  'eth.src',
  'eth.dst',
  'ip.src',
  'ip.dst',
  'ipv6.src',
  'ipv6.dst',
  'arp.src.hw_mac',
  'arp.dst.hw_mac',
  'arp.src.proto_ipv4',
  'arp.dst.proto_ipv4',
  'icmpv6.nd.ns.target_address',
  'icmpv6.nd.na.target_address',
  'icmpv6.opt.linkaddr',
  'sll.src.eth',
] as const;

export interface TsharkRow {
  readonly same: string;
  /** One for each occurrence, by field. */
  readonly addresses: readonly string[];
}

/** What tshark shows of each frame, every checksum verified. */
export function tsharkRows(path: string, ports: readonly number[] = [8472]): TsharkRow[] {
  const fields = [...SAME, ...ADDRESSES];
  const preferences = [
    'ip.check_checksum:TRUE',
    'udp.check_checksum:TRUE',
    'tcp.check_checksum:TRUE',
    'tcp.relative_sequence_numbers:FALSE',
  ];
  const args = ['-n', '-r', path, '-T', 'fields', '-E', 'separator=|', '-E', 'aggregator=,'];
  for (const preference of preferences) args.push('-o', preference);
  for (const port of ports) args.push('-d', `udp.port==${port},vxlan`);
  for (const field of fields) args.push('-e', field);
  const { stdout, status, stderr } = spawnSync('tshark', args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0 && !/cut short/.test(stderr)) throw new Error(`tshark: ${stderr}`);
  return stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const cells = line.split('|');
      const addresses = cells.slice(SAME.length).flatMap(cell => cell.split(','));
      return { same: cells.slice(0, SAME.length).join('|'), addresses };
    });
}

const PCAP_HEADER = 24;

/**
 * The same for many pcap files of one byte order and resolution, with one run of tshark: by path, frames
 * numbered through all of them.
 */
export function tsharkRowsOfAll(paths: readonly string[]): Map<string, TsharkRow[]> {
  const files = paths.map(path => readFileSync(path));
  const folder = temporaryFolder();
  try {
    const all = join(folder, 'all.pcap');
    const parts = files.map((file, index) => (index === 0 ? file : file.subarray(PCAP_HEADER)));
    writeFileSync(all, Buffer.concat(parts));
    const rows = tsharkRows(all);
    let at = 0;
    return new Map(
      paths.map((path, index) => {
        const from = at;
        at += framesIn(files[index]!);
        return [path, rows.slice(from, at)];
      }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Records of a little-endian pcap file, by its length fields alone. */
function framesIn(file: Buffer): number {
  let frames = 0;
  for (let at = PCAP_HEADER; at < file.length; at += 16 + file.readUInt32LE(at + 8)) frames++;
  return frames;
}

/** Which address stands for which, by the same places of two captures; says where it is not one for one. */
export function addressPairs(
  original: readonly TsharkRow[],
  copy: readonly TsharkRow[],
): { pairs: Map<string, string>; faults: string[] } {
  const pairs = new Map<string, string>();
  const back = new Map<string, string>();
  const faults: string[] = [];
  original.forEach(({ addresses }, row) => {
    addresses.forEach((address, index) => {
      const other = copy[row]?.addresses[index];
      if (other === undefined) faults.push(`frame ${row + 1}: ${address} has no counterpart`);
      else if (
        (pairs.get(address) ?? other) !== other ||
        (back.get(other) ?? address) !== address
      ) {
        faults.push(`frame ${row + 1}: ${address} is ${other}, elsewhere another`);
      } else {
        pairs.set(address, other);
        back.set(other, address);
      }
    });
  });
  pairs.delete('');
  return { pairs, faults };
}
