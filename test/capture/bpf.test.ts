import { describe, expect, it } from 'vitest';
import {
  add,
  addX,
  and,
  assemble,
  aToX,
  goTo,
  INSTRUCTION_BYTES,
  ifAnyBit,
  ifAtLeast,
  ifEqual,
  keep,
  type Line,
  label,
  load,
  loadAtX,
  loadRandom,
  setX,
  shiftLeft,
  xToA,
} from '../../src/capture/bpf.js';
import { StalesumError } from '../../src/errors.js';

/** As `tcpdump -ddd` prints a program: code, jump if true, jump if false, constant. */
function decimals(lines: readonly Line[]): string[] {
  const program = assemble(lines);
  const view = new DataView(program.buffer);
  return Array.from({ length: program.length / INSTRUCTION_BYTES }, (_, index) =>
    [
      view.getUint16(index * 8, true),
      view.getUint8(index * 8 + 2),
      view.getUint8(index * 8 + 3),
      view.getUint32(index * 8 + 4, true),
    ].join(' '),
  );
}

describe('assemble', () => {
  it('writes what tcpdump -ddd does for the same program', () => {
    // tcpdump -ddd 'ip and udp port 8472' (libpcap 1.10.3), with its own order of things.
    const expected = [
      '40 0 0 12',
      '21 0 10 2048',
      '48 0 0 23',
      '21 0 8 17',
      '40 0 0 20',
      '69 6 0 8191',
    ];
    const lines = [
      load(2, 12),
      ifEqual(0x800, undefined, 'reject'),
      load(1, 23),
      ifEqual(17, undefined, 'reject'),
      load(2, 20),
      ifAnyBit(0x1fff, 'reject'),
      ...Array.from({ length: 5 }, () => keep(1)),
      keep(262144),
      label('reject'),
      keep(0),
    ];
    expect(decimals(lines).slice(0, 6)).toEqual(expected);
    expect(decimals(lines).slice(-2)).toEqual(['6 0 0 262144', '6 0 0 0']);
  });

  it('encodes each instruction by its code of linux/bpf_common.h', () => {
    const lines = [
      load(4, 1),
      load(2, 2),
      load(1, 3),
      loadAtX(4, 4),
      loadAtX(2, 5),
      loadAtX(1, 6),
      setX(7),
      add(8),
      addX(),
      and(9),
      shiftLeft(2),
      aToX(),
      xToA(),
      keep(10),
    ];
    const codes = [0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 1, 4, 0x0c, 0x54, 0x64, 7, 0x87, 6];
    const constants = [1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 2, 0, 0, 10];
    expect(decimals(lines)).toEqual(codes.map((code, i) => `${code} 0 0 ${constants[i]}`));
  });

  it('counts jumps from the next instruction; labels are none', () => {
    const lines = [
      label('start'),
      ifEqual(1, 'a', 'b'),
      label('a'),
      goTo('c'),
      label('b'),
      keep(1),
      keep(2),
      label('c'),
      keep(3),
    ];
    expect(decimals(lines)).toEqual(['21 0 1 1', '5 0 0 2', '6 0 0 1', '6 0 0 2', '6 0 0 3']);
  });

  it('asks the kernel for random bits, and compares them unsigned', () => {
    // SKF_AD_OFF is -0x1000 and SKF_AD_RANDOM 56 (linux/filter.h).
    const lines = [loadRandom(), ifAtLeast(0xfffffff0, 'no'), keep(1), label('no'), keep(0)];
    expect(decimals(lines).slice(0, 2)).toEqual([
      `32 0 0 ${2 ** 32 - 0x1000 + 56}`,
      '53 1 0 4294967280',
    ]);
  });

  it('keeps constants of 32 bits', () => {
    expect(decimals([ifEqual(0xfd00_0001), keep(0)])[0]).toBe(`21 0 0 ${0xfd00_0001}`);
  });

  it.each([
    ['backwards', [label('x'), keep(0), ifEqual(1, 'x'), keep(0)]],
    ['to a label that is not there', [ifEqual(1, 'nowhere'), keep(0)]],
    [
      'farther than 255 instructions',
      [ifEqual(1, 'far'), ...Array.from({ length: 256 }, () => keep(0)), label('far'), keep(1)],
    ],
  ])('refuses a jump %s', (_, lines) => {
    expect(() => assemble(lines)).toThrow(StalesumError);
  });

  it('jumps 255 instructions, and any distance without a condition', () => {
    const between = (count: number) => Array.from({ length: count }, () => keep(0));
    const conditional = [ifEqual(1, 'far'), ...between(255), label('far'), keep(1)];
    expect(decimals(conditional)[0]).toBe('21 255 0 1');
    const always = [goTo('far'), ...between(300), label('far'), keep(1)];
    expect(decimals(always)[0]).toBe('5 0 0 300');
  });
});
