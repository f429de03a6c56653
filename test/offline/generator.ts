/**
 * Tunnel traffic of every shape, made from a seed: each datagram with what its outer checksum is, by
 * construction. The builders of test/support do the sums, word by word and without src/wire.
 */
import {
  type Bytes,
  type ChecksumChoice,
  ethernet,
  ip,
  ipv4,
  ipv6,
  naiveChecksum,
  naiveSum,
  pseudoHeader,
  TCP,
  tcp,
  UDP,
  u16,
  u32,
  udp,
} from '../support/packet-builder.js';

/** A frame of the capture, and what it shows if it shows a datagram's checksum. */
export interface GeneratedFrame {
  readonly bytes: Bytes;
  readonly originalLength: number;
  readonly truth: Truth | undefined;
}

/** - `lco`: right once the inner checksum, which is still open, is completed */
export type Truth = 'right' | 'lco' | 'zero' | 'partial' | 'wrong' | 'cut';

/** Numbers that look random and are the same every time (mulberry32). */
export class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  /** 0 <= number < 1 */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  }
  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }
  chance(share: number): boolean {
    return this.next() < share;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.whole(0, list.length - 1)]!;
  }
  bytes(count: number): number[] {
    return Array.from({ length: count }, () => this.whole(0, 255));
  }
}

const OUTER = [
  ['192.168.50.1', '192.168.50.2'],
  ['fd50::1', 'fd50::2'],
] as const;
const INNER = [
  ['10.244.0.0', '10.244.1.2'],
  ['fd44::1', 'fd44:1::2'],
] as const;

export const ODD_PORT = 12345;
const VXLAN_PORTS = [8472, 4789, ODD_PORT];

interface Inner {
  readonly frame: Bytes;
  /** The same with its checksum completed, where that is still open. */
  readonly completed: Bytes | undefined;
}

function innerFrame(dice: Dice, flags: number | undefined): Inner {
  const [source, destination] = dice.pick(INNER);
  const fields = {
    source,
    destination,
    sourcePort: dice.whole(1024, 65535),
    destinationPort: dice.pick([80, 443, 53]),
    payload: dice.bytes(dice.pick([0, 1, 7, 20, 61, 200])),
    ...(flags === undefined ? {} : { flags }),
  };
  const tags = dice.chance(0.15) ? ([[0x8100, 7]] as const) : [];
  const trailer = dice.chance(0.15) ? dice.bytes(dice.whole(1, 9)) : [];
  const wrap = (protocol: number, segment: Bytes) => [
    ...ethernet({ payload: ip({ source, destination, protocol, payload: segment }), tags }),
    ...trailer,
  ];
  if (dice.chance(0.1)) return { frame: wrap(1, dice.bytes(40)), completed: undefined };
  const isTcp = dice.chance(0.6);
  const segment = (checksum: ChecksumChoice) =>
    isTcp ? wrap(TCP, tcp({ ...fields, checksum })) : wrap(UDP, udp({ ...fields, checksum }));
  const choice: ChecksumChoice = dice.pick(
    isTcp ? ['right', 'right', 'partial', 'partial', 0x1234] : ['right', 'partial', 'zero', 0x1234],
  );
  const completed = choice === 'partial' ? segment('right') : undefined;
  return { frame: segment(choice), completed };
}

function tunnelHeader(dice: Dice): { header: Bytes; port: number } {
  const vni = u32(dice.whole(1, 0xffffff) * 256);
  if (dice.chance(0.3)) {
    const words = dice.whole(0, 4);
    // Options of class 0x0102, each of one word.
    const options = Array.from({ length: words }, () => [1, 2, 0x80, 0]).flat();
    return { header: [words, words > 0 ? 0x40 : 0, 0x65, 0x58, ...vni, ...options], port: 6081 };
  }
  const flags = dice.chance(0.1) ? [0x88, 0, 1, 0x23] : [8, 0, 0, 0];
  return { header: [...flags, ...vni], port: flags[0] === 8 ? dice.pick(VXLAN_PORTS) : 4789 };
}

/** What stands in the outer checksum, and what it is. */
function outerChecksum(
  dice: Dice,
  pseudo: Bytes,
  raw: Bytes,
  completed: Bytes | undefined,
  isV6: boolean,
): { stored: number; truth: Truth } {
  const spelled = (value: number) => (value === 0 ? 0xffff : value);
  const right = spelled(naiveChecksum([...pseudo, ...raw]));
  const overCompleted = completed && spelled(naiveChecksum([...pseudo, ...completed]));
  const due = overCompleted ?? right;
  // A value that is right by chance is right.
  const named = (stored: number, otherwise: Truth): { stored: number; truth: Truth } => {
    if (stored === right) return { stored, truth: 'right' };
    if (stored === due) return { stored, truth: 'lco' };
    return { stored, truth: stored === naiveSum(pseudo) ? 'partial' : otherwise };
  };
  switch (dice.pick(['due', 'due', 'raw', 'zero', 'partial', 'stale', 'mangled'] as const)) {
    case 'due':
      return { stored: due, truth: due === right ? 'right' : 'lco' };
    case 'raw':
      return { stored: right, truth: 'right' };
    case 'zero':
      // tshark calls it illegal over IPv6 (RFC 6935 allows it for tunnels): not asked about.
      return isV6 ? { stored: right, truth: 'right' } : { stored: 0, truth: 'zero' };
    case 'partial':
      return named(naiveSum(pseudo), 'partial');
    case 'stale':
      return named(spelled((due + dice.whole(1, 0xfffe)) % 0xffff), 'wrong');
    case 'mangled':
      return named(0xffff, 'wrong');
  }
}

/** The IP packets that one datagram leaves as: one, or its fragments. */
function packets(dice: Dice, source: string, destination: string, datagram: Bytes): Bytes[] {
  const isV6 = source.includes(':');
  const identification = dice.whole(1, 0xffff);
  const fields = { source, destination, identification };
  if (!dice.chance(0.2) || datagram.length < 32) {
    if (isV6 && dice.chance(0.2)) {
      // Destination options in front: 8 bytes, padded.
      const payload = [UDP, 0, 1, 4, 0, 0, 0, 0, ...datagram];
      return [ipv6({ ...fields, protocol: 60, payload })];
    }
    return [ip({ ...fields, protocol: UDP, payload: datagram })];
  }
  const share = 8 * dice.whole(1, Math.floor(datagram.length / 8) - 1);
  const fragments: Bytes[] = [];
  for (let at = 0; at < datagram.length; at += share) {
    const payload = datagram.slice(at, at + share);
    const moreFragments = at + share < datagram.length;
    const header = [UDP, 0, ...u16(at | (moreFragments ? 1 : 0)), ...u32(identification)];
    fragments.push(
      isV6
        ? ipv6({ ...fields, protocol: 44, payload: [...header, ...payload] })
        : ipv4({ ...fields, protocol: UDP, payload, fragmentOffset: at, moreFragments }),
    );
  }
  // Out of order, now and then.
  return dice.chance(0.3) ? fragments.reverse() : fragments;
}

/** One datagram as the frames that it is captured as. */
function datagramFrames(dice: Dice, flags: number | undefined): GeneratedFrame[] {
  const [source, destination] = dice.pick(OUTER);
  const inner = innerFrame(dice, flags);
  const { header, port } = tunnelHeader(dice);
  const length = 8 + header.length + inner.frame.length;
  const start = [...u16(dice.whole(1024, 65535)), ...u16(port), ...u16(length)];
  const pseudo = pseudoHeader(source, destination, UDP, length);
  const with_ = (checksum: number, frame: Bytes) => [
    ...start,
    ...u16(checksum),
    ...header,
    ...frame,
  ];
  const { stored, truth } = outerChecksum(
    dice,
    pseudo,
    with_(0, inner.frame),
    inner.completed && with_(0, inner.completed),
    source.includes(':'),
  );
  const tags = dice.chance(0.2)
    ? (
        [
          [0x88a8, 5],
          [0x8100, 6],
        ] as const
      ).slice(dice.whole(0, 1))
    : [];
  const parts = packets(dice, source, destination, with_(stored, inner.frame));
  const frames = parts.map(payload => {
    const frame = ethernet({ payload, tags });
    while (frame.length < 60) frame.push(0);
    return frame;
  });
  const last = frames.length - 1;
  // Cut behind the inner Ethernet header, so that it is still seen to be a tunnel's.
  const cut = frames.length === 1 && dice.chance(0.1) ? dice.whole(1, 20) : 0;
  const isCut = cut > 0 && frames[0]!.length - cut > 130;
  return frames.map((bytes, index) => ({
    bytes: isCut ? bytes.slice(0, bytes.length - cut) : bytes,
    originalLength: bytes.length,
    truth:
      index !== last ? undefined : isCut && truth !== 'zero' && truth !== 'partial' ? 'cut' : truth,
  }));
}

/** Frames of so many datagrams; the TCP packets in them are SYNs unless `flags` are given. */
export function generate(seed: number, datagrams: number, flags?: number): GeneratedFrame[] {
  const dice = new Dice(seed);
  return Array.from({ length: datagrams }, () => datagramFrames(dice, flags)).flat();
}
