/** The links that captures come from, each written by a tool that is not ours. */
import { describe, expect, test } from 'vitest';
import { observationWarnings } from '../../src/analysis/observation-warnings.js';
import { LINKTYPE_LOOP, LINKTYPE_NULL } from '../../src/wire/link-layer.js';
import { hex, ipv4, ipv6, UDP, udp } from '../support/packet-builder.js';
import { fixture, observe, observeFile } from './support.js';

describe.each([
  ['tcpdump -i any -y LINUX_SLL', 'any-sll.pcap'],
  ['tcpdump -i any -y LINUX_SLL2', 'any-sll2.pcap'],
  ['tcpdump -i nflog', 'nflog.pcap'],
  ['text2pcap -l 0', 'null.pcapng'],
  ['text2pcap -l 0, big-endian', 'null-big-endian.pcapng'],
  ['text2pcap -l 108', 'loop.pcapng'],
  ['text2pcap -l 101', 'raw.pcap'],
])('%s', (_tool, name) => {
  test('is decoded whole', async () => {
    const { observation, outer } = await observeFile(fixture(name));
    expect(observation.frames).toBeGreaterThan(6);
    expect(observation).toMatchObject({ undecoded: 0, undecodedLinkTypes: [] });
    expect(observation.tunnelDatagrams).toBeGreaterThanOrEqual(7);
    expect([...outer.values()]).not.toContain('mismatch');
  });
});

describe('loopback', () => {
  const AT = { source: '127.0.0.1', destination: '127.0.0.1', sourcePort: 1, destinationPort: 2 };
  const v4 = ipv4({ ...AT, protocol: UDP, payload: udp(AT) });
  const AT6 = { ...AT, source: '::1', destination: '::1' };
  const v6 = ipv6({ ...AT6, protocol: UDP, payload: udp(AT6) });
  const flows = (family: string, packet: readonly number[], linkType: number) =>
    observe([[...hex(family), ...packet]], { linkType }).flows.length;

  test.each([
    ['Linux', '0a'],
    ['Windows', '17'],
    ['NetBSD and OpenBSD', '18'],
    ['FreeBSD', '1c'],
    ['macOS', '1e'],
  ])('AF_INET6 of %s', (_name, family) => {
    expect(flows(`${family}000000`, v6, LINKTYPE_NULL)).toBe(1);
    expect(flows(`000000${family}`, v6, LINKTYPE_NULL)).toBe(1);
    expect(flows(`000000${family}`, v6, LINKTYPE_LOOP)).toBe(1);
  });

  test('another family is no IP packet, whatever its bytes look like; nor one of the other version', () => {
    expect(flows('07000000', v4, LINKTYPE_NULL)).toBe(0);
    expect(flows('02000000', v4, LINKTYPE_NULL)).toBe(1);
    expect(flows('02000000', v6, LINKTYPE_NULL)).toBe(0);
  });
});

describe('a link type that is not decoded', () => {
  test('text2pcap -l 9 (PPP): is counted, and said once', async () => {
    const { observation } = await observeFile(fixture('ppp.pcapng'));
    expect(observation).toMatchObject({
      undecoded: 8,
      undecodedLinkTypes: [{ linkType: 9, name: 'PPP', frames: 8 }],
    });
    expect(observationWarnings('ppp.pcapng', observation)).toEqual([
      'ppp.pcapng: 8 frames of link type PPP (9), which is not decoded',
    ]);
  });

  test('mergecap: several link types in one file, each for itself', async () => {
    const { observation } = await observeFile(fixture('mixed-links.pcapng'));
    expect(observation.undecodedLinkTypes).toEqual([{ linkType: 9, name: 'PPP', frames: 8 }]);
    expect(observation.tunnelDatagrams).toBe(observation.frames - 8);
  });

  test('ARP on Ethernet is not decoded, and no cause for a warning', () => {
    const arp = hex('ffffffffffff 02aa00000001 0806 0001 0800 06 04 0001');
    const seen = observe([arp]);
    expect(seen).toMatchObject({ undecoded: 1, undecodedLinkTypes: [] });
    expect(observationWarnings('a', seen)).toEqual([]);
  });
});
