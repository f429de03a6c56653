/**
 * Geneve (RFC 8926).
 *
 *     0     version (2 bits), length of the options in 4-byte words (6 bits)
 *     1     flags: O control, C critical options; 6 reserved bits
 *     2     protocol type, an ethertype (0x6558: an Ethernet frame)
 *     4     VNI, 3 bytes; 1 reserved byte                            8     options, then the payload
 *
 * OVN and Cilium use it on port 6081, IANA's.
 */
import { ETHERTYPE_ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './ethernet.js';

export const FIXED_HEADER_LENGTH = 8;
export const IANA_PORT = 6081;

const RESERVED_FLAGS = 0x3f;

/**
 * Whether the 8 bytes at `at` are a Geneve header: version 0, reserved bits 0, and a payload that is
 * Ethernet or IP. No lawful VXLAN header passes: where its flags byte is 0x08, its third and fourth are 0.
 */
export function isGeneve(view: DataView, at: number): boolean {
  if (view.getUint8(at) >>> 6 !== 0 || (view.getUint8(at + 1) & RESERVED_FLAGS) !== 0) return false;
  const type = payloadType(view, at);
  const isDecoded =
    type === ETHERTYPE_ETHERNET || type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6;
  return isDecoded && view.getUint8(at + 7) === 0;
}

/** Length of the header with its options, 8 to 260. */
export const headerLength = (view: DataView, at: number): number =>
  FIXED_HEADER_LENGTH + (view.getUint8(at) & 0x3f) * 4;

/** What is inside, as an ethertype. */
export const payloadType = (view: DataView, at: number): number => view.getUint16(at + 2);

/** Virtual network identifier, 24 bits. */
export const vni = (view: DataView, at: number): number => view.getUint32(at + 4) >>> 8;
