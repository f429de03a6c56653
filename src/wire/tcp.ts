/**
 * TCP (RFC 9293) with the timestamps option (RFC 7323).
 *
 *     0     source port        2     destination port
 *     4     sequence number    8     acknowledgment number
 *     12    data offset in 4-byte words, flags                      14    window
 *     16    checksum           18    urgent pointer                 20    options
 */

export const MIN_HEADER_LENGTH = 20;
export const CHECKSUM_AT = 16;

export const FLAG_FIN = 0x01;
export const FLAG_SYN = 0x02;
export const FLAG_RST = 0x04;
export const FLAG_ACK = 0x10;

const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_TIMESTAMPS = 8;
const TIMESTAMPS_LENGTH = 10;

export const sourcePort = (view: DataView, at: number): number => view.getUint16(at);
export const destinationPort = (view: DataView, at: number): number => view.getUint16(at + 2);
export const sequence = (view: DataView, at: number): number => view.getUint32(at + 4);
export const acknowledgment = (view: DataView, at: number): number => view.getUint32(at + 8);
export const headerLength = (view: DataView, at: number): number =>
  (view.getUint8(at + 12) >>> 4) * 4;
export const flags = (view: DataView, at: number): number => view.getUint8(at + 13);
export const checksum = (view: DataView, at: number): number => view.getUint16(at + CHECKSUM_AT);

/**
 * Offset of the timestamps option's value (TSval u32, TSecr u32) in the header at `at`, whose
 * captured bytes end at `end`; -1 where there is none.
 */
export function timestampsOffset(view: DataView, at: number, end: number): number {
  const stop = Math.min(at + headerLength(view, at), end);
  let option = at + MIN_HEADER_LENGTH;
  while (option < stop) {
    const kind = view.getUint8(option);
    if (kind === OPTION_END) return -1;
    if (kind === OPTION_NOP) {
      option += 1;
      continue;
    }
    if (option + 2 > stop) return -1;
    const length = view.getUint8(option + 1);
    if (length < 2 || option + length > stop) return -1;
    if (kind === OPTION_TIMESTAMPS && length === TIMESTAMPS_LENGTH) return option + 2;
    option += length;
  }
  return -1;
}
