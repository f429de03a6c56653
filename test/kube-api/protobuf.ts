/** As much of Protocol Buffers as kubectl needs (https://protobuf.dev/programming-guides/encoding/): bytes in fields. */

/** A field with bytes; their length must be below 128. */
export function field(number: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
}

/** The fields of a message that have bytes, by their numbers. */
export function fieldsOf(message: Buffer = Buffer.alloc(0)): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message.readUInt8(at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const value = varint();
    if ((tag & 7) === 0) continue;
    found.set(tag >> 3, message.subarray(at, at + value));
    at += value;
  }
  return found;
}
