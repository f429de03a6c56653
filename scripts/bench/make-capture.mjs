/**
 * The benchmark's own captures: VXLAN traffic made from a seed, with checksums that are known by
 * construction. The sums here are the bench's own, word by word, and share nothing with src/wire.
 *
 *     node scripts/bench/make-capture.mjs FILE [--packets 1000000] [--shape mixed|small] [--seed 1] [--flows 800]
 *
 * writes a pcap file and prints what is in it as JSON.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const TUNNEL_PORT = 8472;
const UDP = 17;
const TCP = 6;
const SYN = 0x02;
const ACK = 0x10;
/** Ethernet, IPv4, UDP, VXLAN, Ethernet: what stands in front of the inner IP packet. */
const INNER_AT = 14 + 20 + 8 + 8 + 14;
const OUTER_UDP_AT = 14 + 20;
const POOL_BYTES = 1 << 20;
const BUFFER_BYTES = 4 << 20;

/**
 * Lengths of frames, evenly spread from the shortest that a tunnel has, and of a thousand how many are
 * plain TCP of the shortest length (as a node speaks itself), and how many of the longest.
 */
const SHAPES = {
  mixed: { shortest: 60, longest: 1450, plain: 50, longests: 90 },
  small: { shortest: 104, longest: 166, plain: 0, longests: 0 },
};
/** How many of a thousand datagrams have which outer checksum; the rest is right. */
const ZERO = 300;
const PARTIAL = 10;
const STALE = 1;

/** Writes the capture; returns the numbers that whoever reads it must find. */
export function makeCapture(path, { packets, shape, seed, flows }) {
  const dice = diceOf(seed);
  const pool = Buffer.from(Uint32Array.from({ length: POOL_BYTES / 4 }, dice).buffer);
  const made = madeFlows(flows, dice);
  const known = {
    packets,
    bytes: 24,
    datagrams: 0,
    valid: 0,
    zero: 0,
    partial: 0,
    stale: 0,
    plain: 0,
    flows,
  };
  const descriptor = openSync(path, 'w');
  const buffer = Buffer.alloc(BUFFER_BYTES);
  let at = writeHeader(buffer);
  const { plain } = SHAPES[shape];
  for (let i = 0; i < packets; i++) {
    if (at + 2048 > buffer.length) {
      writeSync(descriptor, buffer, 0, at);
      at = 0;
    }
    const isPlain = i >= flows && dice() % 1000 < plain;
    const flow = made[i < flows ? i : dice() % flows];
    const length = isPlain ? SHAPES[shape].shortest : lengthOf(SHAPES[shape], flow, dice);
    const kind = isPlain ? 'plain' : kindOf(i < flows ? 1000 : dice() % 1000);
    writeRecordHeader(buffer, at, i, length);
    const frame = buffer.subarray(at + 16, at + 16 + length);
    pool.copy(frame, 0, dice() % (POOL_BYTES - 2048));
    if (isPlain) writePlain(frame, flow);
    else writeDatagram(frame, flow, kind, i < flows ? SYN : ACK, dice);
    known[kind]++;
    if (!isPlain) known.datagrams++;
    at += 16 + length;
    known.bytes += 16 + length;
  }
  writeSync(descriptor, buffer, 0, at);
  closeSync(descriptor);
  return known;
}

function lengthOf({ longest, longests }, { isV6 }, dice) {
  if (dice() % 1000 < longests) return longest;
  const least = INNER_AT + (isV6 ? 40 : 20) + 20;
  return least + (dice() % (longest + 1 - least));
}

function kindOf(number) {
  if (number < STALE) return 'stale';
  if (number < STALE + PARTIAL) return 'partial';
  return number < STALE + PARTIAL + ZERO ? 'zero' : 'valid';
}

/** 32-bit numbers, the same for the same seed (xorshift, Marsaglia 2003). */
function diceOf(seed) {
  let state = (seed * 2654435761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

/** Connections from one pod network to another; one of eight speaks IPv6 inside. */
function madeFlows(count, dice) {
  return Array.from({ length: count }, (_, i) => ({
    isV6: i % 8 === 7,
    host: i,
    sourcePort: 32768 + (dice() % 28000),
    destinationPort: [80, 443, 5432, 6379][i % 4],
    outerPort: 32768 + (dice() % 28000),
  }));
}

function writeHeader(buffer) {
  buffer.writeUInt32LE(0xa1b23c4d, 0);
  buffer.writeUInt16LE(2, 4);
  buffer.writeUInt16LE(4, 6);
  buffer.fill(0, 8, 16);
  buffer.writeUInt32LE(262144, 16);
  buffer.writeUInt32LE(1, 20);
  return 24;
}

/** Ten microseconds apart. */
function writeRecordHeader(buffer, at, index, length) {
  buffer.writeUInt32LE(1_795_000_000 + Math.floor(index / 100_000), at);
  buffer.writeUInt32LE((index % 100_000) * 10_000, at + 4);
  buffer.writeUInt32LE(length, at + 8);
  buffer.writeUInt32LE(length, at + 12);
}

function writeEthernet(frame, at, ethertype) {
  frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], at);
  frame.writeUInt16BE(ethertype, at + 12);
}

function writeIpv4(frame, at, protocol, source, destination, length) {
  frame.set([0x45, 0], at);
  frame.writeUInt16BE(length, at + 2);
  frame.set([0x12, 0x34, 0x40, 0, 64, protocol, 0, 0], at + 4);
  frame.set(source, at + 12);
  frame.set(destination, at + 16);
  frame.writeUInt16BE(~folded(sum(frame, at, at + 20)) & 0xffff, at + 10);
}

function writeIpv6(frame, at, protocol, host, length) {
  frame.set([0x60, 0, 0, 0], at);
  frame.writeUInt16BE(length - 40, at + 4);
  frame.set([protocol, 64], at + 6);
  frame.set([0xfd, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], at + 8);
  frame.writeUInt32BE(host, at + 20);
  frame.set([0xfd, 0x44, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2], at + 24);
}

function writeTcp(frame, at, flow, flags) {
  frame.writeUInt16BE(flow.sourcePort, at);
  frame.writeUInt16BE(flow.destinationPort, at + 2);
  frame.set([0x50, flags, 0x20, 0, 0, 0, 0, 0], at + 12);
}

function writePlain(frame, flow) {
  writeEthernet(frame, 0, 0x0800);
  writeIpv4(frame, 14, TCP, [192, 168, 50, 1], [192, 168, 50, 2], 40);
  writeTcp(frame, 34, flow, ACK);
  const pseudo = sum(frame, 26, 34) + TCP + 20;
  frame.writeUInt16BE(~folded(pseudo + sum(frame, 34, 54)) & 0xffff, 34 + 16);
  frame.fill(0, 54);
}

function writeDatagram(frame, flow, kind, flags, dice) {
  const { length } = frame;
  writeEthernet(frame, 0, 0x0800);
  writeIpv4(frame, 14, UDP, [192, 168, 50, 1], [192, 168, 50, 2], length - 14);
  frame.writeUInt16BE(flow.outerPort, OUTER_UDP_AT);
  frame.writeUInt16BE(TUNNEL_PORT, OUTER_UDP_AT + 2);
  frame.writeUInt16BE(length - OUTER_UDP_AT, OUTER_UDP_AT + 4);
  frame.writeUInt16BE(0, OUTER_UDP_AT + 6);
  frame.set([8, 0, 0, 0, 0, 0, 1, 0], OUTER_UDP_AT + 8);
  writeEthernet(frame, INNER_AT - 14, flow.isV6 ? 0x86dd : 0x0800);
  const segmentAt = INNER_AT + (flow.isV6 ? 40 : 20);
  if (flow.isV6) writeIpv6(frame, INNER_AT, TCP, flow.host, length - INNER_AT);
  else {
    const source = [10, flow.host >> 16, (flow.host >> 8) & 0xff, flow.host & 0xff];
    writeIpv4(frame, INNER_AT, TCP, source, [10, 244, 0, 2], length - INNER_AT);
  }
  writeTcp(frame, segmentAt, flow, flags);
  const addresses = flow.isV6
    ? sum(frame, INNER_AT + 8, INNER_AT + 40)
    : sum(frame, INNER_AT + 12, INNER_AT + 20);
  const innerPseudo = folded(addresses + TCP + length - segmentAt);
  const innerRight = ~folded(innerPseudo + sum(frame, segmentAt, length)) & 0xffff;
  frame.writeUInt16BE(kind === 'partial' ? innerPseudo : innerRight, segmentAt + 16);
  writeOuterChecksum(frame, kind, dice);
}

function writeOuterChecksum(frame, kind, dice) {
  const { length } = frame;
  if (kind === 'zero') return;
  const pseudo = folded(sum(frame, 26, 34) + UDP + length - OUTER_UDP_AT);
  const right = ~folded(pseudo + sum(frame, OUTER_UDP_AT, length)) & 0xffff || 0xffff;
  if (kind === 'partial') frame.writeUInt16BE(pseudo, OUTER_UDP_AT + 6);
  else if (kind === 'valid') frame.writeUInt16BE(right, OUTER_UDP_AT + 6);
  else {
    // Of the port it had before: the port moves up by `moved`, the checksum stays behind.
    const moved = 1 + (dice() % 1000);
    frame.writeUInt16BE(folded(right + moved), OUTER_UDP_AT + 6);
  }
}

/** Plain sum of big-endian 16-bit words; an odd last byte counts as the higher one. */
function sum(bytes, start, end) {
  let total = 0;
  let at = start;
  for (; at + 1 < end; at += 2) total += bytes[at] * 256 + bytes[at + 1];
  return at < end ? total + bytes[at] * 256 : total;
}

function folded(total) {
  let rest = total;
  while (rest > 0xffff) rest = (rest >>> 16) + (rest & 0xffff);
  return rest;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      packets: { type: 'string', default: '1000000' },
      shape: { type: 'string', default: 'mixed' },
      seed: { type: 'string', default: '1' },
      flows: { type: 'string', default: '800' },
    },
  });
  const known = makeCapture(positionals[0], {
    packets: Number(values.packets),
    shape: values.shape,
    seed: Number(values.seed),
    flows: Number(values.flows),
  });
  process.stdout.write(`${JSON.stringify(known)}\n`);
}
