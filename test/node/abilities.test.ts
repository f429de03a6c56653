import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { lackedTools } from '../../src/harness/lacked-tools.js';
import { abilitiesOf, abilitiesText } from '../../src/node/abilities.js';
import { findCommand } from '../../src/node/find-command.js';
import { localNode } from '../../src/node/local.js';
import type { Node } from '../../src/node/node.js';

const folder = mkdtempSync(join(tmpdir(), 'stalesum-tools-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A node that has exactly these tools, and an iptables that says what it is. */
function nodeWith(tools: readonly string[], iptables: string): Node {
  const own = mkdtempSync(join(folder, 'node-'));
  symlinkSync(findCommand('sh'), join(own, 'sh'));
  for (const tool of tools) {
    const words = tool === 'iptables' ? `echo "${iptables}"` : ':';
    writeFileSync(join(own, tool), `#!/bin/sh\n${words}\n`);
    chmodSync(join(own, tool), 0o755);
  }
  const local = localNode();
  return {
    ...local,
    run: (command, args) => local.run('env', [`PATH=${own}`, command, ...args]),
  };
}

const ALL = ['tcpdump', 'conntrack', 'ethtool', 'iptables-save', 'iptables', 'nft', 'ip', 'ss'];

describe('what a node has', () => {
  it.each([
    ['iptables v1.8.9 (nf_tables)', 'nf_tables'],
    ['iptables v1.8.9 (legacy)', 'legacy'],
    ['iptables v1.4.21', undefined],
  ])('is found, and the back end of "%s"', async (words, backend) => {
    const abilities = await abilitiesOf(nodeWith(ALL, words));
    expect([...abilities.tools].sort()).toEqual([...ALL].sort());
    expect(abilities.iptablesBackend).toBe(backend);
    expect(abilitiesText(abilities)).toBe(
      `tcpdump, conntrack, ethtool, iptables${backend ? ` (${backend})` : ''}, nft, ip, ss`,
    );
  });

  it('may be nothing', async () => {
    expect(await abilitiesOf(nodeWith([], ''))).toEqual({
      tools: new Set(),
      iptablesBackend: undefined,
    });
  });
});

describe('what it has not', () => {
  const lacking = async (missing: readonly string[], role: 'client' | 'peer') => {
    const tools = ALL.filter(tool => !missing.includes(tool));
    return lackedTools(await abilitiesOf(nodeWith(tools, 'iptables v1.8.9 (nf_tables)')), role);
  };

  it('is nothing where all is there', async () => {
    expect(await lacking([], 'client')).toEqual([]);
  });

  it('counts where it is used', async () => {
    expect(await lacking(['conntrack', 'ss'], 'client')).toEqual(['conntrack', 'ss']);
    expect(await lacking(['conntrack', 'ss'], 'peer')).toEqual([]);
    expect(await lacking(['iptables-save'], 'client')).toEqual([]);
    expect(await lacking(['iptables-save', 'nft'], 'client')).toEqual(['rules']);
    expect(await lacking(['ethtool'], 'peer')).toEqual(['ethtool']);
  });
});
