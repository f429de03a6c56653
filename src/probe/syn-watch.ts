/** Watches a live overlay capture for the SYNs of one connection, and says when the next one is due. */

import { synSchedule } from '../analysis/syn-schedule.js';
import type { CapturedFrame } from '../capture-file/frame.js';
import type { Node } from '../node/node.js';
import { type Instant, secondsBetween } from '../time.js';
import { PROTOCOL_TCP } from '../wire/ip.js';
import { emptyPacket, walkPacket } from '../wire/packet.js';
import * as tcp from '../wire/tcp.js';

const NO_TUNNELS: ReadonlySet<number> = new Set();
const SCHEDULED = 16;

export class SynWatch {
  readonly #packet = emptyPacket();
  readonly #due: readonly number[];
  readonly #tell: (text: string) => void;
  #first: Instant | undefined;
  #syns = 0;

  /** @param linearTimeouts `net.ipv4.tcp_syn_linear_timeouts` of the client's node; 0 if it has none */
  constructor(linearTimeouts: number, tell: (text: string) => void) {
    this.#due = synSchedule(linearTimeouts, SCHEDULED);
    this.#tell = tell;
  }

  readonly visit = (frame: CapturedFrame): void => {
    const packet = this.#packet;
    const { view, start, end, linkType, seconds, nanoseconds } = frame;
    const kind = walkPacket(view, start, end, linkType, NO_TUNNELS, packet);
    if (kind !== 'plain' || packet.ip.protocol !== PROTOCOL_TCP || packet.sourcePort < 0) return;
    const flags = tcp.flags(view, packet.ip.payload);
    if ((flags & tcp.FLAG_SYN) === 0 || (flags & tcp.FLAG_ACK) !== 0) return;
    const at = { seconds, nanoseconds };
    this.#first ??= at;
    const since = secondsBetween(this.#first, at);
    const next = this.#due[this.#syns];
    this.#syns++;
    const lost = this.#syns > 1 ? `SYN ${this.#syns - 1} lost, ` : '';
    const due =
      next === undefined
        ? ''
        : `; if it is lost, SYN ${this.#syns + 1} is due at ${next.toFixed(1)} s`;
    this.#tell(`${lost}SYN ${this.#syns} sent at ${since.toFixed(1)} s${due}`);
  };
}

/** A watch for the SYNs of a node, whose kernel says when they are due. */
export async function synWatchOn(node: Node, tell: (text: string) => void): Promise<SynWatch> {
  return new SynWatch(await linearTimeouts(node), tell);
}

async function linearTimeouts(node: Node): Promise<number> {
  const path = '/proc/sys/net/ipv4/tcp_syn_linear_timeouts';
  const { stdout } = await node.run('cat', [path], { mayFail: true });
  return Number(stdout.trim());
}
