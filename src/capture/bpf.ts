/**
 * An assembler for the kernel's classic packet filters (linux/filter.h, linux/bpf_common.h,
 * Documentation/networking/filter.rst): one accumulator A, one index register X, forward jumps only.
 * A program returns how many bytes of the packet to keep, 0 for none; a load beyond the packet's end
 * ends it with 0. Numbers in the packet are big-endian, those in the program the machine's own.
 */
import { StalesumError } from '../errors.js';

/** One line of a program: an instruction, or a label that jumps lead to. */
export type Line = Instruction | { readonly label: string };

interface Instruction {
  readonly code: number;
  readonly k: number;
  /** Labels of a conditional jump; without one it goes on with the next line. */
  readonly yes?: string | undefined;
  readonly no?: string | undefined;
  /** Label of an unconditional jump. */
  readonly to?: string;
}

/** As the kernel takes it: struct sock_filter, 8 bytes an instruction. */
export const INSTRUCTION_BYTES = 8;

/** Longest conditional jump, in instructions: it is kept in a byte. */
const FARTHEST_JUMP = 255;

const LD = 0x00;
const LDX = 0x01;
const ALU = 0x04;
const JMP = 0x05;
const RET = 0x06;
const MISC = 0x07;
const WIDTH = { 4: 0x00, 2: 0x08, 1: 0x10 } as const;
const ABSOLUTE = 0x20;
const INDEXED = 0x40;
const IMMEDIATE = 0x00;
const FROM_X = 0x08;
const ADD = 0x00;
const AND = 0x50;
const SHIFT_LEFT = 0x60;
const ALWAYS = 0x00;
const IF_EQUAL = 0x10;
const IF_AT_LEAST = 0x30;
const IF_ANY_BIT = 0x40;
const TO_X = 0x00;
const TO_A = 0x80;
/** Loads from here on ask the kernel and not the packet: SKF_AD_OFF + SKF_AD_RANDOM. */
const RANDOM = 0xffff_f000 + 56;

type Width = keyof typeof WIDTH;

/** A = `width` bytes at `offset` of the packet. */
export const load = (width: Width, offset: number): Line => ({
  code: LD | WIDTH[width] | ABSOLUTE,
  k: offset,
});

/** A = `width` bytes at X + `offset` of the packet. */
export const loadAtX = (width: Width, offset: number): Line => ({
  code: LD | WIDTH[width] | INDEXED,
  k: offset,
});

/** A = 32 random bits, other ones for every packet. */
export const loadRandom = (): Line => ({ code: LD | WIDTH[4] | ABSOLUTE, k: RANDOM });

/** X = `value`. */
export const setX = (value: number): Line => ({ code: LDX | IMMEDIATE, k: value });

/** A = A & `mask`. */
export const and = (mask: number): Line => ({ code: ALU | AND, k: mask });

/** A = A << `bits`. */
export const shiftLeft = (bits: number): Line => ({ code: ALU | SHIFT_LEFT, k: bits });

/** A = A + X. */
export const addX = (): Line => ({ code: ALU | ADD | FROM_X, k: 0 });

/** A = A + `value`. */
export const add = (value: number): Line => ({ code: ALU | ADD, k: value });

/** X = A. */
export const aToX = (): Line => ({ code: MISC | TO_X, k: 0 });

/** A = X. */
export const xToA = (): Line => ({ code: MISC | TO_A, k: 0 });

/** If A = `value` to `yes`, else to `no`; where none is named, to the next line. */
export const ifEqual = (value: number, yes?: string, no?: string): Line => ({
  code: JMP | IF_EQUAL,
  k: value,
  yes,
  no,
});

/** If A is at least `value`, both unsigned, to `yes`, else to `no`. */
export const ifAtLeast = (value: number, yes?: string, no?: string): Line => ({
  code: JMP | IF_AT_LEAST,
  k: value,
  yes,
  no,
});

/** If A has any of the bits of `mask` to `yes`, else to `no`. */
export const ifAnyBit = (mask: number, yes?: string, no?: string): Line => ({
  code: JMP | IF_ANY_BIT,
  k: mask,
  yes,
  no,
});

export const goTo = (label: string): Line => ({ code: JMP | ALWAYS, k: 0, to: label });

/** Ends the program: keep `bytes` bytes of the packet. */
export const keep = (bytes: number): Line => ({ code: RET, k: bytes });

export const label = (name: string): Line => ({ label: name });

/**
 * The program as the kernel takes it.
 *
 * @throws StalesumError `internal` for a jump backwards, too far, or to a label that is not there
 */
export function assemble(lines: readonly Line[]): Uint8Array<ArrayBuffer> {
  const instructions: Instruction[] = [];
  const labels = new Map<string, number>();
  for (const line of lines) {
    if ('label' in line) labels.set(line.label, instructions.length);
    else instructions.push(line);
  }
  const buffer = new ArrayBuffer(instructions.length * INSTRUCTION_BYTES);
  const codes = new Uint16Array(buffer);
  const jumps = new Uint8Array(buffer);
  const constants = new Uint32Array(buffer);
  for (const [index, { code, k, yes, no, to }] of instructions.entries()) {
    codes[index * 4] = code;
    jumps[index * 8 + 2] = distance(labels, index, yes, FARTHEST_JUMP);
    jumps[index * 8 + 3] = distance(labels, index, no, FARTHEST_JUMP);
    constants[index * 2 + 1] = k + distance(labels, index, to, instructions.length);
  }
  return jumps;
}

/** Instructions to pass over; none where no label is named. */
function distance(
  labels: ReadonlyMap<string, number>,
  from: number,
  name: string | undefined,
  farthest: number,
): number {
  if (name === undefined) return 0;
  const to = labels.get(name) ?? Number.NaN;
  const passed = to - (from + 1);
  if (!(passed >= 0 && passed <= farthest)) {
    throw new StalesumError('internal', `a filter cannot jump from ${from} to ${name} at ${to}`);
  }
  return passed;
}
