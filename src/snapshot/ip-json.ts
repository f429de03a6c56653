/** `ip -d -j link`, `ip -j address`, `ip -j route`, `ip -j neighbour`, `bridge -j fdb`. */
import { messageOf, StalesumError } from '../errors.js';
import type { VxlanDevice } from './links.js';
import type { InterfaceAddress, Network, Route } from './network.js';

type Entry = Readonly<Record<string, unknown>>;

/** @throws StalesumError `bad-input` if the text is no JSON list */
export function parseIpJson(text: string): Network {
  const entries = parseList(text);
  return {
    vxlan: entries.flatMap(vxlanDevice),
    addresses: entries.flatMap(addressesOf),
    routes: entries.flatMap(route),
    neighbours: new Map(entries.flatMap(entry => pair(entry, 'dst', 'lladdr'))),
    vteps: new Map(entries.flatMap(entry => pair(entry, 'mac', 'dst'))),
  };
}

function parseList(text: string): Entry[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (thrown) {
    throw new StalesumError('bad-input', `expected the JSON of ip -j: ${messageOf(thrown)}`);
  }
  return Array.isArray(json) ? json.filter(isEntry) : [];
}

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function child(entry: Entry, key: string): Entry {
  const value = entry[key];
  return isEntry(value) ? value : {};
}

function textAt(entry: Entry, key: string): string | undefined {
  const value = entry[key];
  return typeof value === 'string' ? value : undefined;
}

function numberAt(entry: Entry, key: string): number | undefined {
  const value = entry[key];
  return typeof value === 'number' ? value : undefined;
}

function flagAt(entry: Entry, key: string): boolean | undefined {
  const value = entry[key];
  return typeof value === 'boolean' ? value : undefined;
}

function vxlanDevice(entry: Entry): VxlanDevice[] {
  const info = child(entry, 'linkinfo');
  const name = textAt(entry, 'ifname');
  if (info.info_kind !== 'vxlan' || name === undefined) return [];
  const data = child(info, 'info_data');
  const range = child(data, 'port_range');
  const [low, high] = [numberAt(range, 'low') ?? 0, numberAt(range, 'high') ?? 0];
  return [
    {
      name,
      vni: numberAt(data, 'id') ?? 0,
      port: numberAt(data, 'port') ?? 8472,
      local: textAt(data, 'local') ?? textAt(data, 'local6'),
      underlay: textAt(data, 'link'),
      sourcePorts: high > 0 ? { low, high } : undefined,
      udpChecksum: flagAt(data, 'udp_csum'),
      udp6ZeroChecksumTx: flagAt(data, 'udp_zero_csum6_tx'),
      udp6ZeroChecksumRx: flagAt(data, 'udp_zero_csum6_rx'),
    },
  ];
}

function addressesOf(entry: Entry): InterfaceAddress[] {
  const device = textAt(entry, 'ifname');
  const list = entry.addr_info;
  if (device === undefined || !Array.isArray(list)) return [];
  return list.filter(isEntry).flatMap(info => {
    const address = textAt(info, 'local');
    if (address === undefined) return [];
    return [
      {
        device,
        address,
        prefixLength: numberAt(info, 'prefixlen') ?? (address.includes(':') ? 128 : 32),
        scope: textAt(info, 'scope') ?? 'global',
        secondary: info.secondary === true,
      },
    ];
  });
}

function route(entry: Entry): Route[] {
  const destination = textAt(entry, 'dst');
  const hops = entry.nexthops;
  const hop = Array.isArray(hops) ? hops.find(isEntry) : undefined;
  const device = textAt(entry, 'dev') ?? (hop && textAt(hop, 'dev'));
  const isRoute = 'flags' in entry || 'protocol' in entry || 'scope' in entry;
  if (destination === undefined || device === undefined || 'lladdr' in entry || !isRoute) return [];
  const via = child(entry, 'via');
  const gateway =
    textAt(entry, 'gateway') ?? textAt(via, 'host') ?? (hop && textAt(hop, 'gateway'));
  const source = textAt(entry, 'prefsrc');
  const sample = destination === 'default' ? (gateway ?? source ?? '') : destination;
  return [
    {
      destination,
      family: sample.includes(':') ? 'ip6' : 'ip',
      device,
      gateway,
      source,
      type: textAt(entry, 'type') ?? 'unicast',
      metric: numberAt(entry, 'metric') ?? 0,
      table: textAt(entry, 'table') ?? 'main',
    },
  ];
}

function pair(entry: Entry, from: string, to: string): [string, string][] {
  const [key, value] = [textAt(entry, from), textAt(entry, to)];
  return key === undefined || value === undefined ? [] : [[key, value]];
}
