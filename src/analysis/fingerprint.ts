/**
 * A hash that names an inner packet wherever it is captured: on the overlay before encapsulation, in
 * the tunnel, and on the peer's overlay behind it.
 */
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/ip.js';
import type { Packet } from '../wire/packet.js';
import * as tcp from '../wire/tcp.js';
import * as udp from '../wire/udp.js';

/** Enough to hold every TCP header; what is behind it tells no SYN from another. */
const TRANSPORT_BYTES = 60;

/**
 * FNV-1a (32 bits) over addresses, IP identification and the start of the transport packet. Left out
 * is what changes under way: TTL, header checksum, traffic class, and the transport checksum, which
 * offload may not have finished yet.
 */
export function fingerprint(bytes: Uint8Array, packet: Packet): number {
  const { ip } = packet;
  let hash = 0x811c9dc5;
  const mix = (from: number, to: number) => {
    for (let at = from; at < to; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  };
  mix(ip.sourceAt, ip.sourceAt + ip.addressLength);
  mix(ip.destinationAt, ip.destinationAt + ip.addressLength);
  if (ip.version === 4) mix(ip.start + 4, ip.start + 6);
  const end = Math.min(ip.end, packet.capturedEnd, ip.payload + TRANSPORT_BYTES);
  const checksumAt = ip.payload + checksumOffset(ip.protocol);
  mix(ip.payload, Math.min(checksumAt, end));
  mix(Math.min(checksumAt + 2, end), end);
  return hash >>> 0;
}

function checksumOffset(protocol: number): number {
  if (protocol === PROTOCOL_TCP) return tcp.CHECKSUM_AT;
  return protocol === PROTOCOL_UDP ? udp.CHECKSUM_AT : 0;
}
