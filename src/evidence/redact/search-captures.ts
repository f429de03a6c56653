/**
 * Looks for originals in a capture of the copy: every address that its headers show must be one that was
 * written, payload must be gone, and no original MAC or IPv6 address may stand anywhere in a frame's
 * bytes. Four bytes of an IPv4 address turn up by chance in sequence numbers, times and checksums, so they
 * are looked for where an address can stand; elsewhere it counts that there is nothing but such numbers.
 */
import { readCaptureFile } from '../../capture-file/file.js';
import type { CapturedFrame } from '../../capture-file/frame.js';
import { ETHERTYPE_ETHERNET, ethertypeOffset, HEADER_LENGTH } from '../../wire/ethernet.js';
import * as geneve from '../../wire/geneve.js';
import { type IpLayer, isFragment, PROTOCOL_TCP, PROTOCOL_UDP } from '../../wire/ip.js';
import { LINKTYPE_ETHERNET } from '../../wire/link-layer.js';
import { emptyPacket, innerCapturedEnd, walkPacket } from '../../wire/packet.js';
import * as tcp from '../../wire/tcp.js';
import * as udp from '../../wire/udp.js';
import * as vxlan from '../../wire/vxlan.js';
import { formatIp, hexOf } from './address-bytes.js';
import type { AddressKind, AddressMap } from './address-map.js';
import { isLeak } from './search-text.js';

/** What was found of one capture. */
export interface CaptureSearch {
  /** One line each, with the frame's number; bounded. */
  readonly left: readonly string[];
  /** Names and descriptions of interfaces. */
  readonly names: readonly string[];
  /** Comments, which are sentences of our own about what is in the copy. */
  readonly comments: readonly string[];
}

const MOST_FINDINGS = 20;
const ETHERTYPE_ARP = 0x0806;
/** In front of it, a UDP payload may have the mark that tells datagrams apart. */
const MARK_LENGTH = 4;

/** Searches the capture at `path`; a file without even a header holds nothing. */
export async function searchCapture(
  path: string,
  addresses: AddressMap,
  tunnelPorts: ReadonlySet<number>,
): Promise<CaptureSearch> {
  const left: string[] = [];
  const patterns = new BytePatterns(addresses);
  const summary = await readCaptureFile(
    path,
    frame => {
      if (left.length >= MOST_FINDINGS) return;
      const found = [
        ...patterns.within(frame.bytes, frame.start, frame.end),
        ...searchHeaders(frame, addresses, tunnelPorts),
      ];
      for (const what of found) left.push(`frame ${frame.number}: ${what}`);
    },
    { sha256: false },
  );
  const names = summary.interfaces.flatMap(({ name, description, filter, os }) => [
    name ?? '',
    description ?? '',
    filter ?? '',
    os ?? '',
  ]);
  return { left, names, comments: summary.comments.map(({ text }) => text) };
}

function searchHeaders(
  frame: CapturedFrame,
  addresses: AddressMap,
  tunnelPorts: ReadonlySet<number>,
): string[] {
  const { bytes, view, start, end, linkType, originalLength } = frame;
  const found: string[] = [];
  const check = (kind: AddressKind, at: number, length: number, stop: number) => {
    if (at + length > stop) return;
    const address = bytes.slice(at, at + length);
    if (addresses.isWritten(kind, address) || address.every(byte => byte === 0)) return;
    found.push(`${kind === 'mac' ? hexOf(address, ':') : formatIp(address)} was not written`);
  };
  const ethernet = (at: number, stop: number) => {
    if (at + HEADER_LENGTH > stop) return;
    check('mac', at, 6, stop);
    check('mac', at + 6, 6, stop);
    const ethertype = ethertypeOffset(view, at, stop);
    if (ethertype < 0 || view.getUint16(ethertype) !== ETHERTYPE_ARP) return;
    check('ip', ethertype + 2 + 14, 4, stop);
    check('ip', ethertype + 2 + 24, 4, stop);
  };
  const ip = (layer: IpLayer) => {
    check('ip', layer.sourceAt, layer.addressLength, end);
    check('ip', layer.destinationAt, layer.addressLength, end);
  };
  if (linkType === LINKTYPE_ETHERNET) ethernet(start, end);
  const packet = emptyPacket();
  const kind = walkPacket(view, start, end, linkType, tunnelPorts, packet, originalLength);
  if (kind === 'none') return found;
  if (kind === 'tunnel') {
    ip(packet.outer);
    const header = packet.udp + udp.HEADER_LENGTH;
    const isGeneve = packet.encapsulation === 'geneve';
    const inner = header + (isGeneve ? geneve.headerLength(view, header) : vxlan.HEADER_LENGTH);
    const type = isGeneve ? geneve.payloadType(view, header) : vxlan.payloadType(view, header);
    if (type === ETHERTYPE_ETHERNET) ethernet(inner, innerCapturedEnd(packet));
  }
  if (packet.ip.version === 0) return found;
  ip(packet.ip);
  if (hasPayload(view, packet.ip, kind === 'tunnel' ? innerCapturedEnd(packet) : end)) {
    found.push('payload is left');
  }
  return found;
}

/** Whether anything but zeros stands behind the transport header. */
function hasPayload(view: DataView, ip: IpLayer, capturedEnd: number): boolean {
  const stop = Math.min(ip.end, capturedEnd);
  if (isFragment(ip)) return false;
  let at = ip.payload;
  if (ip.protocol === PROTOCOL_UDP) at += udp.HEADER_LENGTH + MARK_LENGTH;
  else if (ip.protocol === PROTOCOL_TCP) {
    if (at + tcp.MIN_HEADER_LENGTH > stop) return false;
    at += Math.max(tcp.headerLength(view, at), tcp.MIN_HEADER_LENGTH);
  } else return false;
  for (; at < stop; at++) if (view.getUint8(at) !== 0) return true;
  return false;
}

/** Addresses of nearly nothing but zeros are found in any row of zeros: they are left to the headers. */
const FEWEST_NONZERO = 3;

/** Original MAC and IPv6 addresses as bytes, looked for at every offset. */
class BytePatterns {
  readonly #byLength = new Map<number, Set<string>>();
  /** Whether a pattern ends with these two bytes: nearly every offset is done with after one look. */
  readonly #endings = new Uint8Array(65536);

  constructor(addresses: AddressMap) {
    for (const kind of ['mac', 'ip'] as const) {
      for (const [original] of addresses.replacements(kind)) {
        const nonzero = original.filter(byte => byte !== 0).length;
        if (original.length === 4 || nonzero < FEWEST_NONZERO) continue;
        if (!isLeak(addresses, kind, original)) continue;
        const { length } = original;
        this.#byLength.set(length, (this.#byLength.get(length) ?? new Set()).add(hexOf(original)));
        this.#endings[(original[length - 2]! << 8) | original[length - 1]!] = 1;
      }
    }
  }

  within(bytes: Uint8Array, start: number, end: number): string[] {
    const found: string[] = [];
    for (let last = start + 1; last < end; last++) {
      if (this.#endings[(bytes[last - 1]! << 8) | bytes[last]!] !== 1) continue;
      for (const [length, patterns] of this.#byLength) {
        const from = last + 1 - length;
        if (from < start) continue;
        const digits = hexOf(bytes.subarray(from, last + 1));
        if (patterns.has(digits)) found.push(`the bytes ${digits}`);
      }
    }
    return found;
  }
}
