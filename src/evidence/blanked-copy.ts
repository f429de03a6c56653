/** Frames as they are written where payload is left out: copies, since the bytes are others' to read. */
import { type CapturedFrame, emptyFrame } from '../capture-file/frame.js';
import { blankPayload } from '../wire/blank-payload.js';
import { emptyPacket } from '../wire/packet.js';

export const BLANKED_COMMENT =
  'Payload was left out when this was captured: zeros stand for it, but for one word that keeps every checksum as right or wrong as it was.';

export class BlankedCopy {
  readonly #tunnelPorts: ReadonlySet<number>;
  readonly #packet = emptyPacket();
  readonly #copy = emptyFrame();

  /** @param tunnelPorts UDP ports of tunnels: payload there is that of the packet inside */
  constructor(tunnelPorts: ReadonlySet<number>) {
    this.#tunnelPorts = tunnelPorts;
  }

  /** The frame without its payload; good until the next one. The original may be the kernel's memory. */
  of(frame: CapturedFrame): CapturedFrame {
    const { start, end, linkType, originalLength } = frame;
    const copy = this.#copy;
    const length = end - start;
    if (copy.bytes.length < length) {
      copy.bytes = new Uint8Array(Math.max(length, 2 * copy.bytes.length));
      copy.view = new DataView(copy.bytes.buffer);
    }
    copy.bytes.set(frame.bytes.subarray(start, end));
    copy.seconds = frame.seconds;
    copy.nanoseconds = frame.nanoseconds;
    copy.direction = frame.direction;
    copy.originalLength = originalLength;
    copy.end = blankPayload(
      copy.bytes,
      copy.view,
      0,
      length,
      linkType,
      originalLength,
      this.#tunnelPorts,
      this.#packet,
    );
    return copy;
  }
}
