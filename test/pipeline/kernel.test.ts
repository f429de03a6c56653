/**
 * The kernel against its twins: its sum against that of src/wire, and what it calls ordinary against what
 * src/wire finds in the same frame.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { emptyFrame } from '../../src/capture-file/frame.js';
import { FrameIndex } from '../../src/pipeline/batch.js';
import { compileKernel, kernelMemory, startKernel } from '../../src/pipeline/kernel.js';
import * as layout from '../../src/pipeline/layout.js';
import { fold, sumWords } from '../../src/wire/checksum.js';
import { emptyFinding, judgePacket } from '../../src/wire/checksum-state.js';
import { isFragment } from '../../src/wire/ip.js';
import { DEFAULT_TUNNEL_PORTS, emptyPacket, walkPacket } from '../../src/wire/packet.js';
import { generate } from '../offline/generator.js';
import { ethernet, ip, naiveSum, TCP, tcp } from '../support/packet-builder.js';
import { lastingFlows } from './support.js';

const { FLOW, layOut, RECORD, ROW, STATS } = layout;

const plan = layOut(1, { bytes: 1 << 20, carry: 1 << 16, records: 1000 });
const slab = plan.slabs[0]!;
const memory = kernelMemory(plan.bytes);
const kernel = startKernel(compileKernel()!, memory, plan, 7);
const bytes = new Uint8Array(memory.buffer);
const view = new DataView(memory.buffer);
for (const port of DEFAULT_TUNNEL_PORTS) bytes[plan.ports + (port >> 3)]! |= 1 << (port & 7);

test('assembly/ and src/pipeline agree on what lies where', () => {
  const text = readFileSync(new URL('../../assembly/layout.ts', import.meta.url), 'utf8');
  const numbers = (of: string): Record<string, number> =>
    Object.fromEntries(
      [...of.matchAll(/export const (\w+): u32 = (\d+);/g)].map(([, name, value]) => [
        name!,
        Number(value),
      ]),
    );
  const namespaces = [...text.matchAll(/export namespace (\w+) \{(.*?)\n\}/gs)];
  const spaces = Object.fromEntries(namespaces.map(([, name, body]) => [name!, numbers(body!)]));
  expect(spaces).toEqual({ Record: RECORD, Row: ROW, Flow: FLOW, Stats: STATS });
  const rest = numbers(namespaces.reduce((left, [whole]) => left.replace(whole, ''), text));
  const { ORDINARY, STATE_SHIFT, INNER_PARTIAL, MAX_INTERFACES } = layout;
  expect(rest).toEqual({
    ORDINARY,
    STATE_SHIFT,
    INNER_PARTIAL,
    MAX_INTERFACES,
    ABSENT: 0,
    VALID: 1,
    ZERO: 2,
    PARTIAL: 3,
  });
});

describe('the sum', () => {
  /** Puts the bytes at an address with something else around them, and sums them up. */
  const sumAt = (at: number, data: ArrayLike<number>): number => {
    const start = slab.data + at;
    bytes.fill(0xa5, start - 64, start + data.length + 64);
    bytes.set(data, start);
    return kernel.sum(start, start + data.length);
  };

  test('of every length up to 200, at every offset of 16, is that of the twin and the naive one', () => {
    const source = Uint8Array.from({ length: 200 }, (_, i) => (i * 151 + 13) & 0xff);
    for (let length = 0; length <= 200; length++) {
      for (let offset = 0; offset < 16; offset++) {
        const data = source.subarray(0, length);
        const twin = fold(sumWords(new DataView(data.slice().buffer), 0, length));
        expect(sumAt(64 + offset, data)).toBe(twin);
        expect(twin).toBe(naiveSum([...data]));
      }
    }
  });

  test.each([
    0x00, 0x01, 0x7f, 0x80, 0xff,
  ])('of %i throughout, up to lengths beyond 64 KB and beyond one block, carries right', value => {
    for (const length of [1, 2, 63, 64, 65, 1500, 65_535, 65_536, 65_537, 262_145, 700_001]) {
      const data = new Uint8Array(length).fill(value);
      expect(sumAt(1, data)).toBe(fold(sumWords(new DataView(data.buffer), 0, length)));
    }
  });

  test('of any bytes at any address is that of the twin', () => {
    const data = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.uint8Array({ minLength: 1000, maxLength: 3000 }),
      fc.array(fc.constantFrom(0, 0xff), { maxLength: 300 }).map(list => Uint8Array.from(list)),
    );
    fc.assert(
      fc.property(fc.nat(70), data, (at, list) => {
        const twin = fold(sumWords(new DataView(list.slice().buffer), 0, list.length));
        expect(sumAt(at, list)).toBe(twin);
      }),
      { numRuns: 2000 },
    );
  });
});

/** What the kernel says of a frame that lies in the middle of other bytes. */
function rowOf(frame: Uint8Array, linkType: number, originalLength: number, around: number) {
  const start = slab.data + 3;
  bytes.fill(around, start - 3, start + frame.length + 100);
  bytes.set(frame, start);
  const record = {
    ...emptyFrame(),
    bytes,
    view,
    start,
    end: start + frame.length,
    linkType,
    originalLength,
  };
  new FrameIndex(memory.buffer).write(slab.index, record);
  kernel.examine(slab.index, 1, slab.rows);
  const word = (at: number) => view.getUint32(slab.rows + at, true);
  const flags = word(ROW.FLAGS);
  return {
    isOrdinary: (flags & layout.ORDINARY) !== 0,
    outer: ['absent', 'valid', 'zero', 'partial'][(flags >> layout.STATE_SHIFT) & 3],
    isInnerPartial: (flags & layout.INNER_PARTIAL) !== 0,
    length: word(ROW.LENGTH),
    isTunnel: ((word(ROW.META) >> 16) & 1) === 1,
    protocol: (word(ROW.META) >> 8) & 0xff,
    sourcePort: view.getUint16(slab.rows + ROW.PORTS),
    destinationPort: view.getUint16(slab.rows + ROW.PORTS + 2),
    source: bytes.slice(slab.rows + ROW.SOURCE, slab.rows + ROW.DESTINATION),
    destination: bytes.slice(slab.rows + ROW.DESTINATION, slab.rows + ROW.OUTER_SOURCE),
    outerSource: bytes.slice(slab.rows + ROW.OUTER_SOURCE, slab.rows + ROW.OUTER_PORTS),
    outerPorts: word(ROW.OUTER_PORTS),
    at: start,
  };
}

const padded = (from: number, length: number): Uint8Array => {
  const address = new Uint8Array(16);
  address.set(bytes.subarray(from, from + length));
  return address;
};

/** Checks a frame; returns whether the kernel calls it ordinary. */
function check(frame: Uint8Array, linkType = 1, originalLength = frame.length): boolean {
  const row = rowOf(frame, linkType, originalLength, 0);
  const again = rowOf(frame, linkType, originalLength, 0xff);
  // What stands around a frame must not matter.
  expect(again).toEqual(row.isOrdinary ? row : { ...again, isOrdinary: false });
  if (!row.isOrdinary) return false;
  const packet = emptyPacket();
  const [inner, outer] = [emptyFinding(), emptyFinding()];
  const end = row.at + frame.length;
  walkPacket(view, row.at, end, linkType, DEFAULT_TUNNEL_PORTS, packet, originalLength);
  judgePacket(view, packet, inner, outer);
  const { ip } = packet;
  expect({
    outer: outer.state,
    isInnerPartial: inner.state === 'partial',
    isTunnel: packet.kind === 'tunnel',
    length: ip.end - ip.start,
    protocol: ip.protocol,
    sourcePort: packet.sourcePort,
    destinationPort: packet.destinationPort,
    source: padded(ip.sourceAt, ip.addressLength),
    destination: padded(ip.destinationAt, ip.addressLength),
    outerSource: padded(
      packet.outer.sourceAt,
      packet.kind === 'tunnel' ? packet.outer.addressLength : 0,
    ),
    outerPorts: packet.kind === 'tunnel' ? view.getUint32(packet.udp, true) : 0,
  }).toEqual({
    outer: row.outer,
    isInnerPartial: row.isInnerPartial,
    isTunnel: row.isTunnel,
    length: row.length,
    protocol: row.protocol,
    sourcePort: row.sourcePort,
    destinationPort: row.destinationPort,
    source: row.source,
    destination: row.destination,
    outerSource: row.outerSource,
    outerPorts: row.outerPorts,
  });
  expect(['valid', 'zero', 'partial']).toContain(inner.state);
  expect(packet.kind === 'plain' || outer.state !== 'absent').toBe(true);
  expect(isFragment(ip) || (packet.kind === 'tunnel' && isFragment(packet.outer))).toBe(false);
  if (ip.protocol === 6) expect(bytes[ip.payload + 13]! & 0x06).toBe(0);
  return true;
}

describe('what the kernel calls ordinary is what src/wire finds', () => {
  const samples = [
    ...generate(1, 400, 0x10),
    ...generate(2, 100),
    ...lastingFlows(3, 1).map(({ bytes: frame }) => ({
      bytes: frame,
      originalLength: frame.length,
    })),
  ];

  test('in traffic of every shape', () => {
    const ordinary = samples.filter(({ bytes: frame, originalLength }) =>
      check(Uint8Array.from(frame), 1, originalLength),
    );
    expect(ordinary.length).toBeGreaterThan(150);
  });

  test('cut off anywhere, and beside other link types', () => {
    for (const { bytes: frame } of samples.slice(0, 40)) {
      for (let length = 0; length <= frame.length; length++) {
        check(Uint8Array.from(frame.slice(0, length)));
      }
      const packet = Uint8Array.from(frame.slice(14));
      check(packet, 101);
      check(Uint8Array.from([...new Array<number>(14).fill(0), ...frame.slice(12)]), 113);
      check(
        Uint8Array.from([...frame.slice(12, 14), ...new Array<number>(18).fill(0), ...packet]),
        276,
      );
      check(Uint8Array.from(frame), 147);
    }
  });

  test('with bits flipped, cut off, and wrong about the length', () => {
    const ordinary = samples.filter(({ bytes: frame }) => check(Uint8Array.from(frame)));
    const flip = fc.tuple(fc.oneof(fc.nat(110), fc.nat(400)), fc.nat(7));
    fc.assert(
      fc.property(
        fc.constantFrom(...ordinary),
        fc.array(flip, { maxLength: 4 }),
        fc.option(fc.nat()),
        fc.nat(3),
        ({ bytes: frame }, flips, cut, longer) => {
          const copy = Uint8Array.from(frame);
          for (const [at, bit] of flips) copy[at % copy.length]! ^= 1 << bit;
          const kept = cut === null ? copy : copy.subarray(0, cut % (copy.length + 1));
          check(kept, 1, kept.length + Math.max(0, longer - 2));
        },
      ),
      { numRuns: 5000 },
    );
  });
});

describe('flows that were remembered', () => {
  const PLAIN = 1;
  const FRAME_BYTES = 54;

  /** Puts one packet of each of the flows into the slab, and its record into the index. */
  const place = (flows: readonly number[]): void => {
    const index = new FrameIndex(memory.buffer);
    flows.forEach((flow, at) => {
      const ends = { source: `10.1.${flow >> 8}.${flow & 255}`, destination: '10.2.0.1' };
      const payload = tcp({ ...ends, sourcePort: 40_000, destinationPort: 80, flags: 0x10 });
      const start = slab.data + at * FRAME_BYTES;
      bytes.set(ethernet({ payload: ip({ ...ends, protocol: TCP, payload }) }), start);
      const [end, originalLength] = [start + FRAME_BYTES, FRAME_BYTES];
      const frame = { ...emptyFrame(), bytes, view, start, end, linkType: 1, originalLength };
      index.write(slab.index + at * RECORD.BYTES, frame);
    });
  };
  const apply = (count: number): number => kernel.examineAndApply(slab.index, slab.rows, 0, count);

  beforeEach(() => {
    const { ports, stats, flows, slots, flowCapacity } = plan;
    kernel.configureApply(ports, stats, flows, slots, flowCapacity);
  });

  test('are known again, however many they are', () => {
    const flows = Array.from({ length: 5000 }, (_, flow) => flow);
    for (const flow of flows) {
      place([flow]);
      expect(apply(1)).toBe(0);
      expect(kernel.remember(slab.rows, PLAIN)).toBe(flow);
    }
    for (const flow of flows) {
      place([flow]);
      expect(apply(1)).toBe(1);
    }
    const counted = flows.map(flow =>
      view.getUint32(plan.flows + flow * FLOW.BYTES + FLOW.COUNTS, true),
    );
    expect(new Set(counted)).toEqual(new Set([1]));
  });

  test('are counted up to the first that is not known, whose row is handed back', () => {
    for (const known of [7, 8, 9]) {
      place([known]);
      apply(1);
      kernel.remember(slab.rows, PLAIN);
    }
    for (let before = 0; before < 40; before++) {
      place([...new Array<number>(before).fill(7), 200 + before, 8, 9]);
      expect(apply(before + 3)).toBe(before);
      const source = [...bytes.subarray(slab.rows + ROW.SOURCE, slab.rows + ROW.SOURCE + 4)];
      expect(source).toEqual([10, 1, 0, 200 + before]);
    }
    // 0 + 1 + ... + 39 of the one, and none of those behind.
    const counts = [0, 1, 2].map(flow =>
      view.getUint32(plan.flows + flow * FLOW.BYTES + FLOW.COUNTS, true),
    );
    expect(counts).toEqual([780, 0, 0]);
  });
});
