/**
 * What one datagram shows by itself, as it passes: the verdicts of the analysis, less what takes a second
 * look. No I/O, and no object a packet.
 */
import { innerReason } from '../analysis/outer-port.js';
import type { CapturedFrame } from '../capture-file/frame.js';
import { emptyFinding, judgePacket } from '../wire/checksum-state.js';
import { isFragment, PROTOCOL_TCP } from '../wire/ip.js';
import { emptyPacket, type Packet, walkPacket } from '../wire/packet.js';
import {
  difference,
  isAmbiguousPort,
  mangledZero,
  recoverSourcePort,
} from '../wire/port-recovery.js';
import * as tcp from '../wire/tcp.js';
import * as udp from '../wire/udp.js';
import { SenderHabits } from './sender-habits.js';

/**
 * - `ignored`: not a tunnel's datagram after all, or one without an outer checksum
 * - `fine`: the outer checksum is right, or still to be made by the NIC (`partial`)
 * - `unverifiable`: a first fragment, or cut off
 * - `stale`, `mangled`: as in the verdicts; `other`: wrong for another reason
 */
export type DatagramKind = 'ignored' | 'fine' | 'unverifiable' | 'stale' | 'mangled' | 'other';

/** One object, filled again for every frame. */
export interface Judgement {
  kind: DatagramKind;
  /** Whether it begins a connection: an inner SYN. */
  isSyn: boolean;
  readonly packet: Packet;
  outerSourcePort: number;
  outerDestinationPort: number;
  stored: number;
  correct: number;
  /** What header and checksum differ by. */
  difference: number;
  /** For `stale`: the source port that the checksum was made for; else -1. */
  recoveredPort: number;
  /** Whether offload has left the inner checksum open. */
  innerPending: boolean;
  /** For `other`: why no rewritten port explains it. */
  reason: string;
}

export class DatagramJudge {
  readonly #tunnelPorts: ReadonlySet<number>;
  readonly #habits = new SenderHabits();
  readonly #inner = emptyFinding();
  readonly #outer = emptyFinding();
  readonly #judgement: Judgement = {
    kind: 'ignored',
    isSyn: false,
    packet: emptyPacket(),
    outerSourcePort: -1,
    outerDestinationPort: -1,
    stored: 0,
    correct: 0,
    difference: 0,
    recoveredPort: -1,
    innerPending: false,
    reason: '',
  };

  /** @param tunnelPorts UDP destination ports taken for tunnels */
  constructor(tunnelPorts: ReadonlySet<number>) {
    this.#tunnelPorts = tunnelPorts;
  }

  /** Judges a frame; the answer is good until the next one. */
  judge(frame: CapturedFrame): Judgement {
    const { view, start, end, linkType, originalLength } = frame;
    const judgement = this.#judgement;
    const { packet } = judgement;
    const kind = walkPacket(view, start, end, linkType, this.#tunnelPorts, packet, originalLength);
    judgement.isSyn = false;
    judgement.stored = 0;
    judgement.recoveredPort = -1;
    judgement.reason = '';
    if (kind !== 'tunnel') {
      // Cut within its headers, or of another protocol that uses the port.
      judgement.kind = 'ignored';
      return judgement;
    }
    judgePacket(view, packet, this.#inner, this.#outer);
    const { stored, correct, state } = this.#outer;
    judgement.isSyn = isSyn(view, packet);
    judgement.outerSourcePort = udp.sourcePort(view, packet.udp);
    judgement.outerDestinationPort = udp.destinationPort(view, packet.udp);
    judgement.stored = stored;
    judgement.correct = correct;
    switch (state) {
      case 'valid':
        judgement.kind = 'fine';
        this.#habits.noteChecksum(frame, packet);
        break;
      case 'partial':
        judgement.kind = 'fine';
        break;
      case 'unverifiable':
        judgement.kind = 'unverifiable';
        break;
      case 'mismatch':
        this.#judgeMismatch(frame);
        break;
      default:
        judgement.kind = 'ignored';
    }
    return judgement;
  }

  #judgeMismatch(frame: CapturedFrame): void {
    const judgement = this.#judgement;
    const { packet, stored, correct } = judgement;
    const { state } = this.#inner;
    const sourcePort = judgement.outerSourcePort;
    judgement.difference = difference({ sourcePort, stored, correct });
    judgement.innerPending = state === 'partial';
    judgement.kind = 'other';
    if (state !== 'valid' && state !== 'partial') {
      judgement.reason = innerReason(this.#inner);
      return;
    }
    if (stored === mangledZero() && !this.#habits.makesChecksums(frame, packet)) {
      judgement.kind = 'mangled';
      return;
    }
    const recovered = recoverSourcePort({ sourcePort, stored, correct });
    if (isAmbiguousPort(recovered)) {
      judgement.reason = `the port that the checksum would name, ${recovered}, cannot be one`;
      return;
    }
    judgement.reason = this.#habits.doubtOf(recovered, frame, packet);
    if (judgement.reason !== '') return;
    judgement.kind = 'stale';
    judgement.recoveredPort = recovered;
  }
}

function isSyn(view: DataView, { ip, sourcePort }: Packet): boolean {
  if (ip.version === 0 || ip.protocol !== PROTOCOL_TCP || sourcePort < 0 || isFragment(ip)) {
    return false;
  }
  return (tcp.flags(view, ip.payload) & tcp.FLAG_SYN) !== 0;
}
