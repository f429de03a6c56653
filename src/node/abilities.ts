/** What a node has, and what can still be said without what it has not. */
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

/** What is missing on a node, each with what it costs. Without tcpdump only where it would capture. */
export function shortcomings(
  name: string,
  { tools }: Abilities,
  role: 'client' | 'peer',
  capturesWithTcpdump: boolean,
): string[] {
  const lacks = (tool: Tool) => !tools.has(tool);
  const costs: (readonly [boolean, string])[] = [
    [
      capturesWithTcpdump && lacks('tcpdump'),
      'no tcpdump, so nothing can be captured there: no verdict is possible',
    ],
    [
      role === 'client' && lacks('conntrack'),
      'no conntrack: a second SNAT can be proved only by a sibling datagram from the port before it, and ' +
        'not-rewritten becomes no-fault',
    ],
    [
      role === 'client' && lacks('iptables-save') && lacks('nft'),
      'neither iptables-save nor nft: the rule cannot be named, nor a service resolved',
    ],
    [lacks('ethtool'), 'no ethtool: whether its links hide a loss is not known'],
    [lacks('ss') && role === 'client', "no ss: the kernel's count of retransmits is missing"],
  ];
  return costs.flatMap(([applies, text]) => (applies ? [`${name}: ${text}`] : []));
}
