/**
 * From records to rows: walks a frame's headers and verifies its checksums. Without state, so that any
 * thread can do it.
 *
 * It knows the ordinary packet only: Ethernet, Linux cooked or raw IP; TCP or UDP, alone or in a VXLAN or
 * Geneve tunnel on a known port; whole, not fragmented, neither SYN nor RST; every checksum right, zero or
 * pending. Of anything else it says that it has to be looked at, which src/wire and src/analysis do. What
 * it calls ordinary must be what src/wire finds as well: test/pipeline compares them frame by frame.
 */
import {
  ABSENT,
  INNER_PARTIAL,
  MAX_INTERFACES,
  ORDINARY,
  PARTIAL,
  Record,
  Row,
  STATE_SHIFT,
  VALID,
  ZERO,
} from './layout';
import { fold, sumOf, swapped } from './sum';

const LINKTYPE_ETHERNET: u32 = 1;
const LINKTYPE_RAW: u32 = 101;
const LINKTYPE_LINUX_SLL: u32 = 113;
const LINKTYPE_LINUX_SLL2: u32 = 276;

const ETHERTYPE_IPV4: u32 = 0x0800;
const ETHERTYPE_IPV6: u32 = 0x86dd;
const ETHERTYPE_ETHERNET: u32 = 0x6558;

const TCP: u32 = 6;
const UDP: u32 = 17;
const TCP_SYN_OR_RST: u32 = 0x06;

/** Bit per UDP port, set where tunnels are expected. */
let tunnelPorts: usize = 0;
/** Random, so that nobody can write a capture whose flows all fall into one slot. */
let seed: u32 = 0;

/** What the last `readIp` found. */
let ipSource: usize = 0;
let ipAddressBytes: usize = 0;
let ipProtocol: u32 = 0;
let ipPayload: usize = 0;
let ipEnd: usize = 0;

/** What the last `judgeSegment` found: the segment's sum once its checksum is complete. */
let segmentSum: u64 = 0;

export function configureExamine(ports: usize, hashSeed: u32): void {
  tunnelPorts = ports;
  seed = hashSeed;
}

/** Makes `count` rows of the records at `index`. */
export function examine(index: usize, count: u32, rows: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const row = rows + i * Row.BYTES;
    store<u32>(row, 0, Row.FLAGS);
    examineRecord(index + i * Record.BYTES, row);
  }
}

function bigEndian16(at: usize): u32 {
  return swapped(load<u16>(at));
}

function examineRecord(record: usize, row: usize): void {
  const start: usize = load<u32>(record, Record.START);
  const end: usize = load<u32>(record, Record.END);
  const slot = load<u32>(record, Record.INTERFACE);
  if (load<u32>(record, Record.ORIGINAL_LENGTH) > <u32>(end - start)) return;
  if (end - start > 0xffff || slot >= MAX_INTERFACES) return;
  const network = networkOf(start, end, load<u16>(record, Record.LINK_TYPE));
  if (network === 0 || !readIp(network, end)) return;
  if (ipProtocol === UDP) {
    const port = bigEndian16(ipPayload + 2);
    if (load<u8>(tunnelPorts + (port >> 3)) & (1 << (port & 7))) {
      examineTunnel(slot, row);
      return;
    }
    if (mayBeTunnel(ipPayload + 8, end)) return;
  }
  const inner = judgeSegment(false);
  if (inner === ABSENT) return;
  writeKey(row, network, slot, 0);
  const state = ORDINARY | (ABSENT << STATE_SHIFT) | (inner === PARTIAL ? INNER_PARTIAL : 0);
  v128.store(row, i32x4.splat(0), Row.OUTER_SOURCE);
  store<u32>(row, 0, Row.OUTER_PORTS);
  store<u32>(row, state, Row.FLAGS);
}

/** Address of the IP packet in the frame, or 0. */
function networkOf(start: usize, end: usize, linkType: u32): usize {
  switch (linkType) {
    case LINKTYPE_ETHERNET:
      return behindEthertype(start + 12, end);
    case LINKTYPE_LINUX_SLL:
      return behindEthertype(start + 14, end);
    case LINKTYPE_LINUX_SLL2: {
      if (start + 20 >= end) return 0;
      const type = bigEndian16(start);
      return type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6 ? start + 20 : 0;
    }
    case LINKTYPE_RAW:
      return start < end ? start : 0;
    default:
      return 0;
  }
}

/** Address of the IP packet behind the ethertype at `at` and VLAN tags, or 0. */
function behindEthertype(at: usize, end: usize): usize {
  for (let type = at; type + 2 < end; type += 4) {
    const value = bigEndian16(type);
    if (value === ETHERTYPE_IPV4 || value === ETHERTYPE_IPV6) return type + 2;
    if (value !== 0x8100 && value !== 0x88a8 && value !== 0x9100) return 0;
  }
  return 0;
}

/** Reads the header of a whole TCP or UDP packet, of which at least one byte is there. */
function readIp(at: usize, end: usize): bool {
  const first: u32 = load<u8>(at);
  if (first >> 4 === 4) {
    if (at + 20 > end) return false;
    const headerLength = (first & 0x0f) * 4;
    const length = bigEndian16(at + 2);
    // Fragments: an offset, or more of them to come.
    if (headerLength < 20 || length < headerLength || bigEndian16(at + 6) & 0x3fff) return false;
    ipSource = at + 12;
    ipAddressBytes = 4;
    ipProtocol = load<u8>(at, 9);
    ipPayload = at + headerLength;
    ipEnd = at + length;
  } else {
    if (first >> 4 !== 6 || at + 40 > end) return false;
    const length = bigEndian16(at + 4);
    if (length === 0) return false;
    ipSource = at + 8;
    ipAddressBytes = 16;
    ipProtocol = load<u8>(at, 6);
    ipPayload = at + 40;
    ipEnd = ipPayload + length;
  }
  if (ipEnd > end) return false;
  if (ipProtocol === TCP) return ipPayload + 20 <= ipEnd;
  return (
    ipProtocol === UDP &&
    ipPayload + 8 <= ipEnd &&
    bigEndian16(ipPayload + 4) === <u32>(ipEnd - ipPayload)
  );
}

/** Whether a plain UDP packet's data begins like a tunnel's, as far as one must look at it. */
function mayBeTunnel(header: usize, end: usize): bool {
  if (header + 8 > end || load<u8>(header, 7) !== 0) return false;
  return load<u32>(header) === 0x08 || isGeneve(header);
}

function isGeneve(header: usize): bool {
  if (load<u8>(header) >> 6 !== 0 || (load<u8>(header, 1) & 0x3f) !== 0) return false;
  const type = bigEndian16(header + 2);
  const isDecoded =
    type === ETHERTYPE_ETHERNET || type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6;
  return isDecoded && load<u8>(header, 7) === 0;
}

/** Plain sum of the pseudo-header of the packet that was read last. */
function pseudoSum(): u64 {
  const addresses =
    ipAddressBytes === 4
      ? <u64>load<u32>(ipSource) + load<u32>(ipSource, 4)
      : sumOf(ipSource, ipSource + 32);
  return addresses + (ipProtocol << 8) + swapped(<u32>(ipEnd - ipPayload));
}

/**
 * Judges the TCP or UDP checksum of the packet that was read last: VALID, ZERO, PARTIAL, or ABSENT for a
 * packet that has to be looked at. Sets `segmentSum`, for a checksum of zero only if that `isNeeded`.
 */
function judgeSegment(isNeeded: bool): u32 {
  if (ipProtocol === TCP) {
    if (load<u8>(ipPayload, 13) & TCP_SYN_OR_RST) return ABSENT;
  } else if (load<u16>(ipPayload, 6) === 0) {
    if (isNeeded) segmentSum = sumOf(ipPayload, ipEnd);
    return ZERO;
  }
  const pseudo = pseudoSum();
  const sum = sumOf(ipPayload, ipEnd);
  segmentSum = sum;
  if (fold(pseudo + sum) === 0xffff) return VALID;
  const pending = fold(pseudo);
  const stored = <u32>load<u16>(ipPayload + (ipProtocol === TCP ? 16 : 6));
  if (stored !== pending) return ABSENT;
  segmentSum = pending ^ 0xffff;
  return PARTIAL;
}

/** Goes on with a UDP packet that was read, and whose port is a tunnel's. */
function examineTunnel(slot: u32, row: usize): void {
  const outerSource = ipSource;
  const outerAddressBytes = ipAddressBytes;
  const udp = ipPayload;
  const udpEnd = ipEnd;
  const header = udp + 8;
  if (header + 8 > udpEnd) return;
  const stored = load<u16>(udp, 6);
  const outerPseudo = stored === 0 ? 0 : pseudoSum();
  const network = insideTunnel(header, udpEnd);
  if (network === 0 || network >= udpEnd || !readIp(network, udpEnd)) return;
  const inner = judgeSegment(stored !== 0);
  if (inner === ABSENT) return;
  let outer = ZERO;
  if (stored !== 0) {
    let sum = outerPseudo + sumOf(udp, ipPayload) + segmentSum;
    if (ipEnd < udpEnd) {
      const trailer = fold(sumOf(ipEnd, udpEnd));
      sum += (ipEnd - ipPayload) & 1 ? swapped(trailer) : trailer;
    }
    if (fold(sum) === 0xffff) outer = VALID;
    else if (fold(outerPseudo) === stored) outer = PARTIAL;
    else return;
  }
  writeKey(row, network, slot, 1);
  v128.store(row, addressAt(outerSource, outerAddressBytes), Row.OUTER_SOURCE);
  store<u32>(row, load<u32>(udp), Row.OUTER_PORTS);
  const flags = ORDINARY | (outer << STATE_SHIFT) | (inner === PARTIAL ? INNER_PARTIAL : 0);
  store<u32>(row, flags, Row.FLAGS);
}

/** Address of the IP packet that the tunnel header leads to, or 0. */
function insideTunnel(header: usize, end: usize): usize {
  let type = ETHERTYPE_ETHERNET;
  let inner = header + 8;
  if (isGeneve(header)) {
    type = bigEndian16(header + 2);
    inner += (load<u8>(header) & 0x3f) * 4;
  } else {
    // The VNI must be valid, and the payload Ethernet (no generic protocol extension).
    const flags: u32 = load<u8>(header);
    if ((flags & 0x0c) !== 0x08) return 0;
  }
  return type === ETHERTYPE_ETHERNET ? behindEthertype(inner + 12, end) : inner;
}

function addressAt(at: usize, bytes: usize): v128 {
  return bytes === 4 ? v128.load32_zero(at) : v128.load(at);
}

/** Names the flow of the packet that was read last, and starts at `network`. */
function writeKey(row: usize, network: usize, slot: u32, tunnel: u32): void {
  const source = addressAt(ipSource, ipAddressBytes);
  const destination = addressAt(ipSource + ipAddressBytes, ipAddressBytes);
  const ports = load<u32>(ipPayload);
  const meta = <u32>ipAddressBytes | (ipProtocol << 8) | (tunnel << 16) | (slot << 24);
  v128.store(row, source, Row.SOURCE);
  v128.store(row, destination, Row.DESTINATION);
  // Both at once, as they are compared: to load what was stored in two parts takes a processor long.
  const rest = <u64>ports | ((<u64>meta) << 32);
  store<u64>(row, rest, Row.PORTS);
  store<u32>(row, <u32>(ipEnd - network), Row.LENGTH);
  store<u32>(row, hashOf(rest), Row.HASH);
}

/** Multiplies and shifts 64 bits at a time: both addresses, and the rest of the key. */
function hashOf(rest: u64): u32 {
  let hash: u64 = seed;
  for (let at = ipSource; at < ipSource + 2 * ipAddressBytes; at += 8) {
    hash = mix(hash, load<u64>(at));
  }
  hash = mix(hash, rest);
  return <u32>(hash ^ (hash >> 32));
}

/** Of 2^64, as an odd number. */
const GOLDEN_RATIO: u64 = (0x9e3779b9 << 32) | 0x7f4a7c15;

function mix(hash: u64, value: u64): u64 {
  const product = (hash ^ value) * GOLDEN_RATIO;
  return product ^ (product >> 29);
}
