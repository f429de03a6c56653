/**
 * Tunnels on ports that nobody named, found by what the bytes show.
 *
 * One datagram whose inner packet has a right (or exactly pending) TCP or UDP checksum decides: that
 * is some 80 bits that agree. Where inside there is no such checksum (ICMP, a cut packet), two
 * datagrams to the same port are asked for; the first is held back until the second comes or the
 * capture ends, so that whatever is decided, it was decided for all of them. One frame a port is held.
 */
import type { CapturedFrame } from '../capture-file/frame.js';
import { copyOfBytes } from '../wire/bytes.js';
import { judgeTransport, type SegmentFinding } from '../wire/checksum-state.js';
import { enterTunnel, innerCapturedEnd, type Packet } from '../wire/packet.js';
import { tunnelEvidence } from '../wire/tunnel-evidence.js';

/** Ports of which a frame is held back; what comes to yet another one is taken for what it is: UDP. */
const MAX_HELD = 64;
/** A frame longer than that is not held back. */
const MAX_HELD_LENGTH = 16 * 1024;

export type Suspicion = 'tunnel' | 'held' | 'plain';

export class TunnelSuspects {
  readonly #held = new Map<number, CapturedFrame>();

  /**
   * What to make of a UDP packet that begins like a tunnel's: its port is a tunnel's; it was put
   * aside; or it is plain UDP. `packet` is walked anew afterwards.
   */
  suspect(frame: CapturedFrame, packet: Packet, inner: SegmentFinding): Suspicion {
    const port = packet.destinationPort;
    if (!enterTunnel(frame.view, packet)) return 'plain';
    judgeTransport(frame.view, packet.ip, innerCapturedEnd(packet), inner);
    const evidence = tunnelEvidence(frame.view, packet, inner);
    if (evidence === 'none') return 'plain';
    if (evidence === 'decisive' || this.#held.has(port)) return 'tunnel';
    if (this.#held.size >= MAX_HELD || frame.end - frame.start > MAX_HELD_LENGTH) return 'plain';
    this.#held.set(port, copyOf(frame));
    return 'held';
  }

  /** Hands over what was held back of a port. */
  release(port: number): CapturedFrame | undefined {
    const frame = this.#held.get(port);
    this.#held.delete(port);
    return frame;
  }

  /** Hands over all that is still held back: it was plain UDP. */
  releaseAll(): CapturedFrame[] {
    const frames = [...this.#held.values()];
    this.#held.clear();
    return frames;
  }
}

function copyOf(frame: CapturedFrame): CapturedFrame {
  const bytes = copyOfBytes(frame.bytes, frame.start, frame.end);
  const view = new DataView(bytes.buffer);
  return { ...frame, bytes, view, start: 0, end: bytes.length };
}
