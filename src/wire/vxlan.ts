/**
 * VXLAN (RFC 7348).
 *
 *     0     flags (0x08: the VNI is valid), 3 reserved bytes
 *     4     VNI, 3 bytes; 1 reserved byte                            8     inner Ethernet frame
 *
 * Linux sends on the port the device was made with: 8472 was its first default (flannel keeps it),
 * 4789 is IANA's.
 */

export const HEADER_LENGTH = 8;
export const IANA_PORT = 4789;
export const LINUX_PORT = 8472;

const FLAG_VNI_VALID = 0x08;

/** Whether the bytes at `at` are a VXLAN header: the I flag is set. The caller checked the length. */
export const isVxlan = (view: DataView, at: number): boolean =>
  (view.getUint8(at) & FLAG_VNI_VALID) !== 0;

/** VXLAN network identifier, 24 bits. */
export const vni = (view: DataView, at: number): number => view.getUint32(at + 4) >>> 8;
