/**
 * VXLAN (RFC 7348), with its extensions for group policy (draft-smith-vxlan-group-policy) and for
 * other payloads than Ethernet (draft-ietf-nvo3-vxlan-gpe).
 *
 *     0     flags, 3 reserved bytes
 *     4     VNI, 3 bytes; 1 reserved byte                            8     inner Ethernet frame
 *
 * Flags: 0x08 the VNI is valid; 0x80 (GBP) bytes 2 and 3 are a group policy identifier; 0x04 (GPE)
 * byte 3 tells the payload's protocol.
 *
 * Linux sends on the port the device was made with: 8472 was its first default (flannel keeps it),
 * 4789 is IANA's.
 */
import { ETHERTYPE_ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './ethernet.js';

export const HEADER_LENGTH = 8;
export const IANA_PORT = 4789;
export const LINUX_PORT = 8472;

const FLAG_VNI_VALID = 0x08;
const FLAG_GPE = 0x04;
const GPE_PROTOCOL_AT = 3;
const GPE_IPV4 = 1;
const GPE_IPV6 = 2;
const GPE_ETHERNET = 3;

/** Whether the bytes at `at` are a VXLAN header: the I flag is set. The caller checked the length. */
export const isVxlan = (view: DataView, at: number): boolean =>
  (view.getUint8(at) & FLAG_VNI_VALID) !== 0;

/**
 * Whether they are one exactly as RFC 7348 section 5 wants it sent: no flag but I, every reserved bit
 * 0. Only then may an unknown port be suspected of carrying VXLAN.
 */
export const isStrictVxlan = (view: DataView, at: number): boolean =>
  view.getUint32(at) === FLAG_VNI_VALID << 24 && view.getUint8(at + 7) === 0;

/** VXLAN network identifier, 24 bits. */
export const vni = (view: DataView, at: number): number => view.getUint32(at + 4) >>> 8;

/** What is inside, as an ethertype (0x6558: an Ethernet frame); -1 for what is not decoded. */
export function payloadType(view: DataView, at: number): number {
  if ((view.getUint8(at) & FLAG_GPE) === 0) return ETHERTYPE_ETHERNET;
  switch (view.getUint8(at + GPE_PROTOCOL_AT)) {
    case GPE_IPV4:
      return ETHERTYPE_IPV4;
    case GPE_IPV6:
      return ETHERTYPE_IPV6;
    case GPE_ETHERNET:
      return ETHERTYPE_ETHERNET;
    default:
      return -1;
  }
}
