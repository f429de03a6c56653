/**
 * The program for `ChecksummedFilter`: what lets a watch of a busy link cost nothing where tunnels send
 * without outer checksums, and a bounded amount where they send with them.
 */
import { StalesumError } from '../errors.js';
import { LINKTYPE_ETHERNET } from '../wire/link-layer.js';
import {
  add,
  addX,
  and,
  aToX,
  goTo,
  ifAnyBit,
  ifAtLeast,
  ifEqual,
  keep,
  type Line,
  label,
  load,
  loadAtX,
  loadRandom,
  setX,
  shiftLeft,
  xToA,
} from './bpf.js';
import { assertPorts, type ChecksummedFilter, type Sample, SPARSEST_SAMPLE } from './filter.js';

const WHOLE = 0x40000;
/** A conditional jump reaches 255 instructions, and each port is one. */
const MOST_PORTS = 100;

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const TAG_8021Q = 0x8100;
const TAG_8021AD = 0x88a8;
const TCP = 6;
const UDP = 17;
const IPV6_FRAGMENT = 44;
const FRAGMENT_OFFSET = 0x1fff;
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
    ...(linkType === LINKTYPE_ETHERNET ? behindEthernet() : behindNothing()),
    ...outerIp(),
    label('udp'),
    loadAtX(2, 2),
    ...ports.map(port => ifEqual(port, 'to a tunnel')),
    goTo('reject'),
    label('to a tunnel'),
    loadAtX(2, 6),
    ifEqual(0, 'reject'),
    ...(sample.first === 1 && sample.other === 1 ? [] : sampled(sample)),
    label('accept'),
    keep(WHOLE),
    label('reject'),
    keep(0),
  ];
}

/** X = where the IP header begins, behind up to two tags; the kernel has taken out one more. */
function behindEthernet(): Line[] {
  return [
    load(2, 12),
    setX(14),
    ifEqual(TAG_8021Q, 'tagged'),
    ifEqual(TAG_8021AD, 'tagged', 'ethertype'),
    label('tagged'),
    load(2, 16),
    setX(18),
    ifEqual(TAG_8021Q, 'tagged twice'),
    ifEqual(TAG_8021AD, 'tagged twice', 'ethertype'),
    label('tagged twice'),
    load(2, 20),
    setX(22),
    label('ethertype'),
    ifEqual(IPV4, 'ipv4'),
    ifEqual(IPV6, 'ipv6', 'reject'),
  ];
}

function behindNothing(): Line[] {
  return [load(1, 0), setX(0), and(0xf0), ifEqual(0x40, 'ipv4'), ifEqual(0x60, 'ipv6', 'reject')];
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

/** X += the length of the IPv4 header at X + `offset`. */
function passIpv4Header(offset: number): Line[] {
  return [loadAtX(1, offset), and(0xf), shiftLeft(2), addX(), aToX()];
}

/** X += `bytes`. */
function advance(bytes: number): Line[] {
  return [xToA(), add(bytes), aToX()];
}
