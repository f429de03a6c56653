import { describe, expect, it } from 'vitest';
import { StalesumError } from '../../src/errors.js';
import { expectedOn } from '../../src/lab/expectation.js';
import { classicVariant, withRetransmits } from '../../src/lab/retransmits.js';
import { IPV6_SCENARIOS, SCENARIOS, scenarioNamed } from '../../src/lab/scenarios.js';
import { targetsOf } from '../../src/lab/services.js';
import { leavesZeroAlone } from '../../src/rules/kernel.js';

const NAMES = [
  ...['unpatched', 'unpatched-zero-checksum', 'emulated-pre-5.7', 'udp-dns', 'ipv6-underlay'],
  ...['secondary-address', 'veth-offload-on', 'invalid-dropped-first'],
  ...['kube-proxy-patched', 'no-random-fully', 'vxlan-tx-offload-off', 'nic-offload-off'],
  ...['notrack', 'pod-ip-direct'],
  ...['cni-masquerade-first', 'cni-return-first', 'stale-rules', 'nftables-unpatched'],
  ...['nftables-patched', 'nftables-cni-after', 'nftables-cni-before'],
  ...['calico-masquerade-first', 'calico-masquerade-behind'],
  ...['lost-syn', 'no-listener', 'mtu-blackhole', 'inner-corruption'],
  'address-rewritten-on-the-way',
];

it('has every scenario once, under its name', () => {
  expect(SCENARIOS.map(({ name }) => name)).toEqual(NAMES);
  for (const scenario of SCENARIOS) {
    expect(scenarioNamed(scenario.name)).toBe(scenario);
  }
});

describe('over an IPv6 underlay', () => {
  it('has all but those whose point is made by IPv4', () => {
    const without = SCENARIOS.filter(
      ({ name }) => !IPV6_SCENARIOS.some(other => other.name === `${name}-ipv6`),
    );
    expect(without.map(({ name }) => name)).toEqual([
      // The first is ipv6-underlay.
      ...['unpatched', 'emulated-pre-5.7', 'ipv6-underlay', 'secondary-address'],
      ...['lost-syn', 'mtu-blackhole', 'inner-corruption', 'address-rewritten-on-the-way'],
    ]);
  });

  it('changes what is below the tunnel, and nothing above', () => {
    for (const scenario of IPV6_SCENARIOS) {
      const ipv4 = scenarioNamed(scenario.name.replace(/-ipv6$/, ''));
      const { vxlan, changes, ...rest } = scenario;
      expect(vxlan).toEqual({ ...ipv4.vxlan, underlay: 'ipv6' });
      expect({ ...rest, name: ipv4.name, title: ipv4.title }).toEqual({
        ...ipv4,
        vxlan: undefined,
        changes: undefined,
      });
      expect(changes.map(({ command }) => command)).not.toContain('iptables-restore');
      expect(scenarioNamed(scenario.name)).toBe(scenario);
    }
  });

  it("has the tunnel's datagrams met by ip6tables", () => {
    const [change] = scenarioNamed('notrack-ipv6').changes;
    expect(change).toMatchObject({ node: 'node-a', command: 'ip6tables-restore' });
    expect(change!.input).toContain('--dport 8472 -j NOTRACK');
  });
});

it('says what the bug and its cure must show', () => {
  expect(scenarioNamed('unpatched').expect).toEqual({
    verdict: 'stale-checksum',
    grade: 'proved',
    keepsOuterPort: false,
  });
  expect(scenarioNamed('kube-proxy-patched').expect).toEqual({
    verdict: 'not-rewritten',
    keepsOuterPort: true,
  });
});

it('calls no control the bug', () => {
  const accused = SCENARIOS.filter(({ expect }) => /^(stale|mangled)-/.test(expect.verdict));
  expect(accused.map(({ name }) => name)).toEqual([
    ...['unpatched', 'emulated-pre-5.7', 'udp-dns', 'ipv6-underlay', 'secondary-address'],
    ...['veth-offload-on', 'invalid-dropped-first', 'nic-offload-off'],
    ...['cni-masquerade-first', 'stale-rules', 'nftables-unpatched', 'nftables-cni-after'],
    'calico-masquerade-first',
  ]);
  for (const { expect: expected } of accused) expect(expected.grade).toBe('proved');
});

it('owns up to the one that is emulated', () => {
  expect(SCENARIOS.filter(({ emulated }) => emulated).map(({ name }) => name)).toEqual([
    'emulated-pre-5.7',
  ]);
});

it('keeps the faults of the wire from the control connection', () => {
  const changes = SCENARIOS.flatMap(scenario => scenario.changes);
  for (const { node, when = 'built' } of changes) {
    expect(when).toBe(node === 'wire' ? 'after-control' : 'built');
  }
});

describe('what a kernel must show', () => {
  it.each([
    ['6.18.44', true],
    ['5.7.0', true],
    ['5.6.13', true],
    ['5.6.12', false],
    ['5.5.19', false],
    ['5.4.41-generic', true],
    ['5.4.33', false],
    ['4.19.123', true],
    ['4.19.90', false],
    ['4.14.181', true],
    ['4.9.337', false],
    ['3.10.0-1127.8.2.el7.x86_64', false],
  ])('Linux %s leaves a zero checksum alone: %s', (release, leaves) => {
    expect(leavesZeroAlone(release)).toBe(leaves);
  });

  it('differs for the zero checksum, and for nothing else', () => {
    const verdict = (name: string, release: string) =>
      expectedOn(scenarioNamed(name), release).verdict;
    expect(verdict('unpatched-zero-checksum', '5.4.33')).toBe('mangled-checksum');
    expect(verdict('unpatched-zero-checksum', '5.7.1')).toBe('double-snat-harmless');
    for (const name of NAMES.filter(name => name !== 'unpatched-zero-checksum')) {
      expect(verdict(name, '5.4.33')).toBe(verdict(name, '6.18.0'));
    }
  });

  it("differs over UDP where the NIC's offload decides", () => {
    const different = SCENARIOS.filter(
      scenario =>
        expectedOn(scenario, '6.18.0', 'udp').verdict !==
        expectedOn(scenario, '6.18.0', 'tcp').verdict,
    );
    expect(different.map(({ name }) => name)).toEqual(['nic-offload-off']);
    expect(expectedOn(different[0]!, '6.18.0', 'udp').verdict).toBe('double-snat-harmless');
  });
});

describe('targets', () => {
  it('are the service and, for the control, the pod', () => {
    expect(targetsOf(scenarioNamed('unpatched'), 'tcp')).toEqual({
      target: { address: '10.96.0.10', port: 80 },
      control: { address: '10.244.1.2', port: 8080 },
    });
    expect(targetsOf(scenarioNamed('unpatched'), 'udp')).toEqual({
      target: { address: '10.96.0.10', port: 53 },
      control: { address: '10.244.1.2', port: 53 },
    });
  });

  it('are both the pod where the scenario says so', () => {
    const { target, control } = targetsOf(scenarioNamed('pod-ip-direct'), 'tcp');
    expect(target).toEqual(control);
  });
});

describe('the classic timing', () => {
  const unpatched = scenarioNamed('unpatched');
  const settings = ['net.core.txrehash', 'net.ipv4.tcp_syn_linear_timeouts'];
  const off = (key: string) => ({ node: 'node-a', key, value: '0' });

  it('is had by settings where they can be set', () => {
    const { scenario, shortcoming } = classicVariant(unpatched, () => true, '6.18.44');
    expect(scenario).toEqual({ ...unpatched, sysctls: settings.map(off) });
    expect(shortcoming).toBeUndefined();
  });

  it('is had by one outer port where txrehash is hidden or missing', () => {
    const canSet = (key: string) => key !== 'net.core.txrehash';
    const { scenario, shortcoming } = classicVariant(unpatched, canSet, '6.18.44');
    expect(scenario.vxlan.sourcePorts).toEqual([50_000, 50_001]);
    expect(scenario.sysctls).toEqual([off('net.ipv4.tcp_syn_linear_timeouts')]);
    expect(shortcoming).toBeUndefined();
  });

  it('is as it was on a kernel that has neither setting yet', () => {
    const { scenario, shortcoming } = classicVariant(unpatched, () => false, '5.4.33');
    expect(scenario.vxlan.sourcePorts).toEqual([50_000, 50_001]);
    expect(scenario.sysctls).toEqual([]);
    expect(shortcoming).toBeUndefined();
  });

  it('says so where the first retransmits stay a second apart', () => {
    const { shortcoming } = classicVariant(unpatched, () => false, '6.5.0');
    expect(shortcoming).toContain('net.ipv4.tcp_syn_linear_timeouts');
  });

  it('changes nothing where the timing of the kernel is wanted', () => {
    expect(withRetransmits(unpatched, 'kernel')).toEqual({
      scenario: unpatched,
      shortcoming: undefined,
    });
  });
});

it('refuses another name, and lists those there are', () => {
  const attempt = () => scenarioNamed('nonsense');
  expect(attempt).toThrow(StalesumError);
  expect(attempt).toThrow(
    expect.objectContaining({
      kind: 'usage',
      exitCode: 64,
      message: 'there is no scenario "nonsense"',
      remedy: `scenarios: ${SCENARIOS.map(({ name }) => name).join(', ')}; most of them also as NAME-ipv6`,
    }),
  );
});
