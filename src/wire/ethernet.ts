/**
 * Ethernet II (IEEE 802.3) with VLAN tags (802.1Q, and 802.1ad for QinQ).
 *
 *     0       6       12          14
 *     | dst   | src   | ethertype | payload ...
 *
 * A tag is 4 bytes in front of the ethertype: its own ethertype (TPID), then the tag itself.
 */

export const HEADER_LENGTH = 14;
const ETHERTYPE_AT = 12;
const TAG_LENGTH = 4;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_IPV6 = 0x86dd;
/** Transparent Ethernet bridging: a whole Ethernet frame, where an ethertype tells a tunnel's payload. */
export const ETHERTYPE_ETHERNET = 0x6558;
const TPIDS: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100]);

/** Offset of the ethertype that names the payload, behind all VLAN tags; -1 if the frame ends first. */
export function ethertypeOffset(view: DataView, start: number, end: number): number {
  return behindTags(view, start + ETHERTYPE_AT, end);
}

/** Offset of the first ethertype at or behind `at` that is not a VLAN tag's; -1 if the frame ends first. */
export function behindTags(view: DataView, at: number, end: number): number {
  let ethertype = at;
  while (ethertype + 2 <= end) {
    if (!TPIDS.has(view.getUint16(ethertype))) return ethertype;
    ethertype += TAG_LENGTH;
  }
  return -1;
}
