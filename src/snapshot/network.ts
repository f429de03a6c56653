/**
 * A node's addresses, routes and VXLAN devices, from `ip` and `bridge` as text or as JSON (`-j`), in
 * any order and any number of files.
 */
import { parseIpJson } from './ip-json.js';
import { parseLinks, type VxlanDevice } from './links.js';

export interface InterfaceAddress {
  readonly device: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly scope: string;
  readonly secondary: boolean;
}

export interface Route {
  /** `10.244.1.0/24`; a lone address; `default`. */
  readonly destination: string;
  readonly family: 'ip' | 'ip6';
  readonly device: string;
  readonly gateway: string | undefined;
  /** The address that packets without one get (`src`). */
  readonly source: string | undefined;
  /** `unicast`, `local`, `broadcast`, `blackhole` ... */
  readonly type: string;
  readonly metric: number;
  /** `main`, `local`, or another, which only a routing rule leads to. */
  readonly table: string;
}

/** Where a VXLAN device, or a neighbour's entry, sends frames. */
export interface Forwarding {
  /** Neighbour's address to its MAC. */
  readonly neighbours: ReadonlyMap<string, string>;
  /** MAC to the address of the VTEP behind it. */
  readonly vteps: ReadonlyMap<string, string>;
}

export interface Network extends Forwarding {
  readonly vxlan: readonly VxlanDevice[];
  readonly addresses: readonly InterfaceAddress[];
  readonly routes: readonly Route[];
}

export const EMPTY_NETWORK: Network = {
  vxlan: [],
  addresses: [],
  routes: [],
  neighbours: new Map(),
  vteps: new Map(),
};

/** Puts together what several files say; nothing is lost if they say it twice. */
export function parseNetwork(texts: readonly string[]): Network {
  const parts = texts.map(text => (/^\s*\[/.test(text) ? parseIpJson(text) : parseIpText(text)));
  return {
    vxlan: unique(
      parts.flatMap(({ vxlan }) => vxlan),
      ({ name }) => name,
    ),
    addresses: unique(
      parts.flatMap(({ addresses }) => addresses),
      ({ device, address }) => `${device} ${address}`,
    ),
    routes: unique(
      parts.flatMap(({ routes }) => routes),
      route => JSON.stringify(route),
    ),
    neighbours: new Map(parts.flatMap(({ neighbours }) => [...neighbours])),
    vteps: new Map(parts.flatMap(({ vteps }) => [...vteps])),
  };
}

/** The first of each, in order. */
function unique<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...new Map([...items].reverse().map(item => [key(item), item])).values()].reverse();
}

function parseIpText(text: string): Network {
  const lines = text.split('\n');
  return {
    vxlan: parseLinks(text).vxlan,
    addresses: textAddresses(text),
    routes: lines.flatMap((line, index) => textRoute(line, lines[index + 1] ?? '')),
    neighbours: new Map(
      [...text.matchAll(/^(\S+) dev \S+ lladdr ([0-9a-f:]{17})/gm)].map(found => [
        found[1] ?? '',
        found[2] ?? '',
      ]),
    ),
    vteps: new Map(
      [...text.matchAll(/^([0-9a-f:]{17}) (?:dev \S+ )?dst ([0-9a-f.:]+)/gm)].map(found => [
        found[1] ?? '',
        found[2] ?? '',
      ]),
    ),
  };
}

function textAddresses(text: string): InterfaceAddress[] {
  return text.split(/^(?=\d+: )/m).flatMap(block => {
    const device = /^\d+: ([^:@\s]+)/.exec(block)?.[1];
    if (device === undefined) return [];
    const lines = /^\s+inet6? ([0-9a-f.:]+)(?: peer \S+?)?(?:\/(\d+))?\b(.*)$/gm;
    return [...block.matchAll(lines)].map(([, address = '', length, rest = '']) => ({
      device,
      address,
      prefixLength: Number(length ?? (address.includes(':') ? 128 : 32)),
      scope: / scope (\S+)/.exec(rest)?.[1] ?? 'global',
      secondary: / secondary\b/.test(rest),
    }));
  });
}

const ROUTE_TYPES =
  /^(?:(unicast|local|broadcast|multicast|anycast|blackhole|unreachable|prohibit|throw) )?(default|[0-9a-f.:]+(?:\/\d+)?) (.*)$/;

/** A line of `ip route`; the hops of a route with several follow on lines of their own. */
function textRoute(line: string, following: string): Route[] {
  const match = ROUTE_TYPES.exec(line);
  if (!match) return [];
  const [, type = 'unicast', destination = '', rest = ''] = match;
  const words = ` ${rest} ${rest.includes(' dev ') ? '' : following.trim()} `;
  const value = (key: string) => new RegExp(` ${key} (\\S+)`).exec(words)?.[1];
  const device = value('dev');
  if (device === undefined || / lladdr /.test(words)) return [];
  const gateway = value('via');
  const sample = destination === 'default' ? (gateway ?? value('src') ?? '') : destination;
  return [
    {
      destination,
      family: sample.includes(':') ? 'ip6' : 'ip',
      device,
      gateway,
      source: value('src'),
      type,
      metric: Number(value('metric') ?? 0),
      table: value('table') ?? 'main',
    },
  ];
}
