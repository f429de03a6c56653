/**
 * What senders do, by their healthy datagrams: who makes outer checksums at all, and from which ports. Where
 * a sender makes them, 0xffff is no zero that was mangled but a checksum that came out so by chance; and a
 * recovered port from which its devices do not send convicts nobody.
 */
import { DEFAULT_RANGE, type SourcePortRange, WIDEST_RANGE } from '../analysis/sender-habit.js';
import type { CapturedFrame } from '../capture-file/frame.js';
import type { Packet } from '../wire/packet.js';
import * as udp from '../wire/udp.js';
import { latin1Of } from './bytes-text.js';

/** Of senders beyond so many, the first to be known are forgotten. */
const MOST_SENDERS = 4096;

interface Habit {
  /** Whether it sends from other ports than those of the kernel's default range. */
  usesOtherPorts: boolean;
}

export class SenderHabits {
  readonly #habits = new Map<string, Habit>();

  /** A datagram with a right checksum was seen. */
  noteChecksum(frame: CapturedFrame, packet: Packet): void {
    const sender = senderOf(frame, packet);
    const port = udp.sourcePort(frame.view, packet.udp);
    const usesOtherPorts = !isWithin(port, DEFAULT_RANGE);
    const known = this.#habits.get(sender);
    if (known) {
      known.usesOtherPorts ||= usesOtherPorts;
      return;
    }
    if (this.#habits.size >= MOST_SENDERS) {
      for (const oldest of this.#habits.keys()) {
        this.#habits.delete(oldest);
        break;
      }
    }
    this.#habits.set(sender, { usesOtherPorts });
  }

  makesChecksums(frame: CapturedFrame, packet: Packet): boolean {
    return this.#habits.has(senderOf(frame, packet));
  }

  /** Why a datagram of this sender did not set out from a port; empty if it may have. */
  doubtOf(port: number, frame: CapturedFrame, packet: Packet): string {
    const habit = this.#habits.get(senderOf(frame, packet));
    const range = habit?.usesOtherPorts ? WIDEST_RANGE : DEFAULT_RANGE;
    if (isWithin(port, range)) return '';
    const ports = `${range.low}-${range.high - 1}`;
    return `the port that the checksum would name, ${port}, is outside ${ports}, from which VXLAN devices usually send`;
  }
}

function isWithin(port: number, { low, high }: Omit<SourcePortRange, 'exact'>): boolean {
  return port >= low && port < high;
}

/** A source address and a tunnel: one machine may have devices of both kinds. */
function senderOf({ bytes }: CapturedFrame, { outer, udp: at }: Packet): string {
  return (
    latin1Of(bytes, outer.sourceAt, outer.sourceAt + outer.addressLength) +
    latin1Of(bytes, at + 2, at + udp.CHECKSUM_AT - 2)
  );
}
