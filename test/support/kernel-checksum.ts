/**
 * What the kernel does to a checksum field when NAT rewrites an address or a port, written out from
 * net/core/utils.c and include/net/checksum.h with 32-bit sums as there, in network byte order. This is the
 * source of the expected values in tests of port recovery; it shares nothing with src/wire.
 */

/** csum_add(): 32-bit addition with end-around carry. */
function csumAdd(a: number, b: number): number {
  const sum = a + b;
  return sum > 0xffff_ffff ? (sum % 0x1_0000_0000) + 1 : sum;
}

const csumNot = (a: number): number => 0xffff_ffff - a;

/** csum_sub(): csum_add(csum, ~addend). */
const csumSub = (a: number, b: number): number => csumAdd(a, csumNot(b));

/** csum_fold(): to 16 bits, complemented. */
function csumFold(sum: number): number {
  let folded = (sum % 0x10000) + Math.floor(sum / 0x10000);
  folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return 0xffff - folded;
}

const not16 = (value: number): number => 0xffff - value;

/** CHECKSUM_PARTIAL: the device has still to finish the packet's checksum. */
export type Summed = 'partial' | 'none';

/** `inet_proto_csum_replace4(sum, skb, from, to, pseudohdr)`; `from` and `to` are 32-bit. */
export function replace4(
  sum: number,
  summed: Summed,
  from: number,
  to: number,
  pseudohdr: boolean,
): number {
  // csum_replace4(): ~csum_fold(...) of the complemented field.
  if (summed !== 'partial') return csumFold(csumAdd(csumSub(not16(sum), from), to));
  // *sum = ~csum_fold(csum_add(csum_sub(csum_unfold(*sum), from), to))
  if (pseudohdr) return not16(csumFold(csumAdd(csumSub(sum, from), to)));
  return sum;
}

/** `inet_proto_csum_replace2()` is the same with 16-bit values. */
export const replace2 = replace4;

/** `inet_proto_csum_replace16()` for IPv6 addresses, as four 32-bit words each. */
export function replace16(
  sum: number,
  summed: Summed,
  from: readonly number[],
  to: readonly number[],
  pseudohdr: boolean,
): number {
  const diff = [...from.map(csumNot), ...to];
  // csum_partial(diff, sizeof(diff), start)
  const partial = (start: number) => diff.reduce(csumAdd, start);
  if (summed !== 'partial') return csumFold(partial(not16(sum)));
  if (pseudohdr) return not16(csumFold(partial(sum)));
  return sum;
}

export interface Rewrite {
  readonly summed: Summed;
  /** Source address before and after, as 32-bit words: one of IPv4, four of IPv6. */
  readonly address: readonly [from: readonly number[], to: readonly number[]];
  readonly port: readonly [from: number, to: number];
}

/**
 * `udp_manip_pkt()` of net/netfilter/nf_nat_proto.c: the field after a SNAT. Before ea64d8d6c675 a
 * field of 0 was updated too where the packet was CHECKSUM_PARTIAL.
 */
export function udpManipPkt(check: number, rewrite: Rewrite, before5dot7: boolean): number {
  const update = check !== 0 || (before5dot7 && rewrite.summed === 'partial');
  if (!update) return check;
  const [from, to] = rewrite.address;
  const moved =
    from.length === 1
      ? replace4(check, rewrite.summed, from[0]!, to[0]!, true)
      : replace16(check, rewrite.summed, from, to, true);
  const [oldPort, newPort] = rewrite.port;
  const result = replace2(moved, rewrite.summed, oldPort, newPort, false);
  // CSUM_MANGLED_0
  return result === 0 ? 0xffff : result;
}
