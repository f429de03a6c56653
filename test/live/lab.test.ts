import { beforeAll, describe, expect, it } from 'vitest';
import { SCENARIOS } from '../../src/lab/scenarios.js';
import { eventually, processesMarked } from '../lab/processes.js';
import { ENTRY, FACTS, runLab, startReadyLab } from '../lab/run.js';
import { describeLive } from './require-live.js';

/** What facts.mjs prints. */
interface Facts {
  readonly pid: number;
  readonly uid: number;
  readonly descriptors: string;
  readonly namespaces: string[];
  readonly links: Record<string, Link[]>;
  readonly addresses: Record<string, string[]>;
  readonly routes: Record<string, string[]>;
  readonly neighbours: Record<string, string[]>;
  readonly forwarding: string;
  readonly txChecksumming: Record<string, Record<string, string>>;
  readonly bridgeCallsIptables?: string;
  readonly forwards: Record<string, string>;
  readonly natBefore: string;
  readonly natAfter: string;
  readonly natOnNodeB: string;
  readonly filter: string;
  readonly echoed: string;
  readonly checksumErrors: number;
  readonly retransmits: number;
  readonly noise: string;
  readonly tunnel: string;
  readonly conntrack: string;
}

interface Link {
  readonly ifname: string;
  readonly mtu: number;
  readonly address: string;
  readonly master?: string;
  readonly linkinfo?: { readonly info_kind: string; readonly info_data?: Record<string, unknown> };
}

async function factsOf(scenario: string): Promise<Facts> {
  const { outcome, stdout, stderr } = await runLab(scenario, [process.execPath, FACTS]);
  expect({ outcome, stderr }).toEqual({ outcome: 0, stderr: expect.stringMatching(/^lab /) });
  return JSON.parse(stdout) as Facts;
}

/** Packets that a rule of iptables-save -c counted; the rule is named by its end. */
function packets(rules: string, end: string): number {
  const line = rules.split('\n').find(text => text.endsWith(end));
  return Number(/^\[(\d+):/.exec(line ?? '')?.[1]);
}

/** The outer source ports before and after NAT of node A's tunnel flows, as conntrack says them. */
function outerPorts(conntrack: string): { before: number; after: number }[] {
  const entry = /src=192\.168\.50\.1 .*?sport=(\d+) dport=8472 .*dport=(\d+) /g;
  return [...conntrack.matchAll(entry)].map(([, before, after]) => ({
    before: Number(before),
    after: Number(after),
  }));
}

describeLive('the lab', () => {
  let unpatched: Facts;
  let patched: Facts;

  beforeAll(async () => {
    [unpatched, patched] = await Promise.all([factsOf('unpatched'), factsOf('kube-proxy-patched')]);
  });

  describe('as it is built', () => {
    it('has four namespaces and no other', () => {
      expect(unpatched.namespaces).toEqual(['node-a', 'node-b', 'web', 'wire']);
    });

    it('has the addresses of the recordings', () => {
      const v4 = (name: string) => unpatched.addresses[name]!.filter(text => !/lo |:/.test(text));
      expect(v4('node-a').sort()).toEqual([
        'cni0 10.244.0.1/24',
        'eth0 192.168.50.1/24',
        'flannel.1 10.244.0.0/32',
      ]);
      expect(v4('node-b').sort()).toEqual([
        'cni0 10.244.1.1/24',
        'eth0 192.168.50.2/24',
        'flannel.1 10.244.1.0/32',
      ]);
      expect(v4('web')).toEqual(['eth0 10.244.1.2/24']);
      expect(v4('wire')).toEqual([]);
    });

    it('has no IPv6 address but on lo, so nothing speaks of its own accord', () => {
      const v6 = Object.values(unpatched.addresses)
        .flat()
        .filter(text => text.includes(':'));
      expect(v6.filter(text => text !== 'lo ::1/128')).toEqual([]);
    });

    it('has the VXLAN device as flannel makes it, with udpcsum', () => {
      for (const [name, local] of [
        ['node-a', '192.168.50.1'],
        ['node-b', '192.168.50.2'],
      ] as const) {
        const device = unpatched.links[name]!.find(({ ifname }) => ifname === 'flannel.1');
        expect(device).toMatchObject({
          mtu: 1450,
          linkinfo: {
            info_kind: 'vxlan',
            info_data: { id: 1, local, link: 'eth0', port: 8472, learning: false, udp_csum: true },
          },
        });
      }
      expect(unpatched.forwarding).toBe('0a:bb:00:00:00:01 dst 192.168.50.2 self permanent');
      expect(unpatched.neighbours['node-a']).toContain(
        '10.244.1.0 dev flannel.1 lladdr 0a:bb:00:00:00:01 PERMANENT',
      );
    });

    it('routes pods through the tunnel and everything unknown to the NIC', () => {
      expect(unpatched.routes['node-a']).toEqual([
        'default via 192.168.50.254 dev eth0',
        expect.stringMatching(/^10\.244\.0\.0\/24 dev cni0 proto kernel scope link/),
        '10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink',
        '192.168.50.0/24 dev eth0 proto kernel scope link src 192.168.50.1',
      ]);
      expect(unpatched.forwards['node-a']).toBe('1');
    });

    it("leaves the nodes' offload on, and turns the wire's off", () => {
      const { 'node-a': a, 'node-b': b, wire } = unpatched.txChecksumming;
      expect([a?.eth0, a?.['flannel.1'], b?.eth0, b?.['flannel.1']]).toEqual(Array(4).fill('on'));
      expect([wire?.a, wire?.b]).toEqual(['off', 'off']);
      expect(unpatched.links.wire!.filter(({ master }) => master === 'br0')).toHaveLength(2);
    });

    it('keeps iptables away from what the wire bridges', () => {
      expect(unpatched.bridgeCallsIptables ?? '0').toBe('0');
    });

    it('has the rules of before PR 92035, or of after it, and differs in nothing else', () => {
      const rules = ({ natBefore }: Facts) =>
        natBefore
          .split('\n')
          .map(line => line.replace(/^\[\d+:\d+\] /, ''))
          .filter(line => line.startsWith('-A '));
      const masquerade =
        '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT"';
      const before = [`${masquerade} -m mark --mark 0x4000/0x4000 -j MASQUERADE --random-fully`];
      const after = [
        '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
        '-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0',
        `${masquerade} -j MASQUERADE --random-fully`,
      ];
      const postrouting = (line: string) => line.startsWith('-A KUBE-POSTROUTING');
      expect(rules(unpatched).filter(postrouting)).toEqual(before);
      expect(rules(patched).filter(postrouting)).toEqual(after);
      const others = (facts: Facts) => rules(facts).filter(line => !postrouting(line));
      expect(others(unpatched)).toEqual(others(patched));
      expect(unpatched.filter).toContain('-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP');
    });

    it('has the same rules on node B, as a cluster has', () => {
      const rules = (text: string) => text.match(/-A .*/g);
      expect(rules(unpatched.natOnNodeB)).toEqual(rules(unpatched.natBefore));
    });
  });

  describe('unpatched', () => {
    it('connects and echoes, after a retransmit', () => {
      expect(unpatched.echoed).toBe('hello');
      expect(unpatched.retransmits).toBeGreaterThanOrEqual(1);
    });

    it('has node B count one checksum error per lost SYN', () => {
      expect(unpatched.checksumErrors).toBe(unpatched.retransmits);
    });

    it('masquerades one connection twice: the marked packet and the datagram around it', () => {
      expect(packets(unpatched.natAfter, '-j KUBE-SVC-CDGGSHYLG3RE2FKL')).toBe(1);
      expect(packets(unpatched.natAfter, '-j MASQUERADE --random-fully')).toBe(2);
    });

    it('has conntrack show the second SNAT, and the retransmit without it', () => {
      const [first, ...later] = outerPorts(unpatched.conntrack);
      expect(first!.after).not.toBe(first!.before);
      expect(later.length).toBeGreaterThanOrEqual(1);
      expect(later.at(-1)!.after).toBe(later.at(-1)!.before);
    });

    it('puts the rewritten port on the wire under a bad checksum, the inner one being right', () => {
      const [first] = outerPorts(unpatched.conntrack);
      const datagram = unpatched.tunnel.split(/\n(?=\d\d:)/)[0]!;
      expect(datagram).toContain(`192.168.50.1.${first!.after} > 192.168.50.2.8472`);
      expect(datagram).toContain('[bad udp cksum 0x');
      expect(datagram).toMatch(/Flags \[S\], cksum 0x[0-9a-f]+ \(correct\)/);
    });
  });

  describe('kube-proxy-patched', () => {
    it('connects and echoes at once', () => {
      expect(patched.echoed).toBe('hello');
      expect(patched.retransmits).toBe(0);
    });

    it('has no checksum error on node B, and every datagram right', () => {
      expect(patched.checksumErrors).toBe(0);
      expect(patched.tunnel).toContain('[udp sum ok]');
      expect(patched.tunnel).not.toContain('bad udp cksum');
    });

    it('masquerades once and rewrites no outer port', () => {
      expect(packets(patched.natAfter, '-j MASQUERADE --random-fully')).toBe(1);
      const ports = outerPorts(patched.conntrack);
      expect(ports.length).toBeGreaterThanOrEqual(1);
      expect(ports.every(({ before, after }) => before === after)).toBe(true);
    });
  });

  it('is quiet: on the wire there is ARP, the tunnel, and nothing else', () => {
    expect(unpatched.noise.trim()).toBe('');
    expect(patched.noise.trim()).toBe('');
  });

  it('runs commands under another user id than 0, which tcpdump would give up', () => {
    expect(unpatched.uid).not.toBe(0);
  });

  it('keeps the lifeline from what it runs: their descriptor 3 is free', () => {
    expect(unpatched.descriptors).toMatch(/ 3 -> \/proc\/\d+\/fd$/m);
  });

  it('runs five at once, each with its own counters', async () => {
    const runs = await Promise.all(Array.from({ length: 5 }, () => factsOf('unpatched')));
    expect(runs.map(({ echoed }) => echoed)).toEqual(Array(5).fill('hello'));
    for (const { checksumErrors, retransmits, natAfter } of runs) {
      expect(checksumErrors).toBe(retransmits);
      expect(packets(natAfter, '-j MASQUERADE --random-fully')).toBe(2);
    }
  });
});

describeLive('the lab command', () => {
  it("passes the command's exit code, output and input on", async () => {
    const run = await runLab('unpatched', ['sh', '-c', 'cat; echo no >&2; exit 7'], {
      input: 'yes',
    });
    expect(run.outcome).toBe(7);
    expect(run.stdout).toBe('yes');
    expect(run.stderr.split('\n')).toEqual([expect.stringMatching(/^lab unpatched: /), 'no', '']);
  });

  it('gives 128 + n for a command that signal n ended', async () => {
    const { outcome } = await runLab('unpatched', ['sh', '-c', 'kill -9 $$']);
    expect(outcome).toBe(137);
  });

  it('shows only its own processes, and what was in /run', async () => {
    const command = ['sh', '-c', 'ls -d /proc/[0-9]* | wc -l; ls /run'];
    const { stdout } = await runLab('unpatched', command);
    const [processes, ...run] = stdout.trim().split('\n');
    // Process 1, the listener, sh, ls, wc.
    expect(Number(processes)).toBeLessThanOrEqual(5);
    expect(run).toContain('netns');
  });

  it.each([
    'SIGINT',
    'SIGTERM',
  ] as const)('exits with 130 on %s, and nothing remains', async signal => {
    const lab = await startReadyLab();
    lab.child.kill(signal);
    expect(await lab.outcome).toBe(130);
    expect(processesMarked(lab.mark)).toEqual([]);
  });

  it('kills a command that will not end, on the second interrupt at once', async () => {
    const lab = await startReadyLab('trap "" INT TERM');
    lab.child.kill('SIGINT');
    lab.child.kill('SIGTERM');
    expect(await lab.outcome).toBe(130);
    await eventually(() => processesMarked(lab.mark).length === 0);
    expect(processesMarked(lab.mark)).toEqual([]);
  });

  it('kills a command that will not end, some seconds after the only interrupt', async () => {
    const lab = await startReadyLab('trap "" INT TERM');
    lab.child.kill('SIGTERM');
    expect(await lab.outcome).toBe(130);
    await eventually(() => processesMarked(lab.mark).length === 0);
    expect(processesMarked(lab.mark)).toEqual([]);
  });

  it('can be started inside a lab', async () => {
    const inner = [process.execPath, ENTRY, 'kube-proxy-patched', 'ip', 'netns'];
    const { outcome, stdout } = await runLab('unpatched', inner);
    expect(outcome).toBe(0);
    expect(stdout.match(/^\S+/gm)!.sort()).toEqual(['node-a', 'node-b', 'web', 'wire']);
  });

  it('refuses an unknown scenario with the names there are', async () => {
    const { outcome, stderr } = await runLab('nonsense', ['true']);
    expect(outcome).toBe(64);
    expect(stderr).toBe(
      'stalesum: there is no scenario "nonsense"\n' +
        `  scenarios: ${SCENARIOS.map(({ name }) => name).join(', ')}; most of them also as NAME-ipv6\n`,
    );
  });

  it('refuses a command that is not there', async () => {
    const { outcome, stderr } = await runLab('unpatched', ['no-such-command']);
    expect(outcome).toBe(69);
    expect(stderr).toContain('no-such-command is not on this machine');
  });
});
