/** VXLAN and Geneve on any port and in any form; and nothing else taken for them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CaptureObserver } from '../../src/analysis/capture-observer.js';
import { observationWarnings } from '../../src/analysis/observation-warnings.js';
import { capturedFrame } from '../support/frames.js';
import {
  type Bytes,
  type ChecksumChoice,
  ethernet,
  hex,
  ip,
  ipv4,
  patched,
  TCP,
  tcp,
  UDP,
  u32,
  udp,
} from '../support/packet-builder.js';
import { fixture, observe, observeFile, tunnelled } from './support.js';

const OUTER = { source: '192.168.50.1', destination: '192.168.50.2', sourcePort: 40001 };
const POD4 = { source: '10.244.0.0', destination: '10.244.1.2' };
const POD6 = { source: 'fd44::1', destination: 'fd44:1::2' };
const PORTS = { sourcePort: 64139, destinationPort: 8080 };
const ODD = 12345;

const syn = (pod = POD4, checksum: ChecksumChoice = 'right') =>
  ip({ ...pod, protocol: TCP, payload: tcp({ ...pod, ...PORTS, checksum }) });
const ping = ip({ ...POD4, protocol: 1, payload: hex('08 00 f7fc 0001 0002') });
const VXLAN = [8, 0, 0, 0, ...u32(7 << 8)];

/** A datagram with this payload as a frame of the underlay. */
function datagram(payload: Bytes, destinationPort = ODD): number[] {
  const segment = udp({ ...OUTER, destinationPort, payload });
  return ethernet({ payload: ipv4({ ...OUTER, protocol: UDP, payload: segment }) });
}
const vxlan = (inside: Bytes, port = ODD, header: Bytes = VXLAN) =>
  datagram([...header, ...ethernet({ payload: inside })], port);

function headers(frames: readonly Bytes[]) {
  const seen = observe(frames);
  return tunnelled(seen).map(({ source, outerPorts }) => {
    const { encapsulation, vni } = outerPorts[0]!.first.outer!;
    return [encapsulation, vni, source];
  });
}

describe('a tunnel on a port that nobody named', () => {
  test.each([
    ['IPv4, a right checksum', syn()],
    ['IPv4, one that offload left open', syn(POD4, 'partial')],
    ['IPv6, a right checksum', syn(POD6)],
  ])('is known at its first datagram: %s', (_name, inside) => {
    const seen = observe([vxlan(inside)]);
    expect(seen).toMatchObject({ foundTunnelPorts: [ODD], tunnelDatagrams: 1 });
    expect(observationWarnings('a.pcap', seen)).toEqual([
      'a.pcap: UDP port 12345 taken for a tunnel by what the datagrams hold',
    ]);
  });

  test('is known at the second where no checksum inside decides, and the first is not lost', () => {
    for (const inside of [
      ping,
      syn(POD4, 0x1234),
      ip({ ...POD4, protocol: UDP, payload: udp({ ...POD4, ...PORTS, checksum: 'zero' }) }),
    ]) {
      expect(observe([vxlan(inside)])).toMatchObject({ foundTunnelPorts: [], tunnelDatagrams: 0 });
      const two = observe([vxlan(inside), vxlan(inside)]);
      expect(two).toMatchObject({ foundTunnelPorts: [ODD], tunnelDatagrams: 2, frames: 2 });
      expect(tunnelled(two)[0]!.outerPorts[0]!.first.frame).toBe(1);
      expect(two.flows).toHaveLength(1);
    }
    const arp = ethernet({
      payload: [...hex('0001 0800 06 04 0001'), ...new Array<number>(20).fill(1)],
      ethertype: 0x0806,
    });
    expect(observe([datagram([...VXLAN, ...arp]), vxlan(ping)])).toMatchObject({
      tunnelDatagrams: 2,
    });
    const mixed = observe([vxlan(ping), datagram([1, 2, 3], 53), vxlan(syn())]);
    expect(mixed).toMatchObject({ foundTunnelPorts: [ODD], tunnelDatagrams: 2 });
  });

  test('held back and alone, is the UDP packet that it is', () => {
    const { flows } = observe([vxlan(ping)]);
    expect(flows).toMatchObject([{ protocol: 'udp', destinationPort: ODD, packets: 1 }]);
  });

  test('cut off by the snaplen counts as one of two', () => {
    const bytes = vxlan(
      ip({
        ...POD4,
        protocol: TCP,
        payload: tcp({ ...POD4, ...PORTS, payload: new Array<number>(500).fill(1) }),
      }),
    );
    const cut = { bytes: bytes.slice(0, 128), originalLength: bytes.length };
    expect(observe([cut])).toMatchObject({ tunnelDatagrams: 0 });
    expect(observe([cut, cut])).toMatchObject({ tunnelDatagrams: 2, foundTunnelPorts: [ODD] });
  });

  test('may be Geneve', () => {
    const geneve = datagram([0, 0, 0x65, 0x58, 0, 0, 9, 0, ...ethernet({ payload: syn() })]);
    expect(headers([geneve])).toEqual([['geneve', 9, '10.244.0.0']]);
  });

  test.each([
    ['a flag more', vxlan(syn(), ODD, [0x18, 0, 0, 0, 0, 0, 7, 0])],
    ['a reserved byte that is not 0', vxlan(syn(), ODD, [8, 0, 0, 0, 0, 0, 7, 1])],
    ['an inner IPv4 header whose checksum is wrong', vxlan(patched(ping, 10, [0xde, 0xad]))],
    ['an inner packet longer than its datagram', vxlan(patched(syn(POD6), 4, [1, 0]))],
    [
      'bytes behind the inner packet that are no padding',
      vxlan([...syn(), ...new Array<number>(40).fill(1)]),
    ],
    [
      'an inner frame that is neither IP nor ARP',
      datagram([
        ...VXLAN,
        ...ethernet({ payload: hex('0001 0800 06 04 0001'), ethertype: 0x0807 }),
      ]),
    ],
  ])('is none with %s', (_name, frame) => {
    expect(observe([frame, frame, frame])).toMatchObject({
      tunnelDatagrams: 0,
      foundTunnelPorts: [],
    });
  });

  test('is never found in random payloads, also those that begin like VXLAN or Geneve', () => {
    const head = fc.constantFrom<number[]>(
      [],
      VXLAN,
      [...VXLAN, ...hex('02bb00000001 02aa00000001 0800 45')],
      [0, 0, 0x65, 0x58, 0, 0, 1, 0],
    );
    const payload = fc.tuple(head, fc.uint8Array({ minLength: 0, maxLength: 200 }));
    fc.assert(
      fc.property(fc.array(payload, { minLength: 1, maxLength: 6 }), list => {
        const seen = observe(list.map(([start, rest]) => datagram([...start, ...rest])));
        expect(seen.foundTunnelPorts).toEqual([]);
        expect(seen.flows[0]!.packets).toBe(list.length);
      }),
      { numRuns: 500 },
    );
  });

  test('of more ports than are remembered: none is lost, as plain UDP at least', () => {
    const frames = Array.from({ length: 200 }, (_, i) => vxlan(ping, 20_000 + i));
    const seen = observe(frames);
    expect(seen.flows.reduce((sum, { packets }) => sum + packets, 0)).toBe(200);
  });
});

describe('on a port that is known', () => {
  test('--port: a port given is taken for a tunnel without further proof', () => {
    const observer = new CaptureObserver(new Set([ODD]));
    observer.visit(capturedFrame({ bytes: vxlan(ping), at: 0 }, 1));
    expect(observer.result()).toMatchObject({ tunnelDatagrams: 1, foundTunnelPorts: [] });
  });

  test.each([
    ['VXLAN', [8, 0, 0, 0], 4789],
    ['VXLAN with a group policy', [0x88, 0, 1, 0x23], 4789],
    ['VXLAN-GPE carrying Ethernet', [0x0c, 0, 0, 3], 4789],
  ])('%s', (_name, flags, port) => {
    expect(headers([vxlan(syn(), port, [...flags, 0, 0, 7, 0])])).toEqual([
      ['vxlan', 7, '10.244.0.0'],
    ]);
  });

  test.each([
    ['IPv4', syn(), 1],
    ['IPv6', syn(POD6), 2],
  ])('VXLAN-GPE carrying %s itself', (_name, inside, protocol) => {
    const frame = datagram([0x0c, 0, 0, protocol, 0, 0, 7, 0, ...inside], 4789);
    expect(tunnelled(observe([frame]))[0]!.datagrams).toMatchObject({ valid: 1 });
  });

  const option = (words: number, critical: number) => [
    1,
    2,
    critical | 1,
    words,
    ...new Array<number>(4 * words).fill(0xee),
  ];
  test.each([
    ['no option', [0, 0], []],
    ['an option of 4 bytes', [2, 0], option(1, 0)],
    ['a critical one', [2, 0x40], option(1, 0x80)],
    ['63 words of options', [63, 0], [...option(31, 0), ...option(30, 0)]],
  ])('Geneve with %s, IPv4 and IPv6 inside', (_name, first, options) => {
    for (const pod of [POD4, POD6]) {
      const payload = [
        ...first,
        0x65,
        0x58,
        0,
        0,
        9,
        0,
        ...options,
        ...ethernet({ payload: syn(pod), tags: [[0x8100, 5]] }),
      ];
      const seen = observe([datagram(payload, 6081)]);
      expect(tunnelled(seen)).toMatchObject([
        { source: pod.source, datagrams: { valid: 1 }, innerMismatch: 0 },
      ]);
      expect(headers([datagram(payload, 6081)])[0]![0]).toBe('geneve');
    }
  });

  test('Geneve carrying IP itself', () => {
    expect(headers([datagram([0, 0, 8, 0, 0, 0, 9, 0, ...syn()], 6081)])).toEqual([
      ['geneve', 9, '10.244.0.0'],
    ]);
  });

  test('Geneve whose options run over its end has nothing inside, and its own checksum is judged', () => {
    const seen = observe([
      datagram([63, 0, 0x65, 0x58, 0, 0, 9, 0, ...ethernet({ payload: syn() })], 6081),
    ]);
    expect(seen).toMatchObject({ tunnelDatagrams: 1, flows: [] });
  });
});

describe('what is in a tunnel', () => {
  test('a TCP Fast Open SYN, data and all, is a SYN', () => {
    const payload = tcp({
      ...POD4,
      ...PORTS,
      options: [34, 10, 1, 2, 3, 4, 5, 6, 7, 8],
      payload: [1, 2, 3, 4, 5],
    });
    const seen = observe([vxlan(ip({ ...POD4, protocol: TCP, payload }), 8472)]);
    expect(tunnelled(seen)[0]).toMatchObject({
      syns: [{ innerChecksum: { state: 'valid' }, outerChecksum: { state: 'valid' } }],
    });
  });

  test('tcpdump: Fast Open, DNS asked twice, answered once, on a port nobody knows', async () => {
    for (const name of [
      'vxlan-port-12345.pcap',
      'vxlan-port-12345-v6.pcap',
      'vxlan-over-ipv6.pcap',
      'vxlan-over-ipv6-v6.pcapng',
    ]) {
      const { observation } = await observeFile(fixture(name));
      const flows = tunnelled(observation);
      const queries = flows.filter(
        ({ protocol, destinationPort }) => protocol === 'udp' && destinationPort === 5353,
      );
      const answers = flows.filter(
        ({ protocol, sourcePort }) => protocol === 'udp' && sourcePort === 5353,
      );
      // Two times the small query, and the big one.
      expect(queries[0]!.queries.length, name).toBeGreaterThanOrEqual(2);
      // IPv4 tells the two apart by their identification; over IPv6 their bytes are the same.
      const [first, again] = queries[0]!.queries;
      expect(first!.fingerprint === again!.fingerprint, name).toBe(
        first!.outer !== undefined && queries[0]!.source.includes(':'),
      );
      expect(answers[0]!.queries.length, name).toBeGreaterThanOrEqual(1);
      const opened = flows.filter(({ syns }) => syns.length > 0);
      expect(opened, name).toHaveLength(3);
      expect(flows.every(({ innerMismatch }) => innerMismatch === 0)).toBe(true);
    }
  });

  test('tcpdump: group policy of a real kernel', async () => {
    const { observation, outer } = await observeFile(fixture('vxlan-gbp.pcap'));
    expect(observation.tunnelDatagrams).toBe(observation.frames);
    expect([...outer.values()]).not.toContain('mismatch');
    expect(tunnelled(observation)[0]!.outerPorts[0]!.first.outer!.vni).toBe(9);
  });
});
