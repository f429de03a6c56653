/**
 * Frames for the live benchmarks and tests: VXLAN datagrams from 10.0.0.1 to 10.0.0.2, port 8472, with a
 * whole TCP packet inside. Checksums are added up here word by word, and by nothing of src/.
 */

/** What a sender sends, over and over: `name` of `mixes`, frames of `length` bytes. */
export function mixOf(name, length) {
  const make = mixes[name];
  if (!make) throw new Error(`no mix "${name}"; there are ${Object.keys(mixes).join(', ')}`);
  return make(length);
}

const numbers = count => Array.from({ length: count }, (_, index) => index);

const mixes = {
  /** Something in the checksum, from one source port after the other. */
  plain: length =>
    numbers(64).map(index => datagram({ index, length, checksum: 0x1234, port: 40000 + index })),
  /** No checksums, as most tunnels send. */
  zero: length => numbers(1000).map(index => datagram({ index, length, checksum: 0 })),
  /** The same, but for one datagram in a hundred whose port was rewritten: of ten flows. */
  'one-percent-stale': length =>
    numbers(1000).map(index =>
      index % 100 === 99 ? stale(index, length) : datagram({ index, length, checksum: 0 }),
    ),
  /** Right checksums throughout, of connections that are under way. */
  right: length => numbers(1000).map(index => datagram({ index, length, flags: ACK })),
  /** The same, but one in a hundred begins a connection and is stale. */
  'right-and-stale': length =>
    numbers(1000).map(index =>
      index % 100 === 99 ? stale(index, length) : datagram({ index, length, flags: ACK }),
    ),
};

const SYN = 0x02;
const ACK = 0x10;

/** The source port before and after the rewriting of a stale frame. */
export const portBefore = index => 40000 + index;
export const portAfter = index => 2000 + 7 * index;

function stale(index, length) {
  const made = datagram({ index, length, port: portBefore(index) });
  made.writeUInt16BE(portAfter(index), 34);
  return made;
}

/** With the checksum that is right, unless another is given. */
function datagram({ index, length, port = 40000 + index, checksum, flags = SYN }) {
  const bytes = Buffer.alloc(length);
  bytes.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00]);
  ipv4(bytes, 14, length - 14, 17, [10, 0, 0, 1, 10, 0, 0, 2]);
  bytes.writeUInt16BE(port, 34);
  bytes.writeUInt16BE(8472, 36);
  bytes.writeUInt16BE(length - 34, 38);
  bytes.set([8, 0, 0, 0, 0, 0, 1, 0], 42);
  bytes.set([2, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 3, 0x08, 0x00], 50);
  ipv4(bytes, 64, length - 64, 6, [10, 244, 0, 0, 10, 244, 1, 2]);
  bytes.writeUInt16BE(10000 + index, 84);
  bytes.writeUInt16BE(8080, 86);
  bytes.writeUInt32BE(index, 88);
  bytes.writeUInt16BE(0x5000 | flags, 96);
  bytes.writeUInt16BE(64240, 98);
  bytes.writeUInt16BE(transportSum(bytes, 64, 84, 6), 100);
  bytes.writeUInt16BE(checksum ?? (transportSum(bytes, 14, 34, 17) || 0xffff), 40);
  return bytes;
}

function ipv4(bytes, at, length, protocol, addresses) {
  bytes.set([0x45, 0], at);
  bytes.writeUInt16BE(length, at + 2);
  bytes.set([64, protocol], at + 8);
  bytes.set(addresses, at + 12);
  bytes.writeUInt16BE(0xffff - sum(bytes.subarray(at, at + 20)), at + 10);
}

/** Of TCP or UDP at `at`, to the end; its own field must be 0. */
function transportSum(bytes, ip, at, protocol) {
  const length = bytes.length - at;
  const pseudo = Buffer.concat([
    bytes.subarray(ip + 12, ip + 20),
    Buffer.from([0, protocol, 0, 0]),
  ]);
  pseudo.writeUInt16BE(length, 10);
  return 0xffff - sum(Buffer.concat([pseudo, bytes.subarray(at)]));
}

/** One's-complement sum (RFC 1071). */
function sum(bytes) {
  let total = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    total += bytes[at] * 256 + (bytes[at + 1] ?? 0);
    if (total > 0xffff) total -= 0xffff;
  }
  return total;
}
