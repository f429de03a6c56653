/** Where a packet goes, and which address it gets: the parts of Linux' routing that rules see. */
import type { InterfaceAddress, Network, Route } from '../snapshot/network.js';
import { addressNumber, addressPattern, familyOf, inPrefix } from './address.js';

/** Routes of one prefix length, by the bits of their network. */
interface Length {
  readonly bits: number;
  readonly routes: ReadonlyMap<bigint, Route>;
}

type Family = 'ip' | 'ip6';

/** A node's routes and addresses in an order for looking up, and what was looked up already. */
interface Lookup {
  /** Table `local` first, then `main`; in each the longest prefixes first. */
  readonly lengths: Readonly<Record<Family, readonly Length[]>>;
  readonly own: ReadonlySet<string>;
  readonly usable: Readonly<Record<Family, readonly InterfaceAddress[]>>;
  readonly found: Map<string, Route | undefined>;
  readonly types: Map<string, string>;
  readonly selected: Map<string, string | undefined>;
}

const lookups = new WeakMap<Network, Lookup>();
/** Thousands of services ask for the same few addresses; past this we begin anew. */
const REMEMBERED = 100_000;

function lookupOf(network: Network): Lookup {
  const known = lookups.get(network);
  if (known) return known;
  const lookup: Lookup = {
    lengths: { ip: lengthsOf(network, 'ip'), ip6: lengthsOf(network, 'ip6') },
    own: new Set(network.addresses.map(({ address }) => address)),
    usable: { ip: usableAddresses(network, 'ip'), ip6: usableAddresses(network, 'ip6') },
    found: new Map(),
    types: new Map(),
    selected: new Map(),
  };
  lookups.set(network, lookup);
  return lookup;
}

function remember<T>(known: Map<string, T>, key: string, value: T): T {
  if (known.size >= REMEMBERED) known.clear();
  known.set(key, value);
  return value;
}

function lengthsOf({ routes }: Network, family: Family): Length[] {
  const width = family === 'ip' ? 32 : 128;
  const tables = ['local', 'main'].map(table => {
    const lengths = new Map<number, Map<bigint, Route>>();
    for (const route of routes) {
      const network = route.table === table && route.family === family && networkOf(route, width);
      if (!network) continue;
      const same = lengths.get(network.bits) ?? new Map<bigint, Route>();
      lengths.set(network.bits, same);
      const other = same.get(network.number);
      // Of two routes to one network the lower metric wins, else the one listed first.
      if (!other || route.metric < other.metric) same.set(network.number, route);
    }
    return [...lengths].map(([bits, same]) => ({ bits, routes: same }));
  });
  return tables.flatMap(lengths => lengths.sort((a, b) => b.bits - a.bits));
}

function networkOf({ destination }: Route, width: number) {
  if (destination === 'default') return { bits: 0, number: 0n };
  const pattern = addressPattern(destination);
  switch (pattern?.kind) {
    case 'any':
      return { bits: 0, number: 0n };
    case 'prefix':
      return { bits: pattern.bits, number: pattern.network };
    case 'exact': {
      const number = addressNumber(String(pattern.value));
      return number === undefined ? undefined : { bits: width, number };
    }
    default:
      return undefined;
  }
}

/** The route to an address: tables local and main, longest prefix, lowest metric. */
export function routeTo(network: Network, address: string): Route | undefined {
  const { lengths, found } = lookupOf(network);
  const known = found.get(address);
  if (known !== undefined || found.has(address)) return known;
  const family = familyOf(address);
  const number = addressNumber(address);
  const width = family === 'ip' ? 32 : 128;
  for (const { bits, routes } of number === undefined ? [] : lengths[family]) {
    const route = routes.get((number ?? 0n) >> BigInt(width - bits));
    if (route) return remember(found, address, route);
  }
  return remember(found, address, undefined);
}

/**
 * The address that a packet towards `hop` gets on a device: inet_select_addr() (net/ipv4/devinet.c).
 * The first primary address whose network has the hop, else the first; else one of another device.
 */
export function selectAddress(network: Network, device: string, hop: string): string | undefined {
  const { usable, selected } = lookupOf(network);
  const key = `${device} ${hop}`;
  if (selected.has(key)) return selected.get(key);
  const candidates = usable[familyOf(hop)];
  const own = candidates.filter(address => address.device === device);
  const near = own.find(({ address, prefixLength }) => {
    const pattern = addressPattern(`${address}/${prefixLength}`);
    return pattern?.kind === 'prefix' && inPrefix(hop, pattern);
  });
  return remember(selected, key, (near ?? own[0] ?? candidates[0])?.address);
}

function usableAddresses({ addresses }: Network, family: Family): InterfaceAddress[] {
  return addresses.filter(
    ({ address, scope, secondary }) =>
      familyOf(address) === family && !secondary && scope !== 'link' && scope !== 'host',
  );
}

/** The kind of an address as `addrtype` and nft's `fib` name it: `local`, `unicast`, `multicast` ... */
export function addressType(network: Network, address: string): string {
  const { types } = lookupOf(network);
  const known = types.get(address);
  return known ?? remember(types, address, typeOf(network, address));
}

function typeOf(network: Network, address: string): string {
  if (lookupOf(network).own.has(address)) return 'local';
  if (/^127\./.test(address) || address === '::1') return 'local';
  const route = routeTo(network, address);
  if (route && route.table === 'local') return route.type;
  if (/^(22[4-9]|23\d)\.|^ff/i.test(address)) return 'multicast';
  if (address === '255.255.255.255') return 'broadcast';
  return route && route.type !== 'unicast' ? route.type : 'unicast';
}

/**
 * The same with only the addresses of one device in view: what is local on another one is `unicast`
 * (inet_dev_addr_type(), net/ipv4/fib_frontend.c).
 */
export function addressTypeOn(network: Network, address: string, device: string): string {
  const type = addressType(network, address);
  if (type !== 'local') return type;
  const own = network.addresses.some(other => other.address === address && other.device === device);
  return own ? 'local' : 'unicast';
}
