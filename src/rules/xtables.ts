/**
 * The tables of iptables with their built-in chains: where each hooks in, and at which priority
 * (include/uapi/linux/netfilter_ipv4.h, enum nf_ip_hook_priorities; IPv6 has the same).
 */
import type { BaseChain, Hook } from './model.js';

export const KNOWN_TABLES = ['raw', 'mangle', 'nat', 'filter', 'security'] as const;
export type KnownTable = (typeof KNOWN_TABLES)[number];

export const PRIORITY = {
  raw: -300,
  conntrack: -200,
  mangle: -150,
  dstnat: -100,
  filter: 0,
  security: 50,
  srcnat: 100,
} as const;

const CHAIN_OF: Readonly<Record<Hook, string>> = {
  prerouting: 'PREROUTING',
  input: 'INPUT',
  forward: 'FORWARD',
  output: 'OUTPUT',
  postrouting: 'POSTROUTING',
};

const HOOKS_OF: Readonly<Record<KnownTable, readonly Hook[]>> = {
  raw: ['prerouting', 'output'],
  mangle: ['prerouting', 'input', 'forward', 'output', 'postrouting'],
  nat: ['prerouting', 'input', 'output', 'postrouting'],
  filter: ['input', 'forward', 'output'],
  security: ['input', 'forward', 'output'],
};

type BuiltIn = Omit<BaseChain, 'policy'>;

const TABLES: ReadonlyMap<KnownTable, ReadonlyMap<string, BuiltIn>> = new Map(
  KNOWN_TABLES.map(table => [
    table,
    new Map(HOOKS_OF[table].map(hook => [CHAIN_OF[hook], builtIn(table, hook)])),
  ]),
);

/** The built-in chains of a table by name. */
export function builtInChains(table: KnownTable): ReadonlyMap<string, BuiltIn> {
  return TABLES.get(table) ?? new Map();
}

function builtIn(table: KnownTable, hook: Hook): BuiltIn {
  switch (table) {
    case 'nat': {
      const destination = hook === 'prerouting' || hook === 'output';
      return { type: 'nat', hook, priority: destination ? PRIORITY.dstnat : PRIORITY.srcnat };
    }
    case 'mangle':
      return {
        type: hook === 'output' ? 'route' : 'filter',
        hook,
        priority: PRIORITY.mangle,
      };
    case 'raw':
    case 'filter':
    case 'security':
      return { type: 'filter', hook, priority: PRIORITY[table] };
  }
}
