/** A kernel module as far as it is read: an ELF header, a .modinfo section, and the names of sections. */
import { Buffer } from 'node:buffer';

export function moduleBytes(info: Readonly<Record<string, string>>): Buffer {
  const names = Buffer.from('\0.modinfo\0.shstrtab\0');
  const texts = Object.entries(info).map(([key, value]) => `${key}=${value}\0`);
  const modinfo = Buffer.from(texts.join(''));
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeUInt16LE(1, 16);
  header.writeUInt16LE(62, 18);
  header.writeBigUInt64LE(BigInt(64 + names.length + modinfo.length), 40);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(3, 60);
  header.writeUInt16LE(2, 62);
  return Buffer.concat([
    header,
    names,
    modinfo,
    section(0, 0, 0),
    section(names.indexOf('.modinfo'), 64 + names.length, modinfo.length),
    section(names.indexOf('.shstrtab'), 64, names.length),
  ]);
}

function section(name: number, offset: number, size: number): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.writeUInt32LE(name, 0);
  bytes.writeBigUInt64LE(BigInt(offset), 24);
  bytes.writeBigUInt64LE(BigInt(size), 32);
  return bytes;
}
