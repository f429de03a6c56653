/**
 * Linux "cooked" captures, as `tcpdump -i any` writes them.
 *
 * LINKTYPE_LINUX_SLL (113), 16 bytes: packet type u16, ARPHRD u16, address length u16, address 8
 * bytes, protocol u16. LINKTYPE_LINUX_SLL2 (276), 20 bytes: protocol u16, reserved u16, interface
 * index u32, ARPHRD u16, packet type u8, address length u8, address 8 bytes.
 * https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html
 */

export const SLL_HEADER_LENGTH = 16;
export const SLL_PROTOCOL_AT = 14;
export const SLL2_HEADER_LENGTH = 20;
export const SLL2_PROTOCOL_AT = 0;
