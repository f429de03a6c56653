/**
 * A filter in the language of pcap-filter(7), for the engines on libpcap and for whoever reads a
 * capture afterwards.
 *
 * A VLAN tag in the bytes is looked for with `ether[...]` and not with `vlan`: that keyword is refused on
 * links without an Ethernet header, and what kind of link it is only the node knows. (A tag that the
 * kernel took out of the bytes, as it does with nearly all, is not seen by the expressions at all.)
 */
import { StalesumError } from '../errors.js';
import {
  assertPorts,
  type CaptureFilter,
  type ChecksummedFilter,
  filterWords,
  type HostFilter,
  innerAddressWords,
  portsOf,
  type TunnelFilter,
} from './filter.js';

/**
 * The expression; empty for everything.
 *
 * @throws StalesumError `usage` for a port or address that is none, or a sample, which libpcap cannot take
 */
export function pcapFilterText(filter: CaptureFilter): string {
  switch (filter.kind) {
    case 'all':
      return '';
    case 'hosts':
      return hostsText(filter);
    case 'tunnel':
      return tunnelText(filter);
    case 'checksummed':
      return checksummedText(filter);
  }
}

/**
 * The filter as a capture file says it: in a shorter form that means the same where there is one, and
 * with addresses as people (and `redact`) know them. An inner IPv6 address, for which the language has
 * only numbers, is left out.
 */
export function writtenFilter(filter: CaptureFilter): string {
  if (filter.kind === 'hosts') {
    return filter.addresses.map(address => `host ${address}`).join(' or ');
  }
  if (filter.kind !== 'tunnel' || !filter.inner?.address?.includes(':')) {
    return pcapFilterText(filter);
  }
  const { address: _, ...inner } = filter.inner;
  return pcapFilterText({ ...filter, inner });
}

/** A place in the packet: an accessor of pcap-filter, and what is added to every offset in it. */
interface Place {
  readonly protocol: 'ip' | 'ip6' | 'ether';
  readonly base: number;
  /** Lengths that stand in the packet, as expressions. */
  readonly lengths: readonly string[];
}

const IPV4: Place = { protocol: 'ip', base: 0, lengths: [] };
const IPV6: Place = { protocol: 'ip6', base: 0, lengths: [] };
const BEHIND_TAG: Place = { protocol: 'ether', base: 18, lengths: [] };
const BEHIND_TAGS: Place = { protocol: 'ether', base: 22, lengths: [] };

/** The number of `size` bytes at an offset from a place. */
function at({ protocol, base, lengths }: Place, offset: number, size: 1 | 2 | 4): string {
  const index = [...lengths, base + offset].join(' + ');
  return `${protocol}[${index}${size === 1 ? '' : `:${size}`}]`;
}

/** The place behind the IPv4 header, options included, at `offset` from another; offsets count from both. */
function behindIpv4(ip: Place, offset = 0): Place {
  return { ...ip, lengths: [...ip.lengths, `((${at(ip, offset, 1)} & 0xf) << 2)`] };
}

function tunnelText(filter: TunnelFilter): string {
  assertPorts(portsOf(filter));
  return eitherFamily(
    ip => ipv4Text(filter, ip),
    ip => ipv6Text(filter, ip),
  );
}

type FamilyText = (ip: Place) => string;

/** IPv4 and IPv6, untagged or behind one VLAN tag; `deeper` stands for what is behind one more. */
function eitherFamily(ipv4: FamilyText, ipv6: FamilyText, deeper = ''): string {
  const tagged = familyAt(16, ipv4(BEHIND_TAG), ipv6(BEHIND_TAG));
  return (
    `(ip and ${ipv4(IPV4)}) or (ip6 and ${ipv6(IPV6)}) or ` +
    `(${tagAt(12)} and (${tagged}${deeper === '' ? '' : ` or (${deeper})`}))`
  );
}

function familyAt(ethertype: number, ipv4: string, ipv6: string): string {
  return `(ether[${ethertype}:2] == 0x800 and ${ipv4}) or (ether[${ethertype}:2] == 0x86dd and ${ipv6})`;
}

function tagAt(ethertype: number): string {
  return `(ether[${ethertype}:2] == 0x8100 or ether[${ethertype}:2] == 0x88a8)`;
}

function checksummedText({ ports, sample }: ChecksummedFilter): string {
  assertPorts(ports);
  if (sample !== undefined && (sample.first > 1 || sample.other > 1)) {
    throw new StalesumError('usage', 'only the ring engine can let in a sample of what passes');
  }
  const datagram = (udp: Place) =>
    `(${ports.map(port => `${at(udp, 2, 2)} == ${port}`).join(' or ')}) and ${at(udp, 6, 2)} != 0`;
  const ipv4: FamilyText = ip =>
    `${at(ip, 9, 1)} == 17 and ${at(ip, 6, 2)} & 0x1fff == 0 and ${datagram(behindIpv4(ip))}`;
  const ipv6: FamilyText = ip => {
    const whole = `${at(ip, 6, 1)} == 17 and ${datagram({ ...ip, base: ip.base + 40 })}`;
    const firstFragment =
      `${at(ip, 6, 1)} == 44 and ${at(ip, 40, 1)} == 17 and ${at(ip, 42, 2)} & 0xfff8 == 0 and ` +
      datagram({ ...ip, base: ip.base + 48 });
    return `((${whole}) or (${firstFragment}))`;
  };
  const twice = `${tagAt(16)} and (${familyAt(20, ipv4(BEHIND_TAGS), ipv6(BEHIND_TAGS))})`;
  return eitherFamily(ipv4, ipv6, twice);
}

function hostsText({ addresses }: HostFilter): string {
  const words = addresses.map(filterWords);
  const anyOf = (texts: readonly string[]) =>
    texts.length === 0 ? '1 == 0' : `(${texts.join(' or ')})`;
  const ofLength = (length: number, text: (address: readonly number[]) => string) =>
    anyOf(words.filter(address => address.length === length).map(text));
  return eitherFamily(
    ip => ofLength(1, ([word = 0]) => either(at(ip, 12, 4), at(ip, 16, 4), hex(word))),
    ip => ofLength(4, address => eitherAddress(ip, 8, 24, address)),
  );
}

/** An IPv6 address at an offset from a place, or at another one. */
function eitherAddress(
  place: Place,
  source: number,
  destination: number,
  address: readonly number[],
): string {
  const [one, other] = [source, destination].map(start =>
    address.map((word, i) => `${at(place, start + 4 * i, 4)} == ${hex(word)}`).join(' and '),
  );
  return `((${one}) or (${other}))`;
}

function ipv4Text(filter: TunnelFilter, ip: Place): string {
  const isLaterFragment = `${at(ip, 6, 2)} & 0x1fff != 0`;
  const datagram = datagramText(filter, behindIpv4(ip));
  return `${at(ip, 9, 1)} == 17 and (${isLaterFragment} or (${datagram}))`;
}

function ipv6Text(filter: TunnelFilter, ip: Place): string {
  const next = at(ip, 6, 1);
  const datagram = datagramText(filter, { ...ip, base: ip.base + 40 });
  return `(${next} == 44 or (${next} == 17 and ${datagram}))`;
}

function datagramText(filter: TunnelFilter, udp: Place): string {
  const parts = [either(at(udp, 0, 2), at(udp, 2, 2), filter.port)];
  if (filter.inner) parts.push(innerText(filter, udp));
  return parts.join(' and ');
}

/** Behind the UDP header: 8 bytes of VXLAN, 14 of Ethernet with the ethertype at 28, the inner IP at 30. */
function innerText(filter: TunnelFilter, udp: Place): string {
  const address = innerAddressWords(filter);
  const port = filter.inner?.port;
  const families: string[] = [];
  if (address.length !== 4) families.push(innerIpv4Text(udp, address, port));
  if (address.length !== 1) families.push(innerIpv6Text(udp, address, port));
  return `(${families.map(text => `(${text})`).join(' or ')})`;
}

function innerIpv4Text(udp: Place, address: readonly number[], port: number | undefined): string {
  const parts = [`${at(udp, 28, 2)} == 0x800`];
  if (address.length > 0) parts.push(either(at(udp, 42, 4), at(udp, 46, 4), hex(address[0]!)));
  if (port !== undefined) {
    const segment = behindIpv4(udp, 30);
    const ports = either(at(segment, 30, 2), at(segment, 32, 2), port);
    parts.push(tcpOrUdp(at(udp, 39, 1)), `(${at(udp, 36, 2)} & 0x1fff != 0 or ${ports})`);
  }
  return parts.join(' and ');
}

function innerIpv6Text(udp: Place, address: readonly number[], port: number | undefined): string {
  const parts = [`${at(udp, 28, 2)} == 0x86dd`];
  if (address.length > 0) {
    parts.push(eitherAddress(udp, 38, 54, address));
  }
  if (port !== undefined) {
    const next = at(udp, 36, 1);
    const ports = either(at(udp, 70, 2), at(udp, 72, 2), port);
    parts.push(`(${next} == 44 or (${tcpOrUdp(next)} and ${ports}))`);
  }
  return parts.join(' and ');
}

function tcpOrUdp(protocol: string): string {
  return `(${protocol} == 6 or ${protocol} == 17)`;
}

function either(one: string, other: string, value: number | string): string {
  return `(${one} == ${value} or ${other} == ${value})`;
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
