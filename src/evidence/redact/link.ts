/**
 * The link layer of a frame: addresses replaced, what names the next layer kept. Each function returns the
 * offset of the IP packet behind it, or -1 where there is none.
 */
import {
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ethertypeOffset,
  HEADER_LENGTH,
} from '../../wire/ethernet.js';
import {
  isKnownLinkType,
  LINKTYPE_ETHERNET,
  LINKTYPE_LINUX_SLL,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_LOOP,
  LINKTYPE_NFLOG,
  LINKTYPE_NULL,
  networkOffset,
} from '../../wire/link-layer.js';
import {
  SLL_HEADER_LENGTH,
  SLL_PROTOCOL_AT,
  SLL2_HEADER_LENGTH,
  SLL2_PROTOCOL_AT,
} from '../../wire/linux-cooked.js';
import * as loopback from '../../wire/loopback.js';
import { visitAttributes } from '../../wire/nflog.js';
import { redactArp } from './arp.js';
import type { Rewriting } from './rewriting.js';

const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_RARP = 0x8035;
const ADDRESS_LENGTH = 6;

/** What a frame turned out to be: `ip` at an offset, ARP, or nothing that is understood. */
export interface LinkResult {
  readonly ip: number;
  readonly understood: boolean;
}

const NOTHING: LinkResult = { ip: -1, understood: false };
const ARP: LinkResult = { ip: -1, understood: true };

/** Redacts the link layer of the frame, which fills the whole of `rewriting`. */
export function redactLink(rewriting: Rewriting, linkType: number): LinkResult {
  const { from, length } = rewriting;
  if (!isKnownLinkType(linkType)) return NOTHING;
  switch (linkType) {
    case LINKTYPE_ETHERNET:
      return redactEthernet(rewriting, 0, length);
    case LINKTYPE_LINUX_SLL:
      return redactCooked(rewriting, SLL);
    case LINKTYPE_LINUX_SLL2:
      return redactCooked(rewriting, SLL2);
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP:
      rewriting.keep(0, loopback.HEADER_LENGTH);
      break;
    case LINKTYPE_NFLOG:
      redactNflog(rewriting);
      break;
    default:
      break;
  }
  return found(networkOffset(from, 0, length, linkType));
}

/** Redacts the Ethernet header at `at`, with VLAN tags; ARP behind it too. */
export function redactEthernet(rewriting: Rewriting, at: number, end: number): LinkResult {
  if (at + HEADER_LENGTH > end) return NOTHING;
  const { from } = rewriting;
  rewriting.mac(at);
  rewriting.mac(at + ADDRESS_LENGTH);
  const ethertype = ethertypeOffset(from, at, end);
  if (ethertype < 0) return NOTHING;
  rewriting.keep(at + 2 * ADDRESS_LENGTH, ethertype + 2);
  return redactBehind(rewriting, ethertype, end);
}

function redactBehind(rewriting: Rewriting, ethertypeAt: number, end: number): LinkResult {
  const ethertype = rewriting.from.getUint16(ethertypeAt);
  const body = ethertypeAt + 2;
  if (ethertype === ETHERTYPE_IPV4 || ethertype === ETHERTYPE_IPV6) {
    return found(body < end ? body : -1);
  }
  if (!isArp(ethertype)) return NOTHING;
  redactArp(rewriting, body, end);
  return ARP;
}

function isArp(ethertype: number): boolean {
  return ethertype === ETHERTYPE_ARP || ethertype === ETHERTYPE_RARP;
}

/** `tcpdump -i any`: a header with a sender's address of eight bytes, of which a MAC takes six. */
interface CookedHeader {
  readonly linkType: number;
  readonly length: number;
  readonly protocolAt: number;
  /** The byte that tells how many bytes the address takes. */
  readonly addressLengthAt: number;
  readonly addressAt: number;
  readonly addressEnd: number;
}

const SLL: CookedHeader = {
  linkType: LINKTYPE_LINUX_SLL,
  length: SLL_HEADER_LENGTH,
  protocolAt: SLL_PROTOCOL_AT,
  addressLengthAt: 5,
  addressAt: 6,
  addressEnd: 14,
};
const SLL2: CookedHeader = {
  linkType: LINKTYPE_LINUX_SLL2,
  length: SLL2_HEADER_LENGTH,
  protocolAt: SLL2_PROTOCOL_AT,
  addressLengthAt: 11,
  addressAt: 12,
  addressEnd: 20,
};

function redactCooked(rewriting: Rewriting, header: CookedHeader): LinkResult {
  const { from, length } = rewriting;
  if (header.length > length) return NOTHING;
  rewriting.keep(0, header.addressAt);
  if (from.getUint8(header.addressLengthAt) === ADDRESS_LENGTH) rewriting.mac(header.addressAt);
  rewriting.keep(header.addressEnd, header.length);
  const network = networkOffset(from, 0, length, header.linkType);
  if (network < 0 && isArp(from.getUint16(header.protocolAt))) {
    redactArp(rewriting, header.length, length);
    return ARP;
  }
  // VLAN tags in between.
  rewriting.keep(header.length, network);
  return found(network);
}

/** Attributes of include/uapi/linux/netfilter/nfnetlink_log.h that are numbers and no one's. */
const NFULA_NUMBERS: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 6, 7, 12, 13, 15, 17]);
const NFULA_HWADDR = 8;
const NFULA_HWHEADER = 16;

function redactNflog(rewriting: Rewriting): void {
  rewriting.keep(0, 4);
  visitAttributes(rewriting.from, 0, rewriting.length, (type, value, end) => {
    rewriting.keep(value - 4, value);
    if (NFULA_NUMBERS.has(type)) rewriting.keep(value, end);
    else if (type === NFULA_HWADDR && end - value >= 4 + ADDRESS_LENGTH) {
      rewriting.keep(value, value + 4);
      if (rewriting.from.getUint16(value) === ADDRESS_LENGTH) rewriting.mac(value + 4);
    } else if (type === NFULA_HWHEADER && end - value === HEADER_LENGTH) {
      redactEthernet(rewriting, value, end);
    }
  });
}

function found(ip: number): LinkResult {
  return { ip, understood: ip >= 0 };
}
