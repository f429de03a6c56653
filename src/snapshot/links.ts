/**
 * Links and addresses from the text of `ip -d link`, `ip addr` and the like, in any order and any
 * number of times: each numbered block `N: name: <FLAGS> ...` adds to what is known of its link.
 */

export interface VxlanDevice {
  readonly name: string;
  readonly vni: number;
  /** UDP destination port. */
  readonly port: number;
  readonly local: string | undefined;
  /** The device below it, `eth0`. */
  readonly underlay: string | undefined;
  /** Source ports as given to the device, `[low, high)`; `undefined` where the system's range rules. */
  readonly sourcePorts: PortRange | undefined;
  /** Whether outer checksums are made over IPv4. */
  readonly udpChecksum: boolean | undefined;
  readonly udp6ZeroChecksumTx: boolean | undefined;
  readonly udp6ZeroChecksumRx: boolean | undefined;
}

/** Ports `low <= port < high`, as `udp_flow_src_port()` (include/net/udp.h) takes them. */
export interface PortRange {
  readonly low: number;
  readonly high: number;
}

export interface Links {
  readonly vxlan: readonly VxlanDevice[];
  /** All addresses of the node, without prefix lengths. */
  readonly addresses: ReadonlySet<string>;
  /** Kind of each link (`veth`, `bridge`), where `ip -d` said it. */
  readonly kinds: ReadonlyMap<string, string>;
}

const KINDS = /^\s{4}(veth|bridge|bond|vlan|dummy|ipvlan|macvlan|tun|geneve|virtio_net|vmxnet3)\b/m;

/** Parses the text of `ip` (not its JSON). Nothing found gives empty sets, not an error. */
export function parseLinks(text: string): Links {
  const vxlan = new Map<string, VxlanDevice>();
  const addresses = new Set<string>();
  const kinds = new Map<string, string>();
  for (const block of text.split(/^(?=\d+: )/m)) {
    const name = /^\d+: ([^:@\s]+)/.exec(block)?.[1];
    if (!name) continue;
    const device = parseVxlan(name, block);
    if (device) vxlan.set(name, device);
    const kind = device ? 'vxlan' : KINDS.exec(block)?.[1];
    if (kind) kinds.set(name, kind);
    for (const match of block.matchAll(/^[ \t]+inet6? ([0-9a-f.:]+)/gm))
      addresses.add(match[1] ?? '');
  }
  return { vxlan: [...vxlan.values()], addresses, kinds };
}

function parseVxlan(name: string, block: string): VxlanDevice | undefined {
  const details = /^[ \t]+vxlan (?:external )?id (\d+) (.*)$/m.exec(block);
  if (!details) return undefined;
  const words = ` ${details[2]} `;
  const value = (key: string) => new RegExp(` ${key} (\\S+)`).exec(words)?.[1];
  const range = / srcport (\d+) (\d+)/.exec(words);
  const [low, high] = [Number(range?.[1] ?? 0), Number(range?.[2] ?? 0)];
  return {
    name,
    vni: Number(details[1]),
    port: Number(value('dstport') ?? 8472),
    local: value('local') ?? value('local6'),
    underlay: value('dev'),
    // An empty range means the system's, as `srcport 0 0` does.
    sourcePorts: high > low ? { low, high } : undefined,
    udpChecksum: flag(words, 'udpcsum'),
    udp6ZeroChecksumTx: flag(words, 'udp6zerocsumtx'),
    udp6ZeroChecksumRx: flag(words, 'udp6zerocsumrx'),
  };
}

function flag(words: string, name: string): boolean | undefined {
  if (words.includes(` no${name} `)) return false;
  return words.includes(` ${name} `) ? true : undefined;
}
