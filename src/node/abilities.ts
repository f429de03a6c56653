/** Which tools a node has. */
import type { Node } from './node.js';

const TOOLS = [
  'tcpdump',
  'conntrack',
  'ethtool',
  'iptables-save',
  'iptables',
  'nft',
  'ip',
  'bridge',
  'ss',
] as const;
export type Tool = (typeof TOOLS)[number];

export interface Abilities {
  readonly tools: ReadonlySet<Tool>;
  /** What its iptables writes to; `undefined` without one, or before the two were told apart. */
  readonly iptablesBackend: 'nf_tables' | 'legacy' | undefined;
}

const SCRIPT = `for tool; do command -v "$tool" >/dev/null 2>&1 && echo "$tool"; done
iptables --version 2>/dev/null
:`;

/** Asks a node, in one command. @throws StalesumError `unavailable` if it does not answer */
export async function abilitiesOf(node: Node): Promise<Abilities> {
  const { stdout } = await node.run('sh', ['-c', SCRIPT, 'sh', ...TOOLS]);
  const lines = new Set(stdout.split('\n'));
  const backend = /^iptables v\S+ \((nf_tables|legacy)\)/m.exec(stdout)?.[1];
  return {
    tools: new Set(TOOLS.filter(tool => lines.has(tool))),
    iptablesBackend: backend === 'nf_tables' || backend === 'legacy' ? backend : undefined,
  };
}

/** What there is, in a few words: `iptables (nf_tables), nft, conntrack`. */
export function abilitiesText({ tools, iptablesBackend }: Abilities): string {
  const named = TOOLS.filter(tool => tool !== 'iptables-save' && tools.has(tool)).map(tool =>
    tool === 'iptables' && iptablesBackend ? `iptables (${iptablesBackend})` : tool,
  );
  return named.length === 0 ? 'none of the tools' : named.join(', ');
}
