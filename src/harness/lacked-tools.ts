/** What a node lacks that a verdict could use. */
import { LACKED_TOOLS, type LackedTool } from '../analysis/run-notes.js';
import type { Abilities } from '../node/abilities.js';

/** What a run goes on without; whether there is something that captures is another matter. */
export function lackedTools({ tools }: Abilities, role: 'client' | 'peer'): LackedTool[] {
  const isThere: Readonly<Record<LackedTool, boolean>> = {
    conntrack: role === 'peer' || tools.has('conntrack'),
    rules: role === 'peer' || tools.has('iptables-save') || tools.has('nft'),
    ethtool: tools.has('ethtool'),
    ss: role === 'peer' || tools.has('ss'),
  };
  return LACKED_TOOLS.filter(tool => !isThere[tool]);
}
