/**
 * Whether flows from different ports show one and the same difference between header and checksum: then
 * the port is not what changed, but some other field is (an address, by a middlebox that does not mend
 * checksums). Looks back on the latest flows only, so memory does not grow.
 */
import { sharedByMoreThanChance } from '../analysis/shared-difference.js';

const LOOKS_BACK = 1024;

export class SharedDifferences {
  readonly #differences = new Uint16Array(LOOKS_BACK);
  readonly #ports = new Uint16Array(LOOKS_BACK);
  /** One for each value of 16 bits. */
  readonly #isShared = new Uint8Array(0x10000);
  #flows = 0;
  #enough = 2;

  isShared(difference: number): boolean {
    return this.#isShared[difference] === 1;
  }

  /**
   * Adds a flow that left from a port. Returns with how many ports the difference was seen where that
   * is, just now, more than chance explains; else 0.
   */
  add(difference: number, port: number): number {
    if (this.isShared(difference)) return 0;
    const known = Math.min(this.#flows, LOOKS_BACK);
    const ports = new Set<number>([port]);
    for (let index = 0; index < known; index++) {
      if (this.#differences[index] !== difference) continue;
      if (this.#ports[index] === port) return 0;
      ports.add(this.#ports[index]!);
    }
    const place = this.#flows % LOOKS_BACK;
    this.#differences[place] = difference;
    this.#ports[place] = port;
    this.#flows++;
    if (known < LOOKS_BACK) this.#enough = sharedByMoreThanChance(known + 1);
    if (ports.size < this.#enough) return 0;
    this.#isShared[difference] = 1;
    return ports.size;
  }
}
