/** Counters from `nstat -az`, /proc/net/snmp, netstat and snmp6, and how much they grew. */
import { describe, expect, test } from 'vitest';
import {
  formatNstat,
  growth,
  parseNstat,
  parseSnmp,
  parseSnmp6,
} from '../../src/snapshot/counters.js';
import { recordings } from '../support/recordings.js';

test('nstat has name, value and rate a line, and comments', () => {
  const text = [
    '# 1795375424 nodeA before',
    '#kernel',
    'IpInReceives                    101381             0.0',
    'UdpInCsumErrors                 6                  0.1',
    'Ip6InOctets                     4503599627370496   0.0',
    'not a counter',
    '',
  ].join('\n');
  expect([...parseNstat(text)]).toEqual([
    ['IpInReceives', 101381],
    ['UdpInCsumErrors', 6],
    ['Ip6InOctets', 4503599627370496],
  ]);
});

test('/proc/net/snmp has a line of names and one of values, whose prefix becomes part of the name', () => {
  const text = [
    'Ip: Forwarding DefaultTTL InReceives',
    'Ip: 1 64 42',
    'Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors',
    'Udp: 12 0 6 7 0 0 6 0 0',
    '',
  ].join('\n');
  const counters = parseSnmp(text);
  expect(counters.get('IpInReceives')).toBe(42);
  expect(counters.get('UdpInErrors')).toBe(6);
  expect(counters.get('UdpInCsumErrors')).toBe(6);
  expect(counters.get('UdpNoPorts')).toBe(0);
  expect(counters.size).toBe(3 + 9);
});

test('/proc/net/netstat is alike, and may have negative values', () => {
  const counters = parseSnmp('TcpExt: SyncookiesSent MaxConn\nTcpExt: 3 -1\n');
  expect([...counters]).toEqual([
    ['TcpExtSyncookiesSent', 3],
    ['TcpExtMaxConn', -1],
  ]);
});

test('names without values, and values without names, are no counters', () => {
  expect([...parseSnmp('Udp: InDatagrams InErrors\nUdp: 5\n')]).toEqual([['UdpInDatagrams', 5]]);
  expect([...parseSnmp('Udp: InDatagrams\nUdp: 5 6\n')]).toEqual([['UdpInDatagrams', 5]]);
  expect([...parseSnmp('Udp: InDatagrams\n')]).toEqual([]);
  expect([...parseSnmp('')]).toEqual([]);
});

test('/proc/net/snmp6 has one counter a line, a tab between', () => {
  const text = 'Ip6InReceives                   \t1\nUdp6InCsumErrors                \t4\n';
  expect(parseSnmp6(text).get('Udp6InCsumErrors')).toBe(4);
});

test('what is saved in nstat’s form is read back as it was', () => {
  const counters = new Map([
    ['UdpInCsumErrors', 6],
    ['TcpExtTCPTimeouts', 0],
    ['AVeryLongNameOfACounterThatFillsItsColumnEntirely', 1],
  ]);
  expect(parseNstat(formatNstat(counters))).toEqual(counters);
});

describe('growth', () => {
  const counters = (value: number) => new Map([['UdpInCsumErrors', value]]);

  test('is the difference of two readings', () => {
    expect(growth(counters(4), counters(10), 'UdpInCsumErrors')).toBe(6);
    expect(growth(counters(4), counters(4), 'UdpInCsumErrors')).toBe(0);
  });

  test('is not known if either reading lacks the counter', () => {
    expect(growth(new Map(), counters(10), 'UdpInCsumErrors')).toBeUndefined();
    expect(growth(counters(4), new Map(), 'UdpInCsumErrors')).toBeUndefined();
  });
});

test.each(
  recordings.map(({ name, text, expected }) => [name, text, expected] as const),
)('the receiver of %s counted the checksum errors that were measured', (_name, text, expected) => {
  const read = (when: string) => parseNstat(text('node-b', `nstat.${when}.txt`));
  expect(growth(read('before'), read('after'), 'UdpInCsumErrors')).toBe(
    expected.receiverUdpInCsumErrors,
  );
});
