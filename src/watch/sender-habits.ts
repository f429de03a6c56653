/**
 * Who is known to make outer checksums. Where a sender does, 0xffff is no zero that was mangled but a
 * checksum that came out so by chance.
 */
import type { CapturedFrame } from '../capture-file/frame.js';
import type { Packet } from '../wire/packet.js';
import * as udp from '../wire/udp.js';
import { latin1Of } from './bytes-text.js';

/** Of senders beyond so many, the first to be known are forgotten. */
const MOST_SENDERS = 4096;

export class SenderHabits {
  readonly #makers = new Set<string>();
  /** The one noted last: nearly always it is the same again. */
  #latest = '';

  /** A datagram with a right checksum was seen. */
  noteChecksum(frame: CapturedFrame, packet: Packet): void {
    const sender = senderOf(frame, packet);
    if (sender === this.#latest) return;
    this.#latest = sender;
    if (this.#makers.has(sender)) return;
    if (this.#makers.size >= MOST_SENDERS) {
      for (const oldest of this.#makers) {
        this.#makers.delete(oldest);
        break;
      }
    }
    this.#makers.add(sender);
  }

  makesChecksums(frame: CapturedFrame, packet: Packet): boolean {
    return this.#makers.has(senderOf(frame, packet));
  }
}

/** A source address and a tunnel: one machine may have devices of both kinds. */
function senderOf({ bytes }: CapturedFrame, { outer, udp: at }: Packet): string {
  return (
    latin1Of(bytes, outer.sourceAt, outer.sourceAt + outer.addressLength) +
    latin1Of(bytes, at + 2, at + udp.CHECKSUM_AT - 2)
  );
}
