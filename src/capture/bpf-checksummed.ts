/**
 * The program for `ChecksummedFilter`: what lets a watch of a busy link cost nothing where tunnels send
 * without outer checksums, and a bounded amount where they send with them.
 */
import { StalesumError } from '../errors.js';
import {
  add,
  addX,
  and,
  aToX,
  goTo,
  ifAnyBit,
  ifAtLeast,
  ifEqual,
  type Line,
  label,
  loadAtX,
  loadRandom,
  shiftLeft,
  xToA,
} from './bpf.js';
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
} from './bpf-headers.js';
import { assertPorts, type ChecksummedFilter, type Sample, SPARSEST_SAMPLE } from './filter.js';

/** A conditional jump reaches 255 instructions, and each port is one. */
const MOST_PORTS = 100;

const IPV6_FRAGMENT_OFFSET = 0xfff8;
const GENEVE = 6081;
const GENEVE_OPTION_WORDS = 0x3f;
const FLAG_SYN = 0x02;
/** A zero that an old kernel's NAT has mangled. */
const MANGLED = 0xffff;

/** @throws StalesumError `usage` for ports or a sample that none are */
export function checksummed(filter: ChecksummedFilter, linkType: number): Line[] {
  const { ports, sample = { first: 1, other: 1 } } = filter;
  assertPorts(ports);
  if (ports.length === 0 || ports.length > MOST_PORTS) {
    throw new StalesumError('usage', `expected 1 to ${MOST_PORTS} ports, got ${ports.length}`);
  }
  return [
    ...toIpHeader(linkType, 2),
    ...outerIp(),
    label('udp'),
    loadAtX(2, 2),
    ...ports.map(port => ifEqual(port, 'to a tunnel')),
    goTo('reject'),
    label('to a tunnel'),
    loadAtX(2, 6),
    ifEqual(0, 'reject'),
    ...(sample.first === 1 && sample.other === 1 ? [] : sampled(sample)),
    ...acceptOrReject(),
  ];
}

/** X = where the UDP header begins. */
function outerIp(): Line[] {
  return [
    label('ipv4'),
    loadAtX(1, 9),
    ifEqual(UDP, undefined, 'reject'),
    loadAtX(2, 6),
    ifAnyBit(FRAGMENT_OFFSET, 'reject'),
    ...passIpv4Header(0),
    goTo('udp'),
    label('ipv6'),
    loadAtX(1, 6),
    ifEqual(UDP, 'plain ipv6'),
    ifEqual(IPV6_FRAGMENT, undefined, 'reject'),
    loadAtX(1, 40),
    ifEqual(UDP, undefined, 'reject'),
    loadAtX(2, 42),
    ifAnyBit(IPV6_FRAGMENT_OFFSET, 'reject'),
    ...advance(48),
    goTo('udp'),
    label('plain ipv6'),
    ...advance(40),
  ];
}

/**
 * Goes on with the outer checksum in A. Offsets count from the UDP header as if 8 bytes of VXLAN and 14
 * of Ethernet stood behind it: the ethertype at 28, the inner IP header at 30.
 */
function sampled({ first, other }: Sample): Line[] {
  return [
    ifEqual(MANGLED, 'first of a connection'),
    loadAtX(2, 2),
    ifEqual(GENEVE, undefined, 'inside'),
    loadAtX(1, 8),
    and(GENEVE_OPTION_WORDS),
    shiftLeft(2),
    addX(),
    aToX(),
    label('inside'),
    loadAtX(2, 28),
    ifEqual(IPV4, 'inner ipv4'),
    ifEqual(IPV6, 'inner ipv6', 'other'),
    label('inner ipv4'),
    loadAtX(1, 39),
    ifEqual(TCP, undefined, 'other'),
    loadAtX(2, 36),
    ifAnyBit(FRAGMENT_OFFSET, 'other'),
    ...passIpv4Header(30),
    loadAtX(1, 43),
    ifAnyBit(FLAG_SYN, 'first of a connection', 'other'),
    label('inner ipv6'),
    loadAtX(1, 36),
    ifEqual(TCP, undefined, 'other'),
    loadAtX(1, 83),
    ifAnyBit(FLAG_SYN, 'first of a connection'),
    label('other'),
    ...oneIn(other),
    goTo('accept'),
    label('first of a connection'),
    ...oneIn(first),
  ];
}

/** Rejects all but a random part. */
function oneIn(parts: number): Line[] {
  if (!Number.isInteger(parts) || parts < 1 || parts > SPARSEST_SAMPLE) {
    const message = `one in ${parts} is no sample; expected a whole number up to ${SPARSEST_SAMPLE}`;
    throw new StalesumError('usage', message);
  }
  return parts === 1 ? [] : [loadRandom(), ifAtLeast(Math.floor(2 ** 32 / parts), 'reject')];
}

/** X += `bytes`. */
function advance(bytes: number): Line[] {
  return [xToA(), add(bytes), aToX()];
}
