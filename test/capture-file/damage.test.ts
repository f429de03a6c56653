/** Cut, damaged and senseless bytes: the whole records before, or a fault; never anything else. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatenated, fixture, read, readOrFault, recordEnds } from './support.js';

describe.each([
  ['ns.pcap', 24],
  ['snapped.pcap', 24],
  ['modified-outgoing.pcap', 24],
  ['directions.pcapng', undefined],
  ['dumpcap.pcapng', undefined],
  ['statistics.pcapng', undefined],
  ['sections.pcapng', undefined],
])('%s cut', (name, header) => {
  const bytes = fixture(name);
  const whole = read(bytes);
  const ends = name.startsWith('modified') ? modifiedRecordEnds(bytes) : recordEnds(bytes);
  const headerLength = header ?? ends[0]!;

  test('anywhere in its header is no capture file', () => {
    for (let cut = 0; cut < headerLength; cut++)
      expect(readOrFault(bytes.subarray(0, cut)), `cut at ${cut}`).toMatch(
        /^test: expected a pcap.* at byte 0, the file (is empty|ends at byte \d+)$/,
      );
  });

  test('anywhere behind it gives the whole records before the cut, and says where it ended', () => {
    for (let cut = headerLength; cut < bytes.length; cut++) {
      const { frames, summary } = read(bytes.subarray(0, cut));
      const lastEnd = ends.filter(end => end <= cut).at(-1)!;
      const before = read(bytes.subarray(0, lastEnd));
      expect(before.summary.truncated, `whole at ${lastEnd}`).toBeNull();
      expect(frames, `cut at ${cut}`).toEqual(before.frames);
      expect(frames).toEqual(whole.frames.slice(0, frames.length));
      if (cut === lastEnd) expect(summary.truncated).toBeNull();
      else expect(summary.truncated?.offset, `cut at ${cut}`).toBe(lastEnd);
    }
  });
});

/** Record headers of the modified format have 24 bytes. */
function modifiedRecordEnds(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ends = [24];
  for (let at = 24; at < bytes.length; ends.push(at)) at += 24 + view.getUint32(at + 8, true);
  return ends;
}

describe('the reason says what was expected and what was found', () => {
  const ns = fixture('ns.pcap');
  const pcapng = fixture('editcap.pcapng');
  const [sectionEnd = 0, interfaceEnd = 0, firstPacketEnd = 0] = recordEnds(pcapng);

  function reasonOf(bytes: Uint8Array): string | undefined {
    return read(bytes).summary.truncated?.reason;
  }

  function patched(bytes: Uint8Array, at: number, value: number): Uint8Array {
    const copy = new Uint8Array(bytes);
    new DataView(copy.buffer).setUint32(at, value, true);
    return copy;
  }

  test('of a pcap record that is cut', () => {
    expect(read(ns.subarray(0, 24 + 16 + 100)).summary.truncated).toEqual({
      offset: 24,
      reason: 'record 1 at byte 24 says 124 captured bytes, 100 are left',
    });
    expect(reasonOf(ns.subarray(0, 24 + 140 + 7))).toBe(
      'record 2 at byte 164 needs a header of 16 bytes, 7 are left',
    );
  });

  test('of a pcap record with an absurd length, whatever follows', () => {
    const { frames, summary } = read(patched(ns, 164 + 8, 64 * 1024 * 1024 + 1));
    expect(frames).toHaveLength(1);
    expect(summary.truncated).toEqual({
      offset: 164,
      reason: 'record 2 at byte 164 says 67108865 captured bytes, the limit is 67108864',
    });
    expect(summary.bytes).toBe(ns.length);
  });

  test.each([
    ['shorter than its fixed part', interfaceEnd + 4, 28, 'says 28 bytes, it has 32 or more'],
    ['no multiple of 4', interfaceEnd + 4, 157, 'says 157 bytes, which is no multiple of 4'],
    ['absurd', interfaceEnd + 4, 0x7fff_fffc, 'says 2147483644 bytes, the limit is 68157440'],
    [
      'not the one at its end',
      firstPacketEnd - 4,
      152,
      'says 156 bytes at its begin and 152 at its end',
    ],
    [
      'less than its captured length',
      interfaceEnd + 20,
      125,
      'says 125 captured bytes, there is room for 124',
    ],
    ['of an unknown interface', interfaceEnd + 8, 1, 'names interface 1, its section has 1'],
  ])('of a block whose length is %s', (_, at, value, reason) => {
    const { summary, frames } = read(patched(pcapng, at, value));
    expect(frames).toEqual([]);
    expect(summary.truncated).toEqual({
      offset: interfaceEnd,
      reason: `Enhanced Packet Block at byte ${interfaceEnd} ${reason}`,
    });
  });

  test('of an option that runs over the end of its block', () => {
    // The first option of the Interface Description Block.
    const bytes = patched(pcapng, sectionEnd + 16, 0x0fff_0009);
    expect(reasonOf(bytes)).toBe(
      `Interface Description Block at byte ${sectionEnd} has an option that runs over its end`,
    );
    const commented = fixture('written.pcapng');
    const ends = recordEnds(commented);
    // In the second packet, the option behind the comment: neither frame nor comment is kept.
    const { summary } = read(patched(commented, ends[2]! + 28 + 44 + 4 + 20, 0xff00_0002));
    expect(summary).toMatchObject({ frames: 1, comments: [{ frame: null }] });
    expect(summary.truncated?.reason).toBe(
      `Enhanced Packet Block at byte ${ends[2]} (after frame 1) has an option that runs over its end`,
    );
  });

  test('of a second section of unknown byte order or version', () => {
    const twice = concatenated(pcapng, pcapng);
    const name = `Section Header Block at byte ${pcapng.length} (after frame 8)`;
    expect(reasonOf(patched(twice, pcapng.length + 8, 0x11223344))).toBe(
      `${name} has the byte-order magic 44332211 instead of 1a2b3c4d`,
    );
    expect(reasonOf(patched(twice, pcapng.length + 12, 2))).toBe(
      `${name} is of version 2, this reads version 1`,
    );
  });

  test('of a first section of unknown byte order or version is that of a fault', () => {
    expect(readOrFault(patched(pcapng, 8, 0x11223344))).toBe(
      'test: Section Header Block at byte 0 has the byte-order magic 44332211 instead of 1a2b3c4d',
    );
    expect(readOrFault(patched(pcapng, 12, 2))).toBe(
      'test: Section Header Block at byte 0 is of version 2, this reads version 1',
    );
  });

  test('of more interfaces than any capture has', () => {
    const header = pcapng.subarray(0, sectionEnd);
    const one = pcapng.subarray(sectionEnd, interfaceEnd);
    const { summary } = read(concatenated(header, ...new Array<Uint8Array>(65_537).fill(one)));
    expect(summary.interfaces).toHaveLength(65_536);
    expect(summary.truncated?.reason).toMatch(/ is one more than the limit of 65536 interfaces$/);
  });
});

describe('senseless bytes', () => {
  const names = [
    'ns.pcap',
    'modified-big-endian.pcap',
    'dumpcap.pcapng',
    'two-orders.pcapng',
    'obsolete-packet-block.pcapng',
    'simple.pcapng',
    'stepped-over.pcapng',
    'comments.pcapng',
  ];

  /** Reads in one chunk and in small ones: both ways must end, and alike. */
  function expectAnAnswer(bytes: Uint8Array): void {
    const outcome = readOrFault(bytes);
    expect(readOrFault(bytes, [13])).toEqual(outcome);
    if (typeof outcome === 'string') return;
    expect(outcome.summary.bytes).toBe(bytes.length);
    expect(outcome.summary.frames).toBe(outcome.frames.length);
    for (const frame of outcome.frames) {
      expect(frame.capturedLength).toBeLessThanOrEqual(bytes.length);
      expect(frame.nanoseconds).toBeGreaterThanOrEqual(0);
      expect(frame.nanoseconds).toBeLessThan(1e9);
    }
  }

  test('flipped in a capture file', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.constantFrom(...names), flips, (name, list) => {
        const bytes = new Uint8Array(fixture(name));
        for (const [at, bits] of list) bytes[at % bytes.length]! ^= bits;
        expectAnAnswer(bytes);
      }),
      { numRuns: 3000 },
    );
  });

  test('behind a good beginning', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.nat(),
        fc.uint8Array({ maxLength: 400 }),
        (name, cut, rest) => {
          const bytes = fixture(name);
          expectAnAnswer(concatenated(bytes.subarray(0, cut % bytes.length), rest));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('alone', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), expectAnAnswer), { numRuns: 1000 });
  });
});
