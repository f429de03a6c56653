import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Cni, cniRules } from '../../src/lab/cni.js';
import { type KubeProxyOptions, kubeProxyRules, type Service } from '../../src/lab/kube-proxy.js';
import { kubeProxyTables, serviceChain } from '../../src/lab/kube-proxy-nftables.js';
import { NODE_A } from '../../src/lab/layout.js';
import { loadOrder } from '../../src/lab/rules.js';
import { scenarioNamed } from '../../src/lab/scenarios.js';

/** What the real programs wrote: see the README there. */
function recorded(name: string): string {
  return readFileSync(new URL(`../rules/rulesets/${name}`, import.meta.url), 'utf8');
}

/** Rules of the chains whose names begin so, and jumps to them, as iptables-save has them. */
function rulesOf(text: string, chains: RegExp): string[] {
  return text
    .split('\n')
    .map(line => line.replace(/^-I (\S+) 1 /, '-A $1 '))
    .filter(line => /^-A /.test(line) && chains.test(line));
}

const PATCHED: KubeProxyOptions = {
  mode: 'nftables',
  postrouting: 'after-pr-92035',
  randomFully: true,
  masqueradeBit: 14,
};

describe('flannel', () => {
  it.each([
    ['0.20.1', 'flannel0.20.1-after-1.28.4'],
    ['0.20.2', 'flannel0.20.2-after-1.28.4'],
  ] as const)('%s: rule by rule what flanneld wrote', (version, folder) => {
    const cni: Cni = { kind: 'flannel', version, started: 'after-kube-proxy' };
    const real = rulesOf(recorded(`${folder}/iptables-nft-save.txt`), /FLANNEL/);
    expect(rulesOf(cniRules(cni, NODE_A), /FLANNEL/)).toEqual(real);
  });
});

describe('Calico', () => {
  const rules = (chainInsertMode: 'Insert' | 'Append') =>
    cniRules({ kind: 'calico', chainInsertMode }, NODE_A);

  it('has the masquerade of felix/rules/static.go: local sources, but not of the tunnel', () => {
    expect(rules('Insert')).toContain(
      '-A cali-POSTROUTING -o vxlan.calico -m comment --comment "cali:e9dnSgSVNmIcpVhP"' +
        ' -m addrtype ! --src-type LOCAL --limit-iface-out -m addrtype --src-type LOCAL' +
        ' -j MASQUERADE --random-fully\n',
    );
  });

  it('stands in front, or behind', () => {
    expect(rules('Insert')).toMatch(/^-I POSTROUTING 1 .* -j cali-POSTROUTING$/m);
    expect(rules('Append')).toMatch(/^-A POSTROUTING .* -j cali-POSTROUTING$/m);
  });
});

describe('a stale rule', () => {
  it("stands where an old kube-proxy beside a new kubelet leaves it, in front of kubelet's", () => {
    const options = { ...PATCHED, mode: 'iptables', postrouting: 'stale-rule-in-front' } as const;
    const own = kubeProxyRules(options, [], '10.244.0.0/16', 'ipv4').replace(
      '--xor-mark 0x4000',
      '--set-xmark 0x4000/0x0',
    );
    const real = recorded('oldproxy-newkubelet/iptables-nft-save.txt');
    const chain = /^-A KUBE-POSTROUTING/;
    expect(rulesOf(own, chain)).toEqual(rulesOf(real, chain));
  });
});

describe('nftables mode', () => {
  const echo: Service = {
    name: 'default/echo:http',
    protocol: 'tcp',
    clusterIp: { address: '10.96.0.20', port: 80 },
    endpoint: { address: '10.244.1.2', port: 8080 },
  };
  const dns: Service = {
    name: 'kube-system/kube-dns:dns',
    protocol: 'udp',
    clusterIp: { address: '10.96.0.10', port: 53 },
    endpoint: { address: '10.244.1.2', port: 53 },
  };

  /** Chains by family and name, with one space between words and priorities as numbers. */
  function chains(text: string): Map<string, string> {
    const priorities = { dstnat: '-100', srcnat: '100', filter: '0' } as const;
    return new Map(
      text.split(/^(?=table )/m).flatMap(table => {
        const family = /^table (\S+)/.exec(table.trim())?.[1] ?? '';
        return [...table.matchAll(/chain (\S+) \{\n([\s\S]*?)\n\s*\}/g)].map(
          ([, name = '', body = '']) => {
            const words = body
              .replace(/priority (dstnat|srcnat|filter)( - 10)?;/g, (_, base, less) => {
                const value = Number(priorities[base as keyof typeof priorities]);
                return `priority ${less ? value - 10 : value};`;
              })
              .replace(/0x0000(4000)/g, '0x$1')
              .replace(/\s+/g, ' ')
              .trim();
            return [`${family} ${name}`, words] as const;
          },
        );
      }),
    );
  }

  const real = chains(recorded('1.36.2-nftables/nft-kube-proxy-tables.nft'));

  it.each(['ipv4', 'ipv6'] as const)('%s: chain by chain what kube-proxy 1.36.2 wrote', family => {
    const services = family === 'ipv4' ? [echo, dns] : [];
    const own = chains(kubeProxyTables(PATCHED, services, '10.244.0.0/16', family));
    expect(own.size).toBe(15 + services.length);
    for (const [name, body] of own) expect([name, body]).toEqual([name, real.get(name)]);
  });

  it('names chains as kube-proxy does', () => {
    expect(serviceChain(echo)).toBe('service-2GUAAQIC-default/echo/tcp/http');
    expect(serviceChain(dns)).toBe('service-FY5PMXPG-kube-system/kube-dns/udp/dns');
  });

  it('without its cure, differs in the one rule', () => {
    const before = { ...PATCHED, postrouting: 'before-pr-92035' } as const;
    const own = chains(kubeProxyTables(before, [echo, dns], '10.244.0.0/16', 'ipv4'));
    const different = [...own].filter(([name, body]) => real.get(name) !== body);
    expect(different.map(([name]) => name)).toEqual(['ip masquerading']);
    expect(own.get('ip masquerading')).toMatch(
      /^meta mark & 0x4000 != 0x00000000 masquerade fully-random ct/,
    );
  });
});

describe('the order in which rules are loaded', () => {
  it.each([
    ['nftables-cni-after', ['nft-ruleset.json', 'iptables-save.before.txt']],
    ['nftables-cni-before', ['iptables-save.before.txt', 'nft-ruleset.json']],
    ['cni-masquerade-first', []],
    ['nftables-patched', []],
  ])('%s: %j', (name, order) => {
    expect(loadOrder(scenarioNamed(name))).toEqual(order);
  });
});
