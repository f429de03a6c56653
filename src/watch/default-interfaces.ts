/**
 * The interfaces of the default routes (/proc/net/route, /proc/net/ipv6_route): where nobody names one, a
 * node's underlay is most likely there. The same tables are read on every machine of a fleet, whatever its
 * interfaces are called.
 */
import { readFileSync } from 'node:fs';
import { loadLibc } from '../capture/libc.js';
import { inNetworkNamespace } from '../capture/network-namespace.js';
import type { RingPlace } from '../capture/ring.js';

/** `RTF_UP` and `RTF_REJECT` (linux/route.h). */
const FLAG_UP = 0x0001;
const FLAG_REJECT = 0x0200;

/** Their names, each once. @throws StalesumError `not-permitted`, `usage` if there is no such namespace */
export async function defaultInterfaces({ name, networkNamespace }: RingPlace): Promise<string[]> {
  const libc = await loadLibc();
  const [ipv4, ipv6] = inNetworkNamespace(libc, networkNamespace ?? '', name, () =>
    ['route', 'ipv6_route'].map(readTable),
  );
  return [...new Set([...ofIpv4(ipv4 ?? ''), ...ofIpv6(ipv6 ?? '')])];
}

function readTable(name: string): string {
  try {
    return readFileSync(`/proc/thread-self/net/${name}`, 'utf8');
  } catch {
    // A kernel without IPv6 has no table of it.
    return '';
  }
}

/** Columns: interface, destination, gateway, flags, ..., mask at 7. */
export function ofIpv4(table: string): string[] {
  return rows(table).flatMap(([device = '', destination, , flags = '', , , , mask]) =>
    Number(destination) === 0 && mask === '00000000' && isUsed(flags) ? [device] : [],
  );
}

/** Columns: destination, its prefix length, source, its length, next hop, metric, ..., flags at 8, interface. */
export function ofIpv6(table: string): string[] {
  return rows(table).flatMap(([destination = '', length, , , , , , , flags = '', device = '']) =>
    /^0{32}$/.test(destination) && length === '00' && isUsed(flags) ? [device] : [],
  );
}

function isUsed(flags: string): boolean {
  const bits = Number.parseInt(flags, 16);
  return (bits & FLAG_UP) !== 0 && (bits & FLAG_REJECT) === 0;
}

function rows(table: string): string[][] {
  return table.split('\n').map(line => line.trim().split(/\s+/));
}
