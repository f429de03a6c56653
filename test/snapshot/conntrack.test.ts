/** conntrack-tools' output: lines as conntrack 1.4.7 printed them (Linux 6.18), or as told beside one. */
import { describe, expect, test } from 'vitest';
import { parseConntrackEvents, parseConntrackList } from '../../src/snapshot/conntrack.js';
import { recordings } from '../support/recordings.js';

const REWRITTEN =
  'udp      17 29 src=192.168.50.1 dst=192.168.50.2 sport=50000 dport=8472 [UNREPLIED] ' +
  'src=192.168.50.2 dst=192.168.50.1 sport=8472 dport=38337 mark=0 use=1';

describe('the listing', () => {
  test('has the packet as it came, and the reply that NAT expects: its dport is the port on the wire', () => {
    expect(parseConntrackList(REWRITTEN)).toEqual([
      {
        protocol: 'udp',
        original: {
          source: '192.168.50.1',
          destination: '192.168.50.2',
          sourcePort: 50000,
          destinationPort: 8472,
        },
        reply: {
          source: '192.168.50.2',
          destination: '192.168.50.1',
          sourcePort: 8472,
          destinationPort: 38337,
        },
        text: REWRITTEN,
      },
    ]);
  });

  test('has the state of TCP entries in front of the tuples', () => {
    const line =
      'tcp      6 119 SYN_SENT src=192.168.50.1 dst=10.96.0.10 sport=34800 dport=80 [UNREPLIED] ' +
      'src=10.244.1.2 dst=10.244.0.0 sport=8080 dport=31465 mark=0 use=1';
    expect(parseConntrackList(line)).toMatchObject([
      {
        protocol: 'tcp',
        original: { destination: '10.96.0.10', destinationPort: 80 },
        reply: { source: '10.244.1.2', destination: '10.244.0.0', destinationPort: 31465 },
      },
    ]);
  });

  test('may count packets and bytes (nf_conntrack_acct)', () => {
    const line =
      'udp      17 0 src=10.9.0.1 dst=10.9.0.1 sport=60432 dport=9998 packets=1 bytes=30 [UNREPLIED] ' +
      'src=10.9.0.1 dst=10.9.0.1 sport=9998 dport=60432 packets=0 bytes=0 mark=0 use=1';
    expect(parseConntrackList(line)).toMatchObject([
      { original: { sourcePort: 60432 }, reply: { sourcePort: 9998, destinationPort: 60432 } },
    ]);
  });

  test('has IPv6 entries', () => {
    const line =
      'udp      17 0 src=fd00::9 dst=fd00::8 sport=54554 dport=9999 packets=1 bytes=50 [UNREPLIED] ' +
      'src=fd00::8 dst=fd00::9 sport=9999 dport=54554 packets=0 bytes=0 mark=0 use=1';
    expect(parseConntrackList(line)).toMatchObject([
      { original: { source: 'fd00::9', destination: 'fd00::8' }, reply: { source: 'fd00::8' } },
    ]);
  });

  test('with -o extended,id has the family in front and an id behind', () => {
    const lines = [
      'ipv6     10 udp      17 0 src=fd00::9 dst=fd00::8 sport=54554 dport=9999 [UNREPLIED] src=fd00::8 dst=fd00::9 sport=9999 dport=54554 mark=0 use=1 id=3754533375',
      'ipv4     2 tcp      6 431982 ESTABLISHED src=10.9.0.1 dst=10.9.0.2 sport=60432 dport=80 src=10.9.0.2 dst=10.9.0.1 sport=80 dport=60432 [ASSURED] mark=0 use=1 id=44871296',
    ];
    const entries = parseConntrackList(lines.join('\n'));
    expect(entries.map(({ protocol }) => protocol)).toEqual(['udp', 'tcp']);
    expect(entries.map(({ original }) => original.sourcePort)).toEqual([54554, 60432]);
  });

  test('has ICMP entries, which have no ports', () => {
    const line =
      'icmp     1 29 src=10.9.0.1 dst=10.9.0.2 type=8 code=0 id=1 packets=1 bytes=28 ' +
      'src=10.9.0.2 dst=10.9.0.1 type=0 code=0 id=1 packets=1 bytes=28 mark=0 use=1';
    expect(parseConntrackList(line)).toMatchObject([
      {
        protocol: 'icmp',
        original: { source: '10.9.0.1', sourcePort: -1, destinationPort: -1 },
        reply: { source: '10.9.0.2', sourcePort: -1, destinationPort: -1 },
      },
    ]);
  });

  test('has entries of protocols that conntrack has no name for', () => {
    const line =
      'unknown  2 600 src=10.244.1.1 dst=224.0.0.22 [UNREPLIED] src=224.0.0.22 dst=10.244.1.1';
    expect(parseConntrackList(line)).toMatchObject([{ protocol: 'unknown' }]);
  });

  test('has lines that are no entries: the closing count, faults, nothing', () => {
    const text = [
      'conntrack v1.4.7 (conntrack-tools): 2 flow entries have been shown.',
      'conntrack v1.4.7 (conntrack-tools): Operation failed: sorry, you must be root or get CAP_NET_ADMIN capability to do this',
      '# not read: conntrack: there is no such command',
      '',
      'udp      17 29 src=192.168.50.1 dst=192.168.50.2 sport=50000 dport=8472 [UNREPLIED]',
      'src=192.168.50.1 dst=192.168.50.2 src=192.168.50.2 dst=192.168.50.1',
      `${REWRITTEN} src=1.1.1.1 dst=2.2.2.2`,
    ].join('\n');
    expect(parseConntrackList(text)).toEqual([]);
  });

  test('with carriage returns at the line ends is read all the same', () => {
    expect(parseConntrackList(`${REWRITTEN}\r\n`)).toMatchObject([
      { reply: { destinationPort: 38337 } },
    ]);
  });

  test.each(
    recordings.map(({ name, text }) => [name, text] as const),
  )('of %s has as many entries as conntrack counted itself', (_name, text) => {
    const list = text('node-a', 'conntrack-list.txt');
    const counted = /: (\d+) flow entries have been shown/.exec(list)?.[1];
    expect(parseConntrackList(list)).toHaveLength(Number(counted));
  });
});

describe('the events', () => {
  const tuples =
    'src=192.168.50.1 dst=192.168.50.2 sport=50000 dport=8472 [UNREPLIED] src=192.168.50.2 dst=192.168.50.1 sport=8472 dport=38337';

  test('have a time, a type and an entry', () => {
    const text = [
      `[1795375429.716988]	    [NEW] udp      17 30 ${tuples}`,
      `[1795375430.716988]	 [UPDATE] udp      17 30 ${tuples}`,
      `[1795375494.874144]	[DESTROY] udp      17 ${tuples}`,
    ].join('\n');
    const events = parseConntrackEvents(text);
    expect(events.map(({ type }) => type)).toEqual(['NEW', 'UPDATE', 'DESTROY']);
    expect(events.map(({ at }) => at)).toEqual([
      { seconds: 1795375429, nanoseconds: 716_988_000 },
      { seconds: 1795375430, nanoseconds: 716_988_000 },
      { seconds: 1795375494, nanoseconds: 874_144_000 },
    ]);
    for (const { entry } of events) {
      expect(entry).toMatchObject({
        protocol: 'udp',
        original: { sourcePort: 50000 },
        reply: { destinationPort: 38337 },
      });
    }
  });

  test('with -o extended,id and counters are the same', () => {
    const text = [
      '[1795383766.292358]	    [NEW] ipv6     10 udp      17 1 src=fd00::9 dst=fd00::9 sport=54554 dport=9999 [UNREPLIED] src=fd00::9 dst=fd00::9 sport=9999 dport=54554 id=3754533375',
      '[1795383768.174044]	[DESTROY] ipv6     10 udp      17 src=fd00::9 dst=fd00::9 sport=54554 dport=9999 packets=1 bytes=50 [UNREPLIED] src=fd00::9 dst=fd00::9 sport=9999 dport=54554 packets=0 bytes=0 id=3754533375',
    ].join('\n');
    expect(parseConntrackEvents(text)).toMatchObject([
      {
        type: 'NEW',
        entry: { protocol: 'udp', original: { source: 'fd00::9', sourcePort: 54554 } },
      },
      { type: 'DESTROY', entry: { protocol: 'udp', reply: { destinationPort: 54554 } } },
    ]);
  });

  test('of older conntrack-tools have microseconds without leading zeros', () => {
    // Their src/conntrack.c: printf("[%-8ld.%-6ld]\t", tv.tv_sec, tv.tv_usec).
    const text = `[1795372919.2651  ]	    [NEW] udp      17 30 ${tuples}\n[1795372919.42    ]	    [NEW] udp      17 30 ${tuples}`;
    expect(parseConntrackEvents(text).map(({ at }) => at.nanoseconds)).toEqual([2_651_000, 42_000]);
  });

  test('without a time, or with something else in its place, are none', () => {
    const text = [
      `    [NEW] udp      17 30 ${tuples}`,
      `[now]	    [NEW] udp      17 30 ${tuples}`,
      `[1795375429.716988]	    [OLD] udp      17 30 ${tuples}`,
      '[1795375429.716988]	    [NEW] ',
      'conntrack v1.4.7 (conntrack-tools): 10 flow events have been shown.',
    ].join('\n');
    expect(parseConntrackEvents(text)).toEqual([]);
  });

  test.each(
    recordings.map(({ name, text }) => [name, text] as const),
  )('of %s are as many as conntrack counted itself, on both nodes', (_name, text) => {
    for (const node of ['node-a', 'node-b']) {
      const events = text(node, 'conntrack-events.txt');
      const counted = /: (\d+) flow events have been shown/.exec(events)?.[1];
      expect(parseConntrackEvents(events)).toHaveLength(Number(counted));
    }
  });
});

test('a hostile line of 1 MB is passed over in no time', () => {
  const began = performance.now();
  for (const piece of ['src=', 'src=a dst=', '[1.1', ' ', 'src=a dst=b sport=', '1']) {
    const line = piece.repeat(1_000_000 / piece.length);
    expect(parseConntrackList(`udp      17 29 ${line}`)).toEqual([]);
    expect(parseConntrackEvents(`[1795375429.716988]	    [NEW] udp      17 ${line}`)).toEqual([]);
    expect(parseConntrackEvents(line)).toEqual([]);
  }
  // A quadratic search takes minutes for these; this takes milliseconds.
  expect(performance.now() - began).toBeLessThan(5000);
});
