/** ARP (RFC 826) for Ethernet and IPv4; of any other only the header is kept. */
import type { Rewriting } from './rewriting.js';

const HEADER_LENGTH = 8;
const LENGTH = 28;

/** Redacts the ARP packet at `at`. */
export function redactArp(rewriting: Rewriting, at: number, end: number): void {
  if (at + HEADER_LENGTH > end) return;
  rewriting.keep(at, at + HEADER_LENGTH);
  const lengths = rewriting.from.getUint16(at + 4);
  if (lengths !== 0x0604 || at + LENGTH > end) return;
  rewriting.mac(at + 8);
  rewriting.ip(at + 14, 4);
  rewriting.mac(at + 18);
  rewriting.ip(at + 24, 4);
}
