import { describe, expect, it } from 'vitest';
import {
  endpointChain,
  type KubeProxyOptions,
  kubeProxyRules,
  type Service,
  serviceChain,
} from '../../src/lab/kube-proxy.js';

const web: Service = {
  name: 'default/web',
  protocol: 'tcp',
  clusterIp: { address: '10.96.0.10', port: 80 },
  endpoint: { address: '10.244.1.2', port: 8080 },
};

const defaults: KubeProxyOptions = {
  mode: 'iptables',
  postrouting: 'before-pr-92035',
  randomFully: true,
  masqueradeBit: 14,
};

function rules(options: Partial<KubeProxyOptions> = {}): string[] {
  return kubeProxyRules({ ...defaults, ...options }, [web], '10.244.0.0/16', 'ipv4').split('\n');
}

function chain(lines: readonly string[], name: string): string[] {
  return lines.filter(line => line.startsWith(`-A ${name} `));
}

describe('chain names', () => {
  // As kube-proxy 1.19.1 and 1.28.4 named them; the first one is the same in every cluster.
  it.each([
    ['default/kubernetes:https', 'tcp', 'KUBE-SVC-NPX46M4PTMTKRN6Y'],
    ['kube-system/kube-dns:dns', 'udp', 'KUBE-SVC-TCOU7JCQXEZGVUNU'],
    ['default/echo:http', 'tcp', 'KUBE-SVC-ZJMBFACUQCTMIK2C'],
  ] as const)('of service %s (%s) is %s', (name, protocol, expected) => {
    expect(serviceChain({ ...web, name, protocol })).toBe(expected);
  });

  it.each([
    ['default/echo:http', 'tcp', '10.244.1.2', 8080, 'KUBE-SEP-L6VFHHP5QEPN7F6C'],
    ['kube-system/kube-dns:dns', 'udp', '10.244.1.2', 53, 'KUBE-SEP-Z6M7ZHWCTBNMPLD7'],
  ] as const)('of an endpoint of %s (%s) at %s:%i is %s', (name, protocol, address, port, expected) => {
    expect(endpointChain({ ...web, name, protocol, endpoint: { address, port } })).toBe(expected);
  });
});

describe('KUBE-POSTROUTING', () => {
  const comment = '-m comment --comment "kubernetes service traffic requiring SNAT"';

  it('keeps the mark before PR 92035', () => {
    expect(chain(rules(), 'KUBE-POSTROUTING')).toEqual([
      `-A KUBE-POSTROUTING ${comment} -m mark --mark 0x4000/0x4000 -j MASQUERADE --random-fully`,
    ]);
  });

  it('takes the mark off since', () => {
    expect(chain(rules({ postrouting: 'after-pr-92035' }), 'KUBE-POSTROUTING')).toEqual([
      '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
      '-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000',
      `-A KUBE-POSTROUTING ${comment} -j MASQUERADE --random-fully`,
    ]);
  });

  it.each([
    'before-pr-92035',
    'after-pr-92035',
  ] as const)('does without --random-fully where iptables lacks it (%s)', postrouting => {
    const lines = chain(rules({ postrouting, randomFully: false }), 'KUBE-POSTROUTING');
    expect(lines.at(-1)).toMatch(/ -j MASQUERADE$/);
  });
});

it('uses one mark throughout, and another to drop by', () => {
  const text = rules({ masqueradeBit: 15, postrouting: 'after-pr-92035' }).join('\n');
  expect(text).toContain('-A KUBE-MARK-MASQ -j MARK --or-mark 0x8000');
  expect(text).toContain('-A KUBE-POSTROUTING -j MARK --xor-mark 0x8000');
  expect(text).toContain('--mark 0x8000/0x8000 -j ACCEPT');
  expect(text).toContain('-A KUBE-MARK-DROP -j MARK --or-mark 0x4000');
  expect(text).toContain('--mark 0x4000/0x4000 -j DROP');
});

it('marks what does not come from a pod, then sends it to the endpoint', () => {
  const portal = '-d 10.96.0.10/32 -p tcp -m comment --comment "default/web cluster IP" -m tcp';
  expect(chain(rules(), 'KUBE-SERVICES').slice(0, 2)).toEqual([
    `-A KUBE-SERVICES ! -s 10.244.0.0/16 ${portal} --dport 80 -j KUBE-MARK-MASQ`,
    `-A KUBE-SERVICES ${portal} --dport 80 -j ${serviceChain(web)}`,
  ]);
  expect(chain(rules(), endpointChain(web)).at(-1)).toMatch(
    / -j DNAT --to-destination 10\.244\.1\.2:8080$/,
  );
});

it('has both ports of a service, each with its own chains', () => {
  const dns: Service = {
    name: 'default/web:dns',
    protocol: 'udp',
    clusterIp: { address: '10.96.0.10', port: 53 },
    endpoint: { address: '10.244.1.2', port: 53 },
  };
  const text = kubeProxyRules(defaults, [dns, web], '10.244.0.0/16', 'ipv4').split('\n');
  const portals = chain(text, 'KUBE-SERVICES');
  expect(portals.map(line => / -j (\S+)/.exec(line)?.[1])).toEqual([
    ...['KUBE-MARK-MASQ', serviceChain(dns), 'KUBE-MARK-MASQ', serviceChain(web)],
    'KUBE-NODEPORTS',
  ]);
  expect(portals[1]).toBe(
    '-A KUBE-SERVICES -d 10.96.0.10/32 -p udp -m comment --comment "default/web:dns cluster IP"' +
      ` -m udp --dport 53 -j ${serviceChain(dns)}`,
  );
});

it('has for IPv6 the same, without the block of localnet', () => {
  const text = (family: 'ipv4' | 'ipv6') =>
    kubeProxyRules(defaults, [], '10.244.0.0/16', family).split('\n');
  const missing = text('ipv4').filter(line => !text('ipv6').includes(line));
  expect(missing).toEqual([expect.stringContaining('-d 127.0.0.0/8')]);
  expect(text('ipv6').filter(line => !text('ipv4').includes(line))).toEqual([]);
});

it('declares every chain that it fills or jumps to', () => {
  const builtIn = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];
  for (const table of rules().join('\n').split('COMMIT\n').slice(0, -1)) {
    const declared = [...table.matchAll(/^:(\S+)/gm)].map(([, name]) => name);
    const used = [...table.matchAll(/^-A (\S+)|-j (KUBE-\S+)/gm)].flatMap(([, a, b]) => a ?? b);
    expect(used.filter(name => !declared.includes(name!) && !builtIn.includes(name!))).toEqual([]);
  }
});
