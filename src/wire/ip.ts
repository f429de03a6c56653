/**
 * The IP layer of a packet as the walk leaves it: offsets into the buffer, filled again for every
 * packet. IPv4 and IPv6 look the same from here on.
 */
export interface IpLayer {
  /** 4, 6, or 0 where there is no such layer. */
  version: 0 | 4 | 6;
  /** Offset of the header. */
  start: number;
  /** Offsets of the addresses; each has `addressLength` bytes (4 or 16). */
  sourceAt: number;
  destinationAt: number;
  addressLength: number;
  /** Protocol of the payload (behind extension headers): 6 TCP, 17 UDP. -1 if it cannot be known. */
  protocol: number;
  /** Offset of the payload, and of its end as the header claims it: the capture may end before. */
  payload: number;
  end: number;
  /**
   * Whether the header's length cannot be true (0, or cut to its 16 bits, as segmentation offload and
   * BIG TCP leave it), so that `end` is taken from what is around the packet. A checksum that then
   * does not fit says nothing.
   */
  assumedEnd: boolean;
  /** Offset of this fragment's payload in the whole packet's, in bytes; 0 for the first or only one. */
  fragmentOffset: number;
  moreFragments: boolean;
  /** Offset of the part that fragments share out: behind IPv4's header, or IPv6's fragment header. */
  fragmentable: number;
}

export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;

/** A layer to be filled by the walk. */
export function emptyIpLayer(): IpLayer {
  return {
    version: 0,
    start: 0,
    sourceAt: 0,
    destinationAt: 0,
    addressLength: 4,
    protocol: -1,
    payload: 0,
    end: 0,
    assumedEnd: false,
    fragmentOffset: 0,
    moreFragments: false,
    fragmentable: 0,
  };
}

/** Whether the payload is only a part of the packet's. */
export function isFragment(layer: IpLayer): boolean {
  return layer.moreFragments || layer.fragmentOffset !== 0;
}

/** The longest packet that a 16-bit length can speak of. */
const MAX_16_BIT_LENGTH = 0xffff;

/**
 * Whether a 16-bit length field cannot be true, and is known for what segmentation offload makes of
 * it: 0 (Linux since BIG TCP, and drivers before), or the lowest 16 bits of a length that has more
 * (`htons(skb->len)`, net/ipv4/udp_tunnel_core.c).
 *
 * @param room bytes from where the length counts to the end of what is around it
 */
export function isCutLength(length: number, room: number): boolean {
  return length === 0 || (room > MAX_16_BIT_LENGTH && (room & MAX_16_BIT_LENGTH) === length);
}
