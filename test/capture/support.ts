/** What the tests of filters share: frames to choose from, and two who say which of them pass. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CaptureFilter } from '../../src/capture/filter.js';
import { pcapHeader, pcapRecord } from '../../src/capture-file/pcap-writer.js';
import {
  type Bytes,
  ethernet,
  hex,
  ip,
  ipv4,
  ipv6,
  patched,
  TCP,
  tcp,
  tunnelFrame,
  UDP,
  u16,
  u32,
  udp,
  vxlanDatagram,
} from '../support/packet-builder.js';

export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_RAW = 101;

export const hasTcpdump = spawnSync('tcpdump', ['--version']).status === 0;

/** The frames here have no other port of a tunnel. */
const CHECKSUMMED_8472 =
  '((ip and udp dst port 8472 and udp[6:2] != 0) or ' +
  '(ip6 and udp dst port 8472 and ip6[46:2] != 0) or ' +
  '(ip6 proto 44 and ip6[40] == 17 and ip6[42:2] & 0xfff8 == 0 and ip6[50:2] == 8472 and ip6[54:2] != 0))';

/** Filters, each with what it means in an expression that was written by hand. */
export const FILTERS: readonly (readonly [string, CaptureFilter, string])[] = [
  ['everything', { kind: 'all' }, ''],
  [
    'a host',
    { kind: 'hosts', addresses: ['192.168.50.1'] },
    'ip host 192.168.50.1 or (vlan and ip host 192.168.50.1)',
  ],
  [
    'hosts of both families',
    { kind: 'hosts', addresses: ['10.244.1.2', 'fd00:50::1', '192.168.50.2'] },
    'ip host 10.244.1.2 or ip6 host fd00:50::1 or ip host 192.168.50.2 or ' +
      '(vlan and (ip host 10.244.1.2 or ip6 host fd00:50::1 or ip host 192.168.50.2))',
  ],
  [
    'a tunnel',
    { kind: 'tunnel', port: 8472 },
    'udp port 8472 or (ip proto 17 and ip[6:2] & 0x1fff != 0) or ip6 proto 44 or ' +
      '(vlan and (udp port 8472 or (ip proto 17 and ip[6:2] & 0x1fff != 0) or ip6 proto 44))',
  ],
  [
    'a tunnel at another port',
    { kind: 'tunnel', port: 53 },
    'udp port 53 or (ip proto 17 and ip[6:2] & 0x1fff != 0) or ip6 proto 44 or ' +
      '(vlan and (udp port 53 or (ip proto 17 and ip[6:2] & 0x1fff != 0) or ip6 proto 44))',
  ],
  ['an inner address', { kind: 'tunnel', port: 8472, inner: { address: '10.244.1.2' } }, ''],
  ['an inner IPv6 address', { kind: 'tunnel', port: 8472, inner: { address: 'fd00:1::2' } }, ''],
  ['an inner port', { kind: 'tunnel', port: 8472, inner: { port: 8080 } }, ''],
  [
    'all of it',
    {
      kind: 'tunnel',
      port: 8472,
      inner: { address: '10.244.1.2', port: 8080 },
    },
    '',
  ],
  [
    'all of it, with IPv6 inside',
    {
      kind: 'tunnel',
      port: 8472,
      inner: { address: 'fd00:1::2', port: 8080 },
    },
    '',
  ],
  [
    'checksums in use towards tunnels',
    { kind: 'checksummed', ports: [4789, 8472, 6081] },
    [CHECKSUMMED_8472, `(vlan and ${CHECKSUMMED_8472})`].join(' or ') +
      // Each `vlan` moves all offsets behind it, so the second one of two is within the first.
      ` or (vlan and ${CHECKSUMMED_8472})`,
  ],
  ['checksums in use towards port 53', { kind: 'checksummed', ports: [53] }, ''],
  ['any IP inside', { kind: 'tunnel', port: 8472, inner: {} }, ''],
];

const NODES = { source: '192.168.50.1', destination: '192.168.50.2' };
const NODES_6 = { source: 'fd00:50::1', destination: 'fd00:50::2' };
const PODS = { source: '10.244.0.0', destination: '10.244.1.2' };
const BACK = { source: '10.244.1.2', destination: '10.244.0.0' };
const PODS_6 = { source: 'fd00:1::1', destination: 'fd00:1::2' };
const BACK_6 = { source: 'fd00:1::2', destination: 'fd00:1::1' };
const PORTS = { sourcePort: 40000, destinationPort: 8080 };
const TAGS = [
  [],
  [[0x8100, 100]],
  [[0x88a8, 200]],
  [
    [0x88a8, 200],
    [0x8100, 100],
  ],
] as const;

/** Inner packets: what a filter must tell apart. */
function innerPackets(): number[][] {
  const pairs = [PODS, BACK, PODS_6, BACK_6, NODES];
  const segments = pairs.flatMap(pair => [
    ip({ ...pair, protocol: TCP, payload: tcp({ ...pair, ...PORTS }) }),
    ip({
      ...pair,
      protocol: TCP,
      payload: tcp({ ...pair, sourcePort: 8080, destinationPort: 40000 }),
    }),
    ip({ ...pair, protocol: UDP, payload: udp({ ...pair, ...PORTS, payload: [1, 2, 3] }) }),
    ip({
      ...pair,
      protocol: UDP,
      payload: udp({ ...pair, sourcePort: 1, destinationPort: 53, payload: [8, 0, 31, 144] }),
    }),
  ]);
  const segment = tcp({ ...PODS, ...PORTS });
  const icmp = hex('08 00 f7 ff 1f 90 1f 90');
  return [
    ...segments,
    ipv4({ ...PODS, protocol: TCP, payload: segment, options: hex('94 04 00 00 01 01 01 00') }),
    ipv4({ ...PODS, protocol: TCP, payload: segment, fragmentOffset: 1480 }),
    ipv4({ ...PODS, protocol: TCP, payload: segment, moreFragments: true }),
    ipv4({ ...PODS, protocol: 1, payload: icmp }),
    ipv6({ ...PODS_6, protocol: 44, payload: [TCP, 0, ...u16(1480), ...u32(7), 1, 2, 3, 4] }),
    ipv6({ ...PODS_6, protocol: 58, payload: icmp }),
  ];
}

/** Whole frames as they are on a wire, no two of them alike. */
export function wholeFrames(): number[][] {
  const inner = innerPackets().map(payload => ethernet({ payload }));
  const arp = ethernet({ payload: hex('0001 0800 0604 0001'), ethertype: 0x0806 });
  const outer = [NODES, NODES_6].flatMap(pair =>
    (['right', 'zero'] as const).flatMap(checksum =>
      [...inner, arp].map(frame => tunnelFrame({ ...pair, sourcePort: 45678, checksum, frame })),
    ),
  );
  const [syn = []] = inner;
  const tunnel = { ...NODES, sourcePort: 45678, frame: syn };
  const datagram = vxlanDatagram(tunnel);
  const packets = [
    ipv4({ ...NODES, protocol: UDP, payload: datagram, options: hex('94 04 00 00') }),
    ipv4({ ...NODES, protocol: UDP, payload: datagram, moreFragments: true }),
    ipv4({ ...NODES, protocol: UDP, payload: datagram, fragmentOffset: 800 }),
    ipv4({ ...NODES, protocol: TCP, payload: datagram, fragmentOffset: 800 }),
    ipv4({ ...NODES, protocol: TCP, payload: tcp({ ...NODES, ...PORTS }) }),
    ipv4({ ...NODES, protocol: TCP, payload: datagram }),
    ipv4({ ...NODES, protocol: UDP, payload: vxlanDatagram({ ...tunnel, destinationPort: 53 }) }),
    ipv4({
      ...NODES,
      protocol: UDP,
      payload: vxlanDatagram({ ...tunnel, sourcePort: 8472, destinationPort: 45678 }),
    }),
    ipv6({ ...NODES_6, protocol: 44, payload: [UDP, 0, ...u16(1), ...u32(9), ...datagram] }),
    ipv6({ ...NODES_6, protocol: 0, payload: [UDP, 0, 1, 4, 0, 0, 0, 0, ...datagram] }),
    ipv6({ ...NODES_6, protocol: TCP, payload: tcp({ ...NODES_6, ...PORTS }) }),
  ];
  const tagged = TAGS.flatMap(tags => packets.map(payload => ethernet({ payload, tags })));
  const taggedTunnels = outer.flatMap(frame =>
    TAGS.slice(1, 3).map(([tag]) => [
      ...frame.slice(0, 12),
      ...u16(tag?.[0] ?? 0),
      ...u16(tag?.[1] ?? 0),
      ...frame.slice(12),
    ]),
  );
  return distinct([...outer, ...tagged, ...taggedTunnels, arp]);
}

/** The same cut at every length, and with bytes changed at random. */
export function damagedFrames(frames: readonly Bytes[]): number[][] {
  const cut = frames
    .filter((_, index) => index % 23 === 0)
    .flatMap(frame => frame.map((_, length) => frame.slice(0, length)));
  const next = randomNumbers(7);
  const changed = frames.flatMap(frame =>
    Array.from({ length: 10 }, () => patched(frame, next() % frame.length, [next() & 0xff])),
  );
  return distinct([...cut, ...changed].filter(frame => frame.length > 0));
}

function distinct(frames: readonly Bytes[]): number[][] {
  const byText = new Map(frames.map(frame => [Buffer.from(frame).toString('hex'), [...frame]]));
  return [...byText.values()];
}

/** Always the same numbers (a linear congruential generator, its upper bits). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 8;
  };
}

/** Indexes of the frames that tcpdump lets pass with an expression. */
export function tcpdumpPasses(
  frames: readonly Bytes[],
  linkType: number,
  expression: string,
): number[] {
  const folder = mkdtempSync(join(tmpdir(), 'stalesum-filter-'));
  try {
    const file = join(folder, 'frames.pcap');
    // The index stands where the seconds do.
    const records = frames.map((bytes, seconds) =>
      pcapRecord({
        bytes: Uint8Array.from(bytes),
        start: 0,
        end: bytes.length,
        originalLength: bytes.length,
        seconds,
        nanoseconds: 0,
        direction: 'unknown',
      }),
    );
    writeFileSync(file, Buffer.concat([pcapHeader({ linkType }), ...records]));
    const args = ['-r', file, '-tt', '-n', '-q', ...(expression === '' ? [] : [expression])];
    const lines = execFileSync('tcpdump', args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 28,
    });
    return [...lines.matchAll(/^(\d+)\.\d+ /gm)].map(([, seconds]) => Number(seconds));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Indexes of the frames that a program lets pass, run by `passes`. */
export function programPasses(
  frames: readonly Bytes[],
  program: Uint8Array,
  random?: () => number,
): number[] {
  return frames.flatMap((frame, index) => (passes(program, frame, random) > 0 ? [index] : []));
}

/** SKF_AD_OFF + SKF_AD_RANDOM: a load from there asks the kernel for 32 random bits. */
const RANDOM = 0xfffff038;

/** Runs a program of classic BPF (linux/filter.h) on a frame; what it returns. Only what ours consist of. */
export function passes(program: Uint8Array, frame: Bytes, random?: () => number): number {
  const view = new DataView(program.buffer, program.byteOffset, program.length);
  let a = 0;
  let x = 0;
  for (let pc = 0; ; pc++) {
    const code = view.getUint16(pc * 8, true);
    const yes = view.getUint8(pc * 8 + 2);
    const no = view.getUint8(pc * 8 + 3);
    const k = view.getUint32(pc * 8 + 4, true);
    const load = (at: number, width: number): boolean => {
      a = frame.slice(at, at + width).reduce((value, byte) => value * 256 + byte, 0);
      return at + width <= frame.length;
    };
    switch (code) {
      case 0x20:
        if (k === RANDOM && random) {
          a = random();
          break;
        }
        if (!load(k, 4)) return 0;
        break;
      case 0x28:
      case 0x30:
        if (!load(k, code === 0x28 ? 2 : 1)) return 0;
        break;
      case 0x40:
      case 0x48:
      case 0x50:
        if (!load(x + k, { 64: 4, 72: 2, 80: 1 }[code])) return 0;
        break;
      case 0x01:
        x = k;
        break;
      case 0x04:
        a = (a + k) >>> 0;
        break;
      case 0x0c:
        a = (a + x) >>> 0;
        break;
      case 0x54:
        a = (a & k) >>> 0;
        break;
      case 0x64:
        a = (a << k) >>> 0;
        break;
      case 0x07:
        x = a;
        break;
      case 0x87:
        a = x;
        break;
      case 0x05:
        pc += k;
        break;
      case 0x15:
        pc += a === k ? yes : no;
        break;
      case 0x35:
        pc += a >= k ? yes : no;
        break;
      case 0x45:
        pc += (a & k) !== 0 ? yes : no;
        break;
      case 0x06:
        return k;
      default:
        throw new Error(`instruction ${pc} has the code ${code.toString(16)}`);
    }
  }
}
