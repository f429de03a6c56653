/**
 * The pseudo-header that TCP and UDP checksums cover: source and destination address, protocol and
 * length of the transport packet (RFC 9293 section 3.1, RFC 768, RFC 8200 section 8.1).
 */
import { sumWords } from './checksum.js';
import type { IpLayer } from './ip.js';

/**
 * Plain sum of the pseudo-header.
 *
 * Under checksum offload the kernel leaves its folded, *not complemented* form in the checksum field
 * (`~csum_tcpudp_magic()`, CHECKSUM_PARTIAL in include/linux/skbuff.h) for the device to complete.
 *
 * @param length of the transport header and data, in bytes. Lengths above 65535 (BIG TCP) count with
 *   both their words, as the kernel adds them.
 */
export function pseudoHeaderSum(view: DataView, ip: IpLayer, length: number): number {
  return (
    sumWords(view, ip.sourceAt, ip.sourceAt + ip.addressLength) +
    sumWords(view, ip.destinationAt, ip.destinationAt + ip.addressLength) +
    ip.protocol +
    (length >>> 16) +
    (length & 0xffff)
  );
}
