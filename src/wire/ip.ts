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
  /** Offset of this fragment's payload in the whole packet's, in bytes; 0 for the first or only one. */
  fragmentOffset: number;
  moreFragments: boolean;
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
    fragmentOffset: 0,
    moreFragments: false,
  };
}

/** Whether the payload is only a part of the packet's. */
export function isFragment(layer: IpLayer): boolean {
  return layer.moreFragments || layer.fragmentOffset !== 0;
}
