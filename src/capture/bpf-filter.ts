/**
 * A filter as a program for the kernel. It must mean what pcap-filter.ts says in words.
 *
 * X holds where the header at hand begins: the IP header, then the UDP header, then (less what lies
 * between) the inner TCP or UDP header.
 */
import {
  add,
  assemble,
  aToX,
  goTo,
  ifAnyBit,
  ifEqual,
  keep,
  type Line,
  label,
  loadAtX,
  xToA,
} from './bpf.js';
import { checksummed } from './bpf-checksummed.js';
import {
  acceptOrReject,
  FRAGMENT_OFFSET,
  IPV4,
  IPV6,
  IPV6_FRAGMENT,
  passIpv4Header,
  TCP,
  toIpHeader,
  UDP,
  WHOLE,
} from './bpf-headers.js';
import {
  assertPorts,
  type CaptureFilter,
  filterWords,
  type HostFilter,
  innerAddressWords,
  portsOf,
  type TunnelFilter,
} from './filter.js';

/** Lets nothing in. */
export const NOTHING: Uint8Array<ArrayBuffer> = assemble([keep(0)]);

/**
 * The program for frames of a link type: Ethernet, or else IP packets without a link-layer header.
 *
 * @throws StalesumError `usage` for a port or an address that none is
 */
export function bpfProgram(filter: CaptureFilter, linkType: number): Uint8Array<ArrayBuffer> {
  return assemble(linesOf(filter, linkType));
}

function linesOf(filter: CaptureFilter, linkType: number): Line[] {
  switch (filter.kind) {
    case 'all':
      return [keep(WHOLE)];
    case 'hosts':
      return hosts(filter, linkType);
    case 'tunnel':
      return tunnel(filter, linkType);
    case 'checksummed':
      return checksummed(filter, linkType);
  }
}

function hosts({ addresses }: HostFilter, linkType: number): Line[] {
  const words = addresses.map(filterWords);
  /** To `accept` where an address stands at X + `source` or X + `destination`, else on. */
  const anyAt = (length: number, source: number, destination: number): Line[] =>
    words
      .filter(address => address.length === length)
      .flatMap((address, index) =>
        [source, destination].flatMap(place => {
          const next = `${length} words, address ${index} not at ${place}`;
          return [
            ...address.flatMap((word, i) => [
              loadAtX(4, place + 4 * i),
              ifEqual(word, undefined, next),
            ]),
            goTo('accept'),
            label(next),
          ];
        }),
      );
  return [
    ...toIpHeader(linkType, 1),
    label('ipv4'),
    ...anyAt(1, 12, 16),
    goTo('reject'),
    label('ipv6'),
    ...anyAt(4, 8, 24),
    goTo('reject'),
    ...acceptOrReject(),
  ];
}

function tunnel(filter: TunnelFilter, linkType: number): Line[] {
  assertPorts(portsOf(filter));
  return [
    ...toIpHeader(linkType, 1),
    ...outerIpv4(),
    ...outerIpv6(),
    ...datagram(filter),
    ...(filter.inner === undefined ? [] : innerPacket(filter)),
    ...acceptOrReject(),
  ];
}

function outerIpv4(): Line[] {
  return [
    label('ipv4'),
    loadAtX(1, 9),
    ifEqual(UDP, undefined, 'reject'),
    loadAtX(2, 6),
    ifAnyBit(FRAGMENT_OFFSET, 'accept'),
    ...passIpv4Header(0),
    goTo('udp'),
  ];
}

function outerIpv6(): Line[] {
  return [
    label('ipv6'),
    loadAtX(1, 6),
    ifEqual(IPV6_FRAGMENT, 'accept'),
    ifEqual(UDP, undefined, 'reject'),
    xToA(),
    add(40),
    aToX(),
  ];
}

function datagram({ port }: TunnelFilter): Line[] {
  return [label('udp'), ...eitherIs(port, 0, 2, 'of the tunnel'), label('of the tunnel')];
}

/** Behind the UDP header: 8 bytes of VXLAN, 14 of Ethernet with the ethertype at 28, the inner IP at 30. */
function innerPacket(filter: TunnelFilter): Line[] {
  const address = innerAddressWords(filter);
  const port = filter.inner?.port;
  return [
    loadAtX(2, 28),
    ifEqual(IPV4, address.length === 4 ? 'reject' : undefined, 'not inner ipv4'),
    ...(address.length === 1 ? eitherAddress(address, 42, 46, 'inner ipv4 address') : []),
    ...(port === undefined ? [] : innerIpv4Port(port)),
    goTo('accept'),
    label('not inner ipv4'),
    ifEqual(IPV6, address.length === 1 ? 'reject' : undefined, 'reject'),
    ...(address.length === 4 ? eitherAddress(address, 38, 54, 'inner ipv6 address') : []),
    ...(port === undefined ? [] : innerIpv6Port(port)),
  ];
}

function innerIpv4Port(port: number): Line[] {
  return [
    loadAtX(1, 39),
    ifEqual(TCP, 'inner ipv4 ports'),
    ifEqual(UDP, undefined, 'reject'),
    label('inner ipv4 ports'),
    loadAtX(2, 36),
    ifAnyBit(FRAGMENT_OFFSET, 'accept'),
    ...passIpv4Header(30),
    ...eitherIs(port, 30, 32, 'accept'),
  ];
}

function innerIpv6Port(port: number): Line[] {
  return [
    loadAtX(1, 36),
    ifEqual(IPV6_FRAGMENT, 'accept'),
    ifEqual(TCP, 'inner ipv6 ports'),
    ifEqual(UDP, undefined, 'reject'),
    label('inner ipv6 ports'),
    ...eitherIs(port, 70, 72, 'accept'),
  ];
}

/** Two bytes at X + `one` or X + `other` are `value`: to `found`, else the packet is rejected. */
function eitherIs(value: number, one: number, other: number, found: string): Line[] {
  return [
    loadAtX(2, one),
    ifEqual(value, found),
    loadAtX(2, other),
    ifEqual(value, found, 'reject'),
  ];
}

/** The address stands at X + `source` or X + `destination`, else the packet is rejected. */
function eitherAddress(
  address: readonly number[],
  source: number,
  destination: number,
  name: string,
): Line[] {
  const other = `${name}, destination`;
  const compare = (at: number, otherwise: string) =>
    address.flatMap((word, index) => [
      loadAtX(4, at + 4 * index),
      ifEqual(word, undefined, otherwise),
    ]);
  return [
    ...compare(source, other),
    goTo(name),
    label(other),
    ...compare(destination, 'reject'),
    label(name),
  ];
}
