/** Which engine captures on a node. */
import type { Node } from '../node/node.js';
import type { CaptureEngine, EngineChoice } from './engine.js';
import { loadNodePcap } from './node-pcap.js';
import { pcap } from './pcap.js';
import { ring, ringRefusal } from './ring.js';
import { tcpdump } from './tcpdump.js';

export interface ChosenEngine {
  readonly engine: CaptureEngine;
  /** Why it is not the best there is; one line for the user. */
  readonly note?: string;
}

/**
 * The engine for a node.
 *
 * @throws StalesumError if the engine that was asked for cannot capture there, with the way out
 */
export async function chooseEngine(wanted: EngineChoice, node: Node): Promise<ChosenEngine> {
  switch (wanted) {
    case 'tcpdump':
      return { engine: tcpdump };
    case 'pcap':
      loadNodePcap();
      return { engine: pcap };
    case 'ring': {
      const refusal = await ringRefusal(node);
      if (refusal) throw refusal;
      return { engine: ring };
    }
    case 'auto': {
      const refusal = await ringRefusal(node);
      if (!refusal) return { engine: ring };
      return { engine: tcpdump, note: `capturing with tcpdump: ${refusal.message}` };
    }
  }
}
