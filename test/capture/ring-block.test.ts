import { describe, expect, it } from 'vitest';
import {
  BlockWalker,
  giveBack,
  isHandedOver,
  packetsIn,
  ringMemory,
} from '../../src/capture/ring-block.js';
import { emptyFrame } from '../../src/capture-file/frame.js';
import { StalesumError } from '../../src/errors.js';

const BLOCK = 4096;
const ETHERNET = 1;
const RAW = 101;

const STATUS_OURS = 1;
const CHECKSUM_PENDING = 1 << 3;
const TAGGED = 1 << 4;
const TAG_PROTOCOL_KNOWN = 1 << 6;
const TO_US = 0;
const OUTGOING = 4;

interface Packet {
  readonly bytes: readonly number[];
  readonly seconds?: number;
  readonly nanoseconds?: number;
  readonly originalLength?: number;
  readonly status?: number;
  readonly tag?: number;
  readonly tagProtocol?: number;
  readonly type?: number;
  /** Where the frame begins in the packet; the kernel leaves room. */
  readonly mac?: number;
  /** Instead of the true ones. */
  readonly next?: number;
  readonly captured?: number;
}

interface Block {
  readonly packets: readonly Packet[];
  readonly count?: number;
  readonly first?: number;
}

/** A ring of two blocks as the kernel lays it out; the second one is built. */
function ring({ packets, count = packets.length, first = 48 }: Block) {
  const memory = ringMemory(new ArrayBuffer(2 * BLOCK));
  const { words, halves, bytes } = memory;
  bytes.fill(0xa5);
  words[(BLOCK + 8) / 4] = STATUS_OURS;
  words[(BLOCK + 12) / 4] = count;
  words[(BLOCK + 16) / 4] = first;
  let at = BLOCK + 48;
  packets.forEach((packet, index) => {
    const mac = packet.mac ?? 86;
    const end = at + mac + packet.bytes.length;
    const next = Math.ceil(end / 8) * 8;
    words[at / 4] = packet.next ?? (index === packets.length - 1 ? 0 : next - at);
    words[at / 4 + 1] = packet.seconds ?? 1;
    words[at / 4 + 2] = packet.nanoseconds ?? 2;
    words[at / 4 + 3] = packet.captured ?? packet.bytes.length;
    words[at / 4 + 4] = packet.originalLength ?? packet.bytes.length;
    words[at / 4 + 5] = packet.status ?? STATUS_OURS;
    halves[at / 2 + 12] = mac;
    words[at / 4 + 8] = packet.tag ?? 0;
    halves[at / 2 + 18] = packet.tagProtocol ?? 0;
    bytes[at + 58] = packet.type ?? TO_US;
    if (at + mac < 2 * BLOCK) bytes.set(packet.bytes, at + mac);
    at = next;
  });
  return memory;
}

function walk(block: Block, linkType = ETHERNET, skipOutgoing = false) {
  const memory = ring(block);
  const walker = new BlockWalker(memory, linkType, skipOutgoing);
  const frames: object[] = [];
  walker.walk(BLOCK, 2 * BLOCK, ({ bytes, view, start, end, ...rest }) => {
    expect(view.getUint8(start)).toBe(bytes[start]);
    expect(view.byteLength).toBe(bytes.length);
    frames.push({ ...rest, bytes: [...bytes.subarray(start, end)] });
  });
  return { frames, walker };
}

const MACS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const FRAME = [...MACS, 0x08, 0x00, 0x45, 0x00];
const { bytes: _bytes, view: _view, start: _start, end: _end, ...EMPTY } = emptyFrame();

describe('a block', () => {
  it('is walked from its first packet to its last', () => {
    const packets = [
      { bytes: FRAME, seconds: 1_795_000_000, nanoseconds: 123_456_789 },
      { bytes: [...FRAME, 1, 2, 3], originalLength: 1500, type: OUTGOING },
      { bytes: FRAME, status: STATUS_OURS | CHECKSUM_PENDING, type: 3 },
    ];
    const { frames, walker } = walk({ packets });
    const usual = { ...EMPTY, linkType: ETHERNET, seconds: 1, nanoseconds: 2, originalLength: 16 };
    expect(frames).toEqual([
      {
        ...usual,
        bytes: FRAME,
        seconds: 1_795_000_000,
        nanoseconds: 123_456_789,
        number: 1,
        direction: 'in',
        checksumPending: false,
      },
      {
        ...usual,
        bytes: [...FRAME, 1, 2, 3],
        originalLength: 1500,
        number: 2,
        direction: 'out',
        checksumPending: false,
      },
      { ...usual, bytes: FRAME, number: 3, direction: 'in', checksumPending: true },
    ]);
    expect(walker.frames).toBe(3);
  });

  it('may be empty, and its first packet may be anywhere', () => {
    expect(walk({ packets: [], first: 0xffff_fff0 }).frames).toEqual([]);
    const first = 48 + 104;
    expect(walk({ packets: [{ bytes: FRAME }, { bytes: MACS }], count: 1, first }).frames).toEqual([
      expect.objectContaining({ bytes: MACS }),
    ]);
  });

  it('may hold empty frames', () => {
    expect(walk({ packets: [{ bytes: [] }] }).frames).toEqual([
      expect.objectContaining({ bytes: [], originalLength: 0 }),
    ]);
  });

  it('shows packets of a loopback once', () => {
    const packets = [
      { bytes: FRAME, type: OUTGOING },
      { bytes: FRAME, type: TO_US },
    ];
    const { frames, walker } = walk({ packets }, ETHERNET, true);
    expect(frames).toEqual([expect.objectContaining({ direction: 'in', number: 1 })]);
    expect(walker.frames).toBe(1);
  });

  it('is handed over, counted and given back', () => {
    const memory = ring({ packets: [{ bytes: FRAME }] });
    memory.bytes.fill(0, 0, BLOCK);
    expect([isHandedOver(memory, 0), isHandedOver(memory, BLOCK)]).toEqual([false, true]);
    expect([packetsIn(memory, 0), packetsIn(memory, BLOCK)]).toEqual([0, 1]);
    giveBack(memory, BLOCK);
    expect(isHandedOver(memory, BLOCK)).toBe(false);
    expect(packetsIn(memory, BLOCK)).toBe(0);
  });
});

describe('a VLAN tag', () => {
  it.each([
    ['802.1Q, where the kernel does not say', STATUS_OURS | TAGGED, 0, 0x81, 0x00],
    ['802.1Q', STATUS_OURS | TAGGED | TAG_PROTOCOL_KNOWN, 0x8100, 0x81, 0x00],
    ['802.1ad', STATUS_OURS | TAGGED | TAG_PROTOCOL_KNOWN, 0x88a8, 0x88, 0xa8],
  ])('goes back behind the addresses: %s', (_, status, tagProtocol, high, low) => {
    const packets = [
      { bytes: FRAME, status, tagProtocol, tag: 0x6064, originalLength: 60 },
      { bytes: FRAME },
    ];
    const { frames } = walk({ packets });
    expect(frames).toEqual([
      expect.objectContaining({
        bytes: [...MACS, high, low, 0x60, 0x64, 0x08, 0x00, 0x45, 0x00],
        originalLength: 64,
      }),
      expect.objectContaining({ bytes: FRAME, originalLength: 16 }),
    ]);
  });

  it('with the identifier 0 is a tag all the same', () => {
    const packets = [{ bytes: FRAME, status: STATUS_OURS | TAGGED, tag: 0 }];
    expect(walk({ packets }).frames).toEqual([
      expect.objectContaining({ bytes: [...MACS, 0x81, 0, 0, 0, 8, 0, 0x45, 0] }),
    ]);
  });

  it('has no place in a frame that ends before it, nor without Ethernet', () => {
    const short = { bytes: MACS.slice(0, 11), status: STATUS_OURS | TAGGED, tag: 5 };
    expect(walk({ packets: [short] }).frames).toEqual([
      expect.objectContaining({ bytes: MACS.slice(0, 11), originalLength: 11 }),
    ]);
    const packet = { bytes: FRAME, status: STATUS_OURS | TAGGED, tag: 5 };
    expect(walk({ packets: [packet] }, RAW).frames).toEqual([
      expect.objectContaining({ bytes: FRAME, originalLength: 16 }),
    ]);
  });
});

describe('a damaged block', () => {
  const frame = { bytes: FRAME };
  const lasts = { bytes: FRAME, next: 0 };
  it.each([
    ['a first packet in its header', { packets: [frame], first: 44 }],
    ['a first packet that is not aligned', { packets: [frame], first: 50 }],
    ['a first packet at its end', { packets: [frame], first: BLOCK }],
    ['a first packet whose header leads out of it', { packets: [frame], first: BLOCK - 64 }],
    ['a first packet far beyond', { packets: [frame], first: 0xffff_fffc }],
    ['a next packet within the one before', { packets: [{ bytes: FRAME, next: 64 }], count: 2 }],
    ['a next packet at the same place', { packets: [lasts], count: 2 }],
    ['a next packet far beyond', { packets: [{ bytes: FRAME, next: 0xffff_fffc }], count: 2 }],
    ['more packets than it has', { packets: [frame], count: 0xffff_ffff }],
    ['a frame in the header of its packet', { packets: [{ bytes: FRAME, mac: 67 }] }],
    ['a frame that begins beyond its end', { packets: [{ bytes: FRAME, mac: 0xfff0 }] }],
    ['a frame that ends beyond its end', { packets: [{ bytes: FRAME, captured: BLOCK }] }],
    ['a frame of four billion bytes', { packets: [{ bytes: FRAME, captured: 0xffff_ffff }] }],
    [
      'no room for the tag',
      { packets: [{ bytes: FRAME, mac: 70, status: STATUS_OURS | TAGGED, tag: 1 }] },
    ],
  ] satisfies [string, Block][])('is refused for %s', (_, block) => {
    let fault: unknown;
    try {
      walk(block);
    } catch (thrown) {
      fault = thrown;
    }
    expect(fault).toBeInstanceOf(StalesumError);
    expect(fault).toMatchObject({
      kind: 'internal',
      message: expect.stringMatching(/^the ring is damaged: .* leads out of the block at 4096$/),
    });
  });

  it('ends the walk of any bytes at all, within the block', () => {
    let state = 1;
    const next = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 16;
    };
    for (let round = 0; round < 3000; round++) {
      const packets = Array.from({ length: 4 }, () => ({ bytes: FRAME, status: next() & 0xff }));
      const memory = ring({ packets });
      // Most changes to the first bytes matter: counts, offsets, lengths.
      for (let change = 0; change < 3; change++) {
        memory.bytes[BLOCK + (next() % 500)] = next() & 0xff;
      }
      const before = memory.bytes.slice(0, BLOCK);
      const walker = new BlockWalker(memory, ETHERNET, false);
      try {
        walker.walk(BLOCK, 2 * BLOCK, ({ start, end }) => {
          if (start < BLOCK || end > 2 * BLOCK) throw new Error(`frame at ${start} to ${end}`);
        });
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(StalesumError);
      }
      expect(Buffer.compare(memory.bytes.slice(0, BLOCK), before)).toBe(0);
    }
  });
});
