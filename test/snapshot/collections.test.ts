/**
 * A sos report and a must-gather, as folders. The files of sos-* were written by iptables, nft, ip, bridge
 * and ethtool in a network namespace with rules of rulesets/, under the names that sos gives them
 * (sos/report/plugins: firewall_tables.py, networking.py, kernel.py, process.py).
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type InspectRequest, inspectFiles } from '../../src/rules/inspect.js';
import { findCollections } from '../../src/snapshot/collections.js';
import { isRules, readNodeFiles } from '../../src/snapshot/node-files.js';

const FOLDER = join(import.meta.dirname, 'collections');
const TO_SERVICE: InspectRequest = {
  source: 'host',
  target: { address: '10.96.0.20', port: 80 },
  protocol: 'tcp',
  order: [],
};

describe('a sos report', () => {
  it.each([
    ['sos-patched', 'not-rewritten', /^-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000$/],
    [
      'sos-legacy',
      'stale-checksum',
      /^-A KUBE-POSTROUTING .*-m mark --mark 0x4000\/0x4000 -j MASQUERADE --random-fully$/,
    ],
  ])('%s: %s, from the listings of iptables -nvL', async (set, verdict, rule) => {
    const [prediction] = inspectFiles(
      await readNodeFiles(join(FOLDER, set)),
      TO_SERVICE,
    ).predictions;
    expect(prediction).toMatchObject({ verdict, certain: true });
    expect(prediction?.decidingRule?.file).toBe(
      'sos_commands/firewall_tables/iptables_-t_nat_-nvL',
    );
    expect(prediction?.decidingRule?.rule).toMatch(rule);
    expect(prediction?.flow).toMatchObject({
      service: 'default/echo:http',
      endpoints: ['10.244.1.2:8080'],
    });
  });

  it('has the kernel, its distribution, kube-proxy by its process, links, routes and offload', async () => {
    const read = await readNodeFiles(join(FOLDER, 'sos-legacy'));
    const { environment, gaps, predictions } = inspectFiles(read, TO_SERVICE);
    expect(environment).toMatchObject({
      kernel: {
        release: '3.10.0-1127.8.2.el7.x86_64',
        distribution: 'CentOS Linux 7 (Core)',
        leavesZeroChecksum: false,
      },
      kubeProxy: { mode: 'iptables', version: null, running: true },
    });
    expect(predictions[0]?.assumptions).toEqual([]);
    const said = gaps.join('\n');
    expect(said).toMatch(/only listings of iptables -nvL .*; iptables-save -c has all/);
    expect(said).not.toMatch(/ethtool|links, addresses|uname/);
  });

  it('leaves the files of other network namespaces alone', async () => {
    const { files } = await readNodeFiles(join(FOLDER, 'sos-patched'));
    expect(files.map(({ name }) => name).join()).not.toContain('namespaces');
    expect(files.filter(isRules).map(({ name }) => name)).toEqual([
      'sos_commands/firewall_tables/iptables_-t_filter_-nvL',
      'sos_commands/firewall_tables/iptables_-t_mangle_-nvL',
      'sos_commands/firewall_tables/iptables_-t_nat_-nvL',
      'sos_commands/firewall_tables/iptables_-vnxL',
      'sos_commands/firewall_tables/nft_list_ruleset',
    ]);
  });

  it('with an iptables-save has that before the listings', async () => {
    const { files } = await readNodeFiles(join(FOLDER, 'sos-patched'));
    const save = `*nat\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n`;
    const name = 'sos_commands/firewall_tables/iptables-save';
    const { sources } = inspectFiles(
      { files: [...files, { name, kind: 'iptables-save', text: save }], gaps: [] },
      TO_SERVICE,
    );
    const taken = new Map(sources.map(source => [source.file, source.taken]));
    expect(taken.get(name)).toBe('ip nat');
    expect(taken.get('sos_commands/firewall_tables/iptables_-t_nat_-nvL')).toBe('nothing new');
    expect(taken.get('sos_commands/firewall_tables/iptables_-t_mangle_-nvL')).toBe('ip mangle');
  });

  it('is found where it was unpacked, and several are told apart', async () => {
    const found = await findCollections(FOLDER);
    expect(found.map(({ kind, path }) => `${kind} ${path.split('/')[0]}`)).toEqual([
      'sos report sos-legacy',
      'sos report sos-patched',
      'must-gather must-gather',
    ]);
    const { gaps } = await readNodeFiles(FOLDER);
    expect(gaps.join()).toMatch(/another sos report not inspected: --dir .*sos-patched/);
  });
});

describe('a must-gather', () => {
  it('has no rules, and says how to get them', async () => {
    const { files, gaps } = await readNodeFiles(join(FOLDER, 'must-gather'));
    expect(files.some(isRules)).toBe(false);
    expect(gaps.join('\n')).toMatch(/oc debug node\/worker-0 -- chroot \/host .*iptables-save -c/);
    expect(gaps.join('\n')).toContain('other nodes of the must-gather: worker-1');
  });

  it('gives the kernel, addresses and routes of one node beside rules that were fetched', async () => {
    const gathered = await readNodeFiles(join(FOLDER, 'must-gather'));
    const rules = await readNodeFiles(join(FOLDER, 'sos-legacy'));
    const { environment } = inspectFiles(
      { files: [...gathered.files, ...rules.files.filter(isRules)], gaps: [] },
      TO_SERVICE,
    );
    expect(environment.kernel).toMatchObject({
      release: '4.18.0-305.el8.x86_64',
      distribution: 'Red Hat Enterprise Linux CoreOS 48.84.202107202156-0 (Ootpa)',
      leavesZeroChecksum: null,
    });
    const names = gathered.files.map(({ name }) => name);
    expect(names).toEqual([
      'cluster-scoped-resources/core/nodes/worker-0.yaml',
      'host_network_logs/ip-address-worker-0.log',
      'host_network_logs/ip-route4-worker-0.log',
    ]);
  });
});
