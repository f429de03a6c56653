/**
 * What is read here of ELF files (System V ABI, "Object Files" and "Dynamic Linking"): which libraries
 * a program needs, and the text of a section. Only 64-bit little-endian ones, since `--kernel` is for
 * x86-64; their fields are little-endian.
 */

export interface ElfFile {
  readonly bytes: Buffer;
  /** PT_INTERP: the dynamic loader. A static program has none. */
  readonly interpreter: string | undefined;
  /** DT_NEEDED, in order. */
  readonly needed: readonly string[];
  /** DT_RUNPATH or, where that is absent, DT_RPATH: folders separated by colons, may hold $ORIGIN. */
  readonly runPath: string | undefined;
}

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const SECTION_HEADER_BYTES = 64;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const MACHINE_X86_64 = 62;

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;

const DT_NULL = 0;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_RPATH = 15;
const DT_RUNPATH = 29;

/** Whether the bytes begin as an ELF file does. */
export function isElf(bytes: Buffer): boolean {
  return bytes.length >= 4 && bytes.readUInt32BE(0) === 0x7f454c46;
}

/** Whether it is for x86-64, 64-bit. Libraries of other kinds may lie in the same folders. */
export function isX64Elf(bytes: Buffer): boolean {
  return (
    isElf(bytes) &&
    bytes.length >= HEADER_BYTES &&
    bytes[4] === CLASS_64 &&
    bytes[5] === LITTLE_ENDIAN &&
    bytes.readUInt16LE(18) === MACHINE_X86_64
  );
}

/** Reads a program or a shared library. @throws RangeError for bytes that are not, or cut off. */
export function readElf(bytes: Buffer): ElfFile {
  if (!isX64Elf(bytes)) throw new RangeError('expected an ELF file for x86-64');
  const segments = programHeaders(bytes);
  const interpreter = segments.find(({ type }) => type === PT_INTERP);
  const entries = dynamicEntries(bytes, segments);
  const table = entries.find(({ tag }) => tag === DT_STRTAB);
  const strings = (wanted: number) =>
    entries
      .filter(({ tag }) => tag === wanted)
      .map(({ value }) => textAt(bytes, fileOffset(segments, table?.value ?? 0) + value));
  return {
    bytes,
    interpreter: interpreter && textAt(bytes, interpreter.offset),
    needed: strings(DT_NEEDED),
    runPath: strings(DT_RUNPATH)[0] ?? strings(DT_RPATH)[0],
  };
}

/** The bytes of a section, by its name; `undefined` if there is none. @throws RangeError */
export function elfSection(bytes: Buffer, name: string): Buffer | undefined {
  if (!isX64Elf(bytes)) throw new RangeError('expected an ELF file for x86-64');
  const sections = sectionHeaders(bytes);
  const names = sections[bytes.readUInt16LE(62)];
  if (names === undefined) return undefined;
  const found = sections.find(({ nameAt }) => textAt(bytes, names.offset + nameAt) === name);
  return found && bytes.subarray(found.offset, found.offset + found.size);
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

function programHeaders(bytes: Buffer): Segment[] {
  const start = number64(bytes, 32);
  return counted(bytes.readUInt16LE(56), index => {
    const at = start + index * PROGRAM_HEADER_BYTES;
    return {
      type: bytes.readUInt32LE(at),
      offset: number64(bytes, at + 8),
      address: number64(bytes, at + 16),
      size: number64(bytes, at + 32),
    };
  });
}

interface Section {
  readonly nameAt: number;
  readonly offset: number;
  readonly size: number;
}

function sectionHeaders(bytes: Buffer): Section[] {
  const start = number64(bytes, 40);
  return counted(bytes.readUInt16LE(60), index => {
    const at = start + index * SECTION_HEADER_BYTES;
    return {
      nameAt: bytes.readUInt32LE(at),
      offset: number64(bytes, at + 24),
      size: number64(bytes, at + 32),
    };
  });
}

interface DynamicEntry {
  readonly tag: number;
  readonly value: number;
}

function dynamicEntries(bytes: Buffer, segments: readonly Segment[]): DynamicEntry[] {
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  if (dynamic === undefined) return [];
  const entries = counted(Math.floor(dynamic.size / 16), index => ({
    tag: number64(bytes, dynamic.offset + index * 16),
    value: number64(bytes, dynamic.offset + index * 16 + 8),
  }));
  const end = entries.findIndex(({ tag }) => tag === DT_NULL);
  return end === -1 ? entries : entries.slice(0, end);
}

/** Where in the file an address of the loaded program lies. */
function fileOffset(segments: readonly Segment[], address: number): number {
  const segment = segments.find(
    ({ type, address: start, size }) =>
      type === PT_LOAD && address >= start && address < start + size,
  );
  if (segment === undefined) throw new RangeError('the dynamic section points outside of the file');
  return segment.offset + address - segment.address;
}

function textAt(bytes: Buffer, offset: number): string {
  const end = bytes.indexOf(0, offset);
  if (offset >= bytes.length || end === -1) throw new RangeError('a text runs over the end');
  return bytes.toString('utf8', offset, end);
}

/** Offsets beyond 2^53 are in no file; tags of the processor and the system may be, and matter not. */
function number64(bytes: Buffer, offset: number): number {
  return Number(bytes.readBigUInt64LE(offset));
}

function counted<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
