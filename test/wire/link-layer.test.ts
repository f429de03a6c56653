/** Each link type's header, byte by byte as https://www.tcpdump.org/linktypes.html lays it out. */
import { describe, expect, test } from 'vitest';
import {
  isKnownLinkType,
  LINKTYPE_ETHERNET,
  linkTypeName,
  networkOffset,
} from '../../src/wire/link-layer.js';
import { ethernet, hex, ipv4, ipv6, UDP } from '../support/packet-builder.js';

const V4 = ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: UDP, payload: [1, 2] });
const V6 = ipv6({ source: 'fd00::1', destination: 'fd00::2', protocol: UDP, payload: [1, 2] });
const ARP = hex('0001 0800 06 04 0001');

const NULL = 0;
const ETHERNET = 1;
const RAW_BSD = 12;
const RAW_OPENBSD = 14;
const RAW = 101;
const LOOP = 108;
const SLL = 113;
const IPV4 = 228;
const IPV6 = 229;
const SLL2 = 276;

/** Offset of the IP header from the frame's start, or -1. */
function offset(frame: readonly number[], linkType: number): number {
  const view = new DataView(Uint8Array.from([9, 9, 9, ...frame, 0x45, 0x45]).buffer);
  const at = networkOffset(view, 3, 3 + frame.length, linkType);
  return at < 0 ? at : at - 3;
}

/** packet type 0, ARPHRD 1, address length 6, address, protocol. */
const sll = (protocol: string, body: readonly number[]) => [
  ...hex(`0000 0001 0006 02aa00000001 0000 ${protocol}`),
  ...body,
];
/** protocol, reserved, interface index 2, ARPHRD 1, packet type 0, address length 6, address. */
const sll2 = (protocol: string, body: readonly number[]) => [
  ...hex(`${protocol} 0000 00000002 0001 00 06 02aa00000001 0000`),
  ...body,
];

describe('Ethernet', () => {
  test('has its IP header at 14', () => {
    expect(offset(ethernet({ payload: V4 }), ETHERNET)).toBe(14);
    expect(offset(ethernet({ payload: V6 }), ETHERNET)).toBe(14);
  });

  test.each([
    ['one 802.1Q tag', [[0x8100, 5]], 18],
    [
      '802.1ad around 802.1Q (QinQ)',
      [
        [0x88a8, 100],
        [0x8100, 5],
      ],
      22,
    ],
    [
      '802.1Q twice',
      [
        [0x8100, 100],
        [0x8100, 5],
      ],
      22,
    ],
    [
      'the old QinQ ethertype 9100',
      [
        [0x9100, 100],
        [0x8100, 5],
      ],
      22,
    ],
  ] as const)('has it behind %s', (_name, tags, at) => {
    expect(offset(ethernet({ payload: V4, tags }), ETHERNET)).toBe(at);
  });

  test('holds no IP packet if it is ARP, whatever the bytes behind look like', () => {
    expect(offset(ethernet({ payload: ARP, ethertype: 0x0806 }), ETHERNET)).toBe(-1);
    expect(offset(ethernet({ payload: V4, ethertype: 0x0806 }), ETHERNET)).toBe(-1);
  });

  test('holds none if the ethertype says IPv4 and the version is neither 4 nor 6', () => {
    expect(offset(ethernet({ payload: [0x55, ...V4.slice(1)], ethertype: 0x0800 }), ETHERNET)).toBe(
      -1,
    );
  });

  test('holds none if the frame ends before the first byte of the packet', () => {
    const tagged = ethernet({ payload: V4, tags: [[0x8100, 5]] });
    for (let length = 0; length <= 18; length++) {
      expect(offset(tagged.slice(0, length), ETHERNET)).toBe(-1);
    }
    expect(offset(tagged.slice(0, 19), ETHERNET)).toBe(18);
  });

  test('holds none if it is nothing but tags', () => {
    expect(
      offset(
        [
          ...hex('02bb00000001 02aa00000001'),
          ...hex('8100 0005').concat(...Array.from({ length: 20 }, () => hex('8100 0005'))),
        ],
        ETHERNET,
      ),
    ).toBe(-1);
  });
});

describe('Linux cooked capture v1', () => {
  test('has its IP header at 16', () => {
    expect(offset(sll('0800', V4), SLL)).toBe(16);
    expect(offset(sll('86dd', V6), SLL)).toBe(16);
  });

  test('has it behind a VLAN tag, whose ethertype stands in the header', () => {
    expect(offset(sll('8100', [...hex('0005 0800'), ...V4]), SLL)).toBe(20);
  });

  test('holds no IP packet if it is ARP or ends before', () => {
    expect(offset(sll('0806', ARP), SLL)).toBe(-1);
    expect(offset(sll('0800', []), SLL)).toBe(-1);
  });
});

describe('Linux cooked capture v2', () => {
  test('has its IP header at 20', () => {
    expect(offset(sll2('0800', V4), SLL2)).toBe(20);
    expect(offset(sll2('86dd', V6), SLL2)).toBe(20);
  });

  test('has it behind one VLAN tag, and behind two', () => {
    expect(offset(sll2('8100', [...hex('0005 0800'), ...V4]), SLL2)).toBe(24);
    expect(offset(sll2('88a8', [...hex('0064 8100 0005 86dd'), ...V6]), SLL2)).toBe(28);
  });

  test('holds no IP packet if it is ARP, tagged ARP, or ends before', () => {
    expect(offset(sll2('0806', ARP), SLL2)).toBe(-1);
    expect(offset(sll2('8100', [...hex('0005 0806'), ...ARP]), SLL2)).toBe(-1);
    expect(offset(sll2('0800', []), SLL2)).toBe(-1);
    expect(offset(sll2('8100', hex('0005')), SLL2)).toBe(-1);
  });
});

describe('link types without an ethertype', () => {
  test.each([RAW, RAW_BSD, RAW_OPENBSD, IPV4, IPV6])('%i is the IP packet itself', linkType => {
    expect(offset(V4, linkType)).toBe(0);
    expect(offset(V6, linkType)).toBe(0);
    expect(offset([0x55, 0], linkType)).toBe(-1);
    expect(offset([], linkType)).toBe(-1);
  });

  test.each([
    ['NULL, little-endian AF_INET', NULL, '02000000', V4],
    ['NULL, big-endian AF_INET', NULL, '00000002', V4],
    ['NULL, AF_INET6 of FreeBSD', NULL, '1c000000', V6],
    ['LOOP, AF_INET6 of macOS', LOOP, '0000001e', V6],
  ])('%s has 4 bytes in front, and the version tells which IP it is', (_name, linkType, family, packet) => {
    expect(offset([...hex(family), ...packet], linkType)).toBe(4);
    expect(offset(hex(family), linkType)).toBe(-1);
    expect(offset(hex(family).slice(0, 2), linkType)).toBe(-1);
  });
});

test('a link type that is not known holds no IP packet and is named by its number', () => {
  expect(offset(V4, 147)).toBe(-1);
  expect(isKnownLinkType(147)).toBe(false);
  expect(linkTypeName(147)).toBe('LINKTYPE_147');
});

test('link types have the names that tcpdump -L gives them', () => {
  expect([ETHERNET, SLL, SLL2, RAW, NULL, LOOP].map(linkTypeName)).toEqual([
    'EN10MB',
    'LINUX_SLL',
    'LINUX_SLL2',
    'RAW',
    'NULL',
    'LOOP',
  ]);
  expect(isKnownLinkType(LINKTYPE_ETHERNET)).toBe(true);
});
