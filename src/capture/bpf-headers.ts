/** What the programs for the kernel have in common: the way to the IP header, and past it. */
import { LINKTYPE_ETHERNET } from '../wire/link-layer.js';
import {
  addX,
  and,
  aToX,
  ifEqual,
  keep,
  type Line,
  label,
  load,
  loadAtX,
  setX,
  shiftLeft,
} from './bpf.js';

export const IPV4 = 0x0800;
export const IPV6 = 0x86dd;
export const TCP = 6;
export const UDP = 17;
export const IPV6_FRAGMENT = 44;
/** Of the IPv4 header's flags and fragment offset. */
export const FRAGMENT_OFFSET = 0x1fff;

const TAG_8021Q = 0x8100;
const TAG_8021AD = 0x88a8;

/** More than any packet has: what passes is kept whole. */
export const WHOLE = 0x40000;

/**
 * X = where the IP header begins; goes to `ipv4` or `ipv6`, else to `reject`.
 *
 * @param tags VLAN tags that may stand in the bytes of an Ethernet frame. The outermost one stands beside
 *   them on most links.
 */
export function toIpHeader(linkType: number, tags: 1 | 2): Line[] {
  if (linkType !== LINKTYPE_ETHERNET) {
    return [load(1, 0), setX(0), and(0xf0), ifEqual(0x40, 'ipv4'), ifEqual(0x60, 'ipv6', 'reject')];
  }
  const tagged = Array.from({ length: tags }, (_, tag) => [
    ifEqual(TAG_8021Q, `tag ${tag + 1}`),
    ifEqual(TAG_8021AD, `tag ${tag + 1}`, 'ethertype'),
    label(`tag ${tag + 1}`),
    load(2, 16 + 4 * tag),
    setX(18 + 4 * tag),
  ]);
  return [
    load(2, 12),
    setX(14),
    ...tagged.flat(),
    label('ethertype'),
    ifEqual(IPV4, 'ipv4'),
    ifEqual(IPV6, 'ipv6', 'reject'),
  ];
}

/** X += the length of the IPv4 header at X + `offset`. */
export function passIpv4Header(offset: number): Line[] {
  return [loadAtX(1, offset), and(0xf), shiftLeft(2), addX(), aToX()];
}

/** Where every program ends. */
export function acceptOrReject(): Line[] {
  return [label('accept'), keep(WHOLE), label('reject'), keep(0)];
}
