/** Where a packet goes, and which address it gets: the parts of Linux' routing that rules see. */
import type { Network, Route } from '../snapshot/network.js';
import { addressPattern, familyOf, inPrefix } from './address.js';
import type { Pattern } from './model.js';

const patterns = new Map<string, Pattern | undefined>();

/** The route to an address: tables local and main, longest prefix, lowest metric. */
export function routeTo(network: Network, address: string): Route | undefined {
  let best: Route | undefined;
  for (const route of network.routes) {
    if (route.table !== 'main' && route.table !== 'local') continue;
    if (!covers(route, address)) continue;
    if (!best || isBetter(route, best)) best = route;
  }
  return best;
}

function isBetter(route: Route, best: Route): boolean {
  if ((route.table === 'local') !== (best.table === 'local')) return route.table === 'local';
  const [length, other] = [lengthOf(route), lengthOf(best)];
  return length > other || (length === other && route.metric < best.metric);
}

function lengthOf({ destination }: Route): number {
  if (destination === 'default') return 0;
  const length = destination.split('/')[1];
  return length === undefined ? (destination.includes(':') ? 128 : 32) : Number(length);
}

function covers({ destination, family }: Route, address: string): boolean {
  if (family !== familyOf(address)) return false;
  if (destination === 'default') return true;
  if (!patterns.has(destination)) patterns.set(destination, addressPattern(destination));
  const pattern = patterns.get(destination);
  if (pattern?.kind === 'prefix') return inPrefix(address, pattern);
  return pattern?.kind === 'any' || (pattern?.kind === 'exact' && pattern.value === address);
}

/**
 * The address that a packet towards `hop` gets on a device: inet_select_addr() (net/ipv4/devinet.c).
 * The first primary address whose network has the hop, else the first; else one of another device.
 */
export function selectAddress(network: Network, device: string, hop: string): string | undefined {
  const family = familyOf(hop);
  const usable = network.addresses.filter(
    ({ address, scope, secondary }) =>
      familyOf(address) === family && !secondary && scope !== 'link' && scope !== 'host',
  );
  const own = usable.filter(address => address.device === device);
  const near = own.find(({ address, prefixLength }) => {
    const pattern = addressPattern(`${address}/${prefixLength}`);
    return pattern?.kind === 'prefix' && inPrefix(hop, pattern);
  });
  return (near ?? own[0] ?? usable[0])?.address;
}

/** The kind of an address as `addrtype` and nft's `fib` name it: `local`, `unicast`, `multicast` ... */
export function addressType(network: Network, address: string): string {
  if (network.addresses.some(own => own.address === address)) return 'local';
  if (/^127\./.test(address) || address === '::1') return 'local';
  const route = routeTo(network, address);
  if (route && route.table === 'local') return route.type;
  if (/^(22[4-9]|23\d)\.|^ff/i.test(address)) return 'multicast';
  if (address === '255.255.255.255') return 'broadcast';
  return route && route.type !== 'unicast' ? route.type : 'unicast';
}
