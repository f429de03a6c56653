/** Endpoints as /proc/net/tcp and its kin print them. */
import { formatAddress } from '../wire/address.js';

/**
 * `0100007F:1F90` as address and port. The address is the kernel's 32-bit words in the machine's own byte
 * order, taken for little-endian, which all machines that run Kubernetes but s390x are. An IPv4 address
 * mapped into IPv6 is an IPv4 one. `undefined` for other text.
 */
export function endpointOfHex(text: string): readonly [string, number] | undefined {
  const match = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/i.exec(text);
  if (!match) return undefined;
  const [, digits = '', port = ''] = match;
  const words = digits.match(/.{8}/g) ?? [];
  const view = new DataView(new ArrayBuffer(4 * words.length));
  for (const [index, word] of words.entries()) {
    view.setUint32(4 * index, Number.parseInt(word, 16), true);
  }
  const mapped = words.length === 4 && /^0{16}FFFF0000/i.test(digits);
  const address = mapped ? formatAddress(view, 12, 4) : formatAddress(view, 0, 4 * words.length);
  return [address, Number.parseInt(port, 16)];
}
