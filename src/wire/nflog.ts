/**
 * Packets logged by netfilter (LINKTYPE_NFLOG, 239): a 4-byte header (address family, version, group),
 * then attributes of `length u16, type u16, value`, each padded to 4 bytes. Lengths and types are in
 * the byte order of the machine that captured, which the file does not tell.
 * https://www.tcpdump.org/linktypes/LINKTYPE_NFLOG.html
 */

const HEADER_LENGTH = 4;
const ATTRIBUTE_HEADER_LENGTH = 4;
/** NFULA_PAYLOAD, include/uapi/linux/netfilter/nfnetlink_log.h. */
const PAYLOAD = 9;
/** The highest attribute type there is; a type beyond it means the other byte order. */
const HIGHEST_TYPE = 0x7f;

/** Offset of the logged packet (from its IP header on) in the frame `[start, end)`; -1 if it has none. */
export function payloadOffset(view: DataView, start: number, end: number): number {
  let at = start + HEADER_LENGTH;
  if (at + ATTRIBUTE_HEADER_LENGTH > end) return -1;
  const littleEndian = view.getUint16(at + 2, true) <= HIGHEST_TYPE;
  while (at + ATTRIBUTE_HEADER_LENGTH <= end) {
    const length = view.getUint16(at, littleEndian);
    if (length < ATTRIBUTE_HEADER_LENGTH) return -1;
    if (view.getUint16(at + 2, littleEndian) === PAYLOAD) return at + ATTRIBUTE_HEADER_LENGTH;
    at += (length + 3) & ~3;
  }
  return -1;
}

/** Called for each attribute with its type, and offsets of its value and of the value's end. */
export type AttributeVisitor = (type: number, value: number, valueEnd: number) => void;

/** Hands on the attributes of the frame `[start, end)` that were captured whole. */
export function visitAttributes(
  view: DataView,
  start: number,
  end: number,
  visitor: AttributeVisitor,
): void {
  let at = start + HEADER_LENGTH;
  if (at + ATTRIBUTE_HEADER_LENGTH > end) return;
  const littleEndian = view.getUint16(at + 2, true) <= HIGHEST_TYPE;
  while (at + ATTRIBUTE_HEADER_LENGTH <= end) {
    const length = view.getUint16(at, littleEndian);
    if (length < ATTRIBUTE_HEADER_LENGTH) return;
    const valueEnd = Math.min(at + length, end);
    visitor(view.getUint16(at + 2, littleEndian), at + ATTRIBUTE_HEADER_LENGTH, valueEnd);
    at += (length + 3) & ~3;
  }
}
