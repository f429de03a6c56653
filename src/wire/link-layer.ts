/** From a captured frame to its network layer, for each link type that captures come with. */
import {
  behindTags,
  HEADER_LENGTH as ETHERNET_HEADER_LENGTH,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ethertypeOffset,
} from './ethernet.js';
import {
  SLL_HEADER_LENGTH,
  SLL_PROTOCOL_AT,
  SLL2_HEADER_LENGTH,
  SLL2_PROTOCOL_AT,
} from './linux-cooked.js';
import * as loopback from './loopback.js';
import { payloadOffset } from './nflog.js';

/** LINKTYPE_* numbers, https://www.tcpdump.org/linktypes.html. */
export const LINKTYPE_NULL = 0;
export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_RAW_BSD = 12;
export const LINKTYPE_RAW_OPENBSD = 14;
export const LINKTYPE_RAW = 101;
export const LINKTYPE_LOOP = 108;
export const LINKTYPE_LINUX_SLL = 113;
export const LINKTYPE_IPV4 = 228;
export const LINKTYPE_IPV6 = 229;
export const LINKTYPE_NFLOG = 239;
export const LINKTYPE_LINUX_SLL2 = 276;

const NAMES: ReadonlyMap<number, string> = new Map([
  [LINKTYPE_NULL, 'NULL'],
  [LINKTYPE_ETHERNET, 'EN10MB'],
  [LINKTYPE_RAW_BSD, 'RAW'],
  [LINKTYPE_RAW_OPENBSD, 'RAW'],
  [LINKTYPE_RAW, 'RAW'],
  [LINKTYPE_LOOP, 'LOOP'],
  [LINKTYPE_LINUX_SLL, 'LINUX_SLL'],
  [LINKTYPE_IPV4, 'IPV4'],
  [LINKTYPE_IPV6, 'IPV6'],
  [LINKTYPE_NFLOG, 'NFLOG'],
  [LINKTYPE_LINUX_SLL2, 'LINUX_SLL2'],
]);

/** Those that turn up in captures of a network, and are not decoded. */
const UNDECODED_NAMES: ReadonlyMap<number, string> = new Map([
  [9, 'PPP'],
  [50, 'PPP_SERIAL'],
  [51, 'PPP_ETHER'],
  [104, 'C_HDLC'],
  [105, 'IEEE802_11'],
  [122, 'IP_OVER_FC'],
  [127, 'IEEE802_11_RADIO'],
  [247, 'INFINIBAND'],
  [253, 'NETLINK'],
  [166, 'PPP_PPPD'],
]);

/** The name that tcpdump gives the link type; `LINKTYPE_<n>` for one that has none here. */
export function linkTypeName(linkType: number): string {
  return NAMES.get(linkType) ?? UNDECODED_NAMES.get(linkType) ?? `LINKTYPE_${linkType}`;
}

/** Whether frames of this link type are decoded at all. */
export function isKnownLinkType(linkType: number): boolean {
  return NAMES.has(linkType);
}

/**
 * Offset of the IP header in the frame `[start, end)`, or -1 where the frame holds no IP packet,
 * ends before it, or has a link type that is not known.
 */
export function networkOffset(
  view: DataView,
  start: number,
  end: number,
  linkType: number,
): number {
  switch (linkType) {
    case LINKTYPE_ETHERNET:
      return start + ETHERNET_HEADER_LENGTH <= end
        ? ipBehind(view, ethertypeOffset(view, start, end), end)
        : -1;
    case LINKTYPE_LINUX_SLL:
      return start + SLL_HEADER_LENGTH <= end
        ? ipBehind(view, behindTags(view, start + SLL_PROTOCOL_AT, end), end)
        : -1;
    case LINKTYPE_LINUX_SLL2:
      return start + SLL2_HEADER_LENGTH <= end ? ipBehindSll2(view, start, end) : -1;
    case LINKTYPE_RAW:
    case LINKTYPE_RAW_BSD:
    case LINKTYPE_RAW_OPENBSD:
    case LINKTYPE_IPV4:
    case LINKTYPE_IPV6:
      return ipAt(view, start, end);
    case LINKTYPE_NFLOG: {
      const payload = payloadOffset(view, start, end);
      return payload < 0 ? -1 : ipAt(view, payload, end);
    }
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP:
      return loopbackIpAt(view, start, end);
    default:
      return -1;
  }
}

/**
 * Offset of the ethertype in the frame `[start, end)`, or -1 where the link type has none or the frame
 * ends before it.
 */
export function ethertypeAt(view: DataView, start: number, end: number, linkType: number): number {
  switch (linkType) {
    case LINKTYPE_ETHERNET:
      return start + ETHERNET_HEADER_LENGTH <= end ? ethertypeOffset(view, start, end) : -1;
    case LINKTYPE_LINUX_SLL:
      return start + SLL_HEADER_LENGTH <= end ? behindTags(view, start + SLL_PROTOCOL_AT, end) : -1;
    default:
      return -1;
  }
}

function ipBehind(view: DataView, ethertypeAt: number, end: number): number {
  if (ethertypeAt < 0) return -1;
  const ethertype = view.getUint16(ethertypeAt);
  const isIp = ethertype === ETHERTYPE_IPV4 || ethertype === ETHERTYPE_IPV6;
  return isIp ? ipAt(view, ethertypeAt + 2, end) : -1;
}

function ipBehindSll2(view: DataView, start: number, end: number): number {
  const protocolAt = start + SLL2_PROTOCOL_AT;
  const protocol = view.getUint16(protocolAt);
  const body = start + SLL2_HEADER_LENGTH;
  if (protocol === ETHERTYPE_IPV4 || protocol === ETHERTYPE_IPV6) return ipAt(view, body, end);
  // A VLAN tag: its TPID stands in the header, the tag itself and the next ethertype in the body.
  const tagged = behindTags(view, protocolAt, protocolAt + 2) < 0;
  return tagged ? ipBehind(view, behindTags(view, body + 2, end), end) : -1;
}

/** Where address family and IP version agree. */
function loopbackIpAt(view: DataView, start: number, end: number): number {
  const at = start + loopback.HEADER_LENGTH;
  if (at >= end) return -1;
  const version = loopback.versionOf(view, start);
  return version !== 0 && view.getUint8(at) >>> 4 === version ? at : -1;
}

function ipAt(view: DataView, at: number, end: number): number {
  if (at >= end) return -1;
  const version = view.getUint8(at) >>> 4;
  return version === 4 || version === 6 ? at : -1;
}
