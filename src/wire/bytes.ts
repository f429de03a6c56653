/** A copy of `[start, end)`. Not `slice()`: a Buffer's is another view of the same memory. */
export function copyOfBytes(
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.subarray(start, end));
}
