/** What a node said of itself, before and after: everything but the packets. */
import type { ConntrackEntry, ConntrackEvent } from './conntrack.js';
import type { Counters } from './counters.js';
import type { Links } from './links.js';
import type { Offload } from './offload.js';
import type { Sysctls } from './sysctl.js';

/** Each part is `undefined` where nobody looked, which is not the same as empty. */
export interface NodeSnapshot {
  readonly node: string;
  readonly conntrackEvents: readonly ConntrackEvent[] | undefined;
  readonly conntrackEntries: readonly ConntrackEntry[] | undefined;
  readonly countersBefore: Counters | undefined;
  readonly countersAfter: Counters | undefined;
  readonly links: Links | undefined;
  readonly offload: Offload | undefined;
  readonly sysctls: Sysctls | undefined;
  readonly kernel: string | undefined;
}
