/** Bytes as a text that can be the key of a map: one character a byte. */

const buffers = new WeakMap<Uint8Array, Buffer>();

export function latin1Of(bytes: Uint8Array, start: number, end: number): string {
  let buffer = buffers.get(bytes);
  if (!buffer) {
    buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    buffers.set(bytes, buffer);
  }
  return buffer.toString('latin1', start, end);
}
