/**
 * Which address stands for which: IPv4, IPv6 and MAC, by the key. Addresses that say what they are and
 * not whose stay as they are (`0.0.0.0`, `127.0.0.1`, groups); those of a private range stay in that
 * range, so that nothing private comes out as somebody's public address.
 */
import { masked, parseAddress } from './address-bytes.js';
import {
  type AddressBlock,
  type Permutation,
  prefixPreserving,
  sharesBits,
} from './prefix-preserving.js';

const block = (text: string, kind: AddressBlock['kind'] = 'own'): AddressBlock => {
  const [address = '', bits = ''] = text.split('/');
  return { prefix: parseAddress(address)!, bits: Number(bits), kind };
};

/** RFC 6890's ranges that networks are built of. Each address near one keeps the bits it shares with it. */
const IPV4_BLOCKS: readonly AddressBlock[] = [
  block('0.0.0.0/8', 'kept'),
  block('10.0.0.0/8'),
  block('100.64.0.0/10'),
  block('127.0.0.0/8', 'kept'),
  block('169.254.0.0/16'),
  block('172.16.0.0/12'),
  block('192.168.0.0/16'),
  // Groups, and behind them netmasks and the broadcast address; 240/4 is in use here and there.
  block('224.0.0.0/4', 'kept'),
  block('240.0.0.0/4'),
  block('255.0.0.0/8', 'kept'),
];

const IPV6_BLOCKS: readonly AddressBlock[] = [
  block('::/96'),
  block('::ffff:0:0/96'),
  block('64:ff9b::/96'),
  block('2000::/3'),
  block('fc00::/8'),
  block('fd00::/8'),
  block('fe80::/64'),
  block('ff00::/8'),
];
/** IPv4 inside IPv6 (RFC 4291 section 2.5.5, RFC 6052): the last four bytes are mapped as such. */
const IPV4_INSIDE: readonly AddressBlock[] = IPV6_BLOCKS.slice(0, 3);

const GROUPS = block('ff00::/8');
/** Groups that a standard gave their number (RFC 4291 section 2.7: the T flag is 0). */
const STANDARD_GROUPS = block('ff00::/12');
/** The last 24 bits are those of a host's address (RFC 4291 section 2.7.1). */
const SOLICITED_NODE = block('ff02::1:ff00:0/104');
const GROUP_SCOPE_BITS = 16;

const GROUP_BIT = 0x01;
const LOCAL_BIT = 0x02;
const VENDOR_BITS = 24;

/** Keys of the maps, each of `KEY_LENGTH` bytes and for nothing else. */
export interface AddressKeys {
  readonly ipv4: Uint8Array;
  readonly ipv6: Uint8Array;
  readonly group: Uint8Array;
  readonly mac: Uint8Array;
}

export type AddressKind = 'ip' | 'mac';

/** Maps addresses, and remembers which it was asked for. Bytes are in network order. */
export class AddressMap {
  readonly #ipv4: Permutation;
  readonly #ipv6: Permutation;
  readonly #group: Permutation;
  readonly #mac: Permutation;
  readonly #ips = new Map<string, Uint8Array>();
  readonly #macs = new Map<string, Uint8Array>();
  /** What was written: replacements, and networks and ends of ranges that are no address's own. */
  readonly #written = { ip: new Set<string>(), mac: new Set<string>() };

  constructor(keys: AddressKeys) {
    this.#ipv4 = prefixPreserving(keys.ipv4, IPV4_BLOCKS);
    this.#ipv6 = prefixPreserving(keys.ipv6, IPV6_BLOCKS);
    this.#group = prefixPreserving(keys.group, []);
    this.#mac = prefixPreserving(keys.mac, []);
  }

  /** What stands for an IPv4 (4 bytes) or IPv6 (16 bytes) address. */
  ip(address: Uint8Array): Uint8Array {
    const key = keyOf(address);
    const known = this.#ips.get(key);
    if (known) return known;
    const mapped = address.length === 4 ? this.#ipv4(address) : this.#mapIpv6(address);
    this.#ips.set(key, mapped);
    this.#written.ip.add(keyOf(mapped));
    return mapped;
  }

  /** What stands for a network (an address with zeros behind its first `bits` bits). */
  network(address: Uint8Array, bits: number): Uint8Array {
    const mapped = masked(this.ip(address), bits);
    this.#written.ip.add(keyOf(mapped));
    return mapped;
  }

  /** Takes note of an address that is written although it stands for none. */
  noteWritten(address: Uint8Array): void {
    this.#written.ip.add(keyOf(address));
  }

  /** What stands for a MAC address (6 bytes). A vendor's part stays; made-up ones change throughout. */
  mac(address: Uint8Array): Uint8Array {
    const key = keyOf(address);
    const known = this.#macs.get(key);
    if (known) return known;
    const mapped = this.#mapMac(address);
    this.#macs.set(key, mapped);
    this.#written.mac.add(keyOf(mapped));
    return mapped;
  }

  /** Whether this address was asked for, and is another in the copy. */
  isOriginal(kind: AddressKind, address: Uint8Array): boolean {
    const mapped = this.#of(kind).get(keyOf(address));
    return mapped !== undefined && keyOf(mapped) !== keyOf(address);
  }

  /** Whether this address may stand in the copy: as a replacement, or kept. */
  isWritten(kind: AddressKind, address: Uint8Array): boolean {
    return this.#written[kind].has(keyOf(address));
  }

  /** All that were asked for and are others in the copy, with what stands for them. */
  *replacements(kind: AddressKind): Iterable<readonly [Uint8Array, Uint8Array]> {
    for (const [key, mapped] of this.#of(kind)) {
      if (key !== keyOf(mapped)) yield [bytesOf(key), mapped];
    }
  }

  #of(kind: AddressKind): ReadonlyMap<string, Uint8Array> {
    return kind === 'ip' ? this.#ips : this.#macs;
  }

  #mapIpv6(address: Uint8Array): Uint8Array {
    if (isIn(address, GROUPS)) return this.#mapGroup(address);
    if (!IPV4_INSIDE.some(range => isIn(address, range))) return this.#ipv6(address);
    return joined(address.subarray(0, 12), this.ip(address.slice(12)));
  }

  #mapGroup(address: Uint8Array): Uint8Array {
    if (isIn(address, SOLICITED_NODE)) {
      return joined(address.subarray(0, 13), this.#group(address.subarray(13)));
    }
    if (isIn(address, STANDARD_GROUPS)) return Uint8Array.from(address);
    const scope = GROUP_SCOPE_BITS / 8;
    return joined(address.subarray(0, scope), this.#group(address.subarray(scope)));
  }

  #mapMac(address: Uint8Array): Uint8Array {
    const [first = 0, second] = address;
    if ((first & GROUP_BIT) !== 0) {
      // 33:33:ff and 24 bits: where solicited-node groups are sent to (RFC 2464 section 7).
      const isSolicited = first === 0x33 && second === 0x33 && address[2] === 0xff;
      if (!isSolicited) return Uint8Array.from(address);
      return joined(address.subarray(0, 3), this.#group(address.subarray(3)));
    }
    if (address.every(byte => byte === 0)) return Uint8Array.from(address);
    if ((first & LOCAL_BIT) === 0) return this.#mac(address, VENDOR_BITS);
    // Still a host's address, and still one that no vendor gave.
    const mapped = this.#mac(address);
    mapped[0] = (mapped[0]! & ~(GROUP_BIT | LOCAL_BIT)) | LOCAL_BIT;
    return mapped;
  }
}

function isIn(address: Uint8Array, { prefix, bits }: AddressBlock): boolean {
  return sharesBits(address, prefix, bits);
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  return Uint8Array.of(...head, ...tail);
}

function keyOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function bytesOf(key: string): Uint8Array {
  return Uint8Array.from(key, character => character.charCodeAt(0));
}
