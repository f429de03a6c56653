/**
 * BSD loopback captures (LINKTYPE_NULL, 0; OpenBSD's LINKTYPE_LOOP, 108): a 4-byte address family, then
 * the packet. NULL has it in the byte order of the machine that captured, which the file need not
 * tell; LOOP in network order. So both are tried: no family has a value above 255.
 * https://www.tcpdump.org/linktypes/LINKTYPE_NULL.html
 */

export const HEADER_LENGTH = 4;

const AF_INET = 2;
/** Linux, Windows (Npcap's loopback adapter), NetBSD and OpenBSD, FreeBSD, macOS. */
const AF_INET6: ReadonlySet<number> = new Set([10, 23, 24, 28, 30]);

/** The IP version that the family at `at` names: 4, 6, or 0 for another family. */
export function versionOf(view: DataView, at: number): 0 | 4 | 6 {
  const bigEndian = view.getUint32(at);
  const family = bigEndian <= 0xff ? bigEndian : view.getUint32(at, true);
  if (family === AF_INET) return 4;
  return AF_INET6.has(family) ? 6 : 0;
}
