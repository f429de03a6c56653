/** A packet on its way through one hook: its base chains in order, conntrack and NAT between them. */
import type { ChainEnd } from './chain-walk.js';
import { walkBaseChain } from './chain-walk.js';
import { type Ask, entriesOf, type Hooked, type RuleBook } from './hook-order.js';
import type { Hook } from './model.js';
import type { Packet } from './packet.js';
import type { Walk } from './walk.js';
import { PRIORITY } from './xtables.js';

/** Sends the packet through a hook. False if it was dropped there. */
export function passHook(hook: Hook, book: RuleBook, packet: Packet, walk: Walk): boolean {
  walk.hook = hook;
  const ask: Ask = (question, key) => walk.oracle.ask(question, key);
  const looksUp = hook === 'prerouting' || hook === 'output';
  for (const entry of entriesOf(hook, book, packet.family, ask)) {
    if (looksUp && entry.priority > PRIORITY.conntrack) track(packet);
    const passed =
      entry.kind === 'nat'
        ? passNat(entry.chains, hook, packet, walk)
        : walkBaseChain(entry.hooked.chain, entry.hooked.table, packet, walk) !== 'drop';
    if (!passed) return false;
  }
  if (looksUp) track(packet);
  return true;
}

function track(packet: Packet): void {
  if (packet.tracking === 'not yet') packet.tracking = 'tracked';
}

/** Untracked packets have no NAT at all; a side that was decided is not decided again. */
function passNat(chains: readonly Hooked[], hook: Hook, packet: Packet, walk: Walk): boolean {
  if (packet.tracking !== 'tracked') return true;
  const side = hook === 'postrouting' || hook === 'input' ? 'source' : 'destination';
  const done = side === 'source' ? 'sourceDecided' : 'destinationDecided';
  if (packet[done]) return true;
  for (const { chain, table } of chains) {
    const end: ChainEnd = walkBaseChain(chain, table, packet, walk);
    if (end === 'drop') return false;
    if (end === 'translated') break;
  }
  packet[done] = true;
  return true;
}
