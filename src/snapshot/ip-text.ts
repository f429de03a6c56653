/** The text of `ip -d link`, `ip address`, `ip route`, `ip neighbour` and `bridge fdb`, in any order. */
import { parseLinks } from './links.js';
import type { InterfaceAddress, Network, Route } from './network.js';

/** Lines that are none of these are passed over. */
export function parseIpText(text: string): Network {
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
  const words = ` ${rest} ${/(?:^| )dev /.test(rest) ? '' : following.trim()} `;
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
