/**
 * One packet's bytes being rewritten: the original, and the copy, which begins as zeros. Only what is
 * written expressly comes into the copy, so whatever is not understood is left out by itself.
 */
import type { AddressMap } from './address-map.js';

export class Rewriting {
  readonly from: DataView;
  readonly to: DataView;
  readonly original: Uint8Array;
  readonly copy: Uint8Array;
  readonly #addresses: AddressMap;

  constructor(original: Uint8Array, addresses: AddressMap) {
    this.original = original;
    this.copy = new Uint8Array(original.length);
    this.from = viewOver(original);
    this.to = viewOver(this.copy);
    this.#addresses = addresses;
  }

  get length(): number {
    return this.original.length;
  }

  /** Takes over `[start, end)` as it is, as far as it was captured. */
  keep(start: number, end: number): void {
    const stop = Math.min(end, this.length);
    if (start < stop) this.copy.set(this.original.subarray(start, stop), start);
  }

  /** Replaces the IP address of `length` bytes at `at`; cut off, it is left out. */
  ip(at: number, length: number): void {
    if (at + length > this.length) return;
    this.copy.set(this.#addresses.ip(this.original.slice(at, at + length)), at);
  }

  /** Replaces the MAC address at `at`; cut off, it is left out. */
  mac(at: number): void {
    if (at + 6 > this.length) return;
    this.copy.set(this.#addresses.mac(this.original.slice(at, at + 6)), at);
  }
}

function viewOver(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
