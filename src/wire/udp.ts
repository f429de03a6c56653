/**
 * UDP (RFC 768).
 *
 *     0     source port        2     destination port
 *     4     length             6     checksum (0: not in use)        8     data
 */

export const HEADER_LENGTH = 8;
export const CHECKSUM_AT = 6;

export const sourcePort = (view: DataView, at: number): number => view.getUint16(at);
export const destinationPort = (view: DataView, at: number): number => view.getUint16(at + 2);
export const length = (view: DataView, at: number): number => view.getUint16(at + 4);
export const checksum = (view: DataView, at: number): number => view.getUint16(at + CHECKSUM_AT);
