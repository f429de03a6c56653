/**
 * UDP (RFC 768).
 *
 *     0     source port        2     destination port
 *     4     length             6     checksum (0: not in use)        8     data
 *
 * A datagram longer than its 16-bit length has a length of 0 (RFC 2675 section 4).
 */

export const HEADER_LENGTH = 8;
export const CHECKSUM_AT = 6;

export const sourcePort = (view: DataView, at: number): number => view.getUint16(at);
export const destinationPort = (view: DataView, at: number): number => view.getUint16(at + 2);
export const length = (view: DataView, at: number): number => view.getUint16(at + 4);
export const checksum = (view: DataView, at: number): number => view.getUint16(at + CHECKSUM_AT);

/** Whether a length of 0 is the lawful one of a datagram that has `room` bytes. */
export const isJumboLength = (length: number, room: number): boolean =>
  length === 0 && room > 0xffff;
