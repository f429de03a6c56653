/** Which fragments belong together (RFC 791 section 3.2, RFC 8200 section 4.5). */
import type { IpLayer } from '../../wire/ip.js';

/** Addresses, identification, and IPv4's protocol, as they stand in the original. */
export function datagramKey(bytes: Uint8Array, layer: IpLayer): string {
  const { start, sourceAt, addressLength, version, fragmentable } = layer;
  const addresses = bytes.subarray(sourceAt, sourceAt + 2 * addressLength);
  const idAt = version === 4 ? start + 4 : fragmentable - 4;
  const id = bytes.subarray(idAt, version === 4 ? idAt + 2 : idAt + 4);
  const protocol = version === 4 ? layer.protocol : -1;
  return `${protocol} ${addresses.join()} ${id.join()}`;
}

/** The same with the checksum of the first fragment: identifications come again. */
export function fragmentKey(bytes: Uint8Array, layer: IpLayer, stored: number): string {
  return `${datagramKey(bytes, layer)} ${stored}`;
}
