/** From rules and settings to the verdict: checksums, kernels, gaps, the terminal, the name of the rule. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { predictionReport } from '../../src/report/prediction.js';
import { type InspectRequest, inspectFiles } from '../../src/rules/inspect.js';
import { namePostroutingRule } from '../../src/rules/name-rule.js';
import { portFate } from '../../src/rules/nat.js';
import { type NodeFile, recognise } from '../../src/snapshot/node-files.js';
import { parseNetwork } from '../../src/snapshot/read-network.js';
import { filesIn, NODE_A, RULESETS } from './support.js';

const OLD_RULES = filesIn(join(RULESETS, 'pre92035-nftbackend'));
const HOST: InspectRequest = {
  source: 'host',
  target: { address: '10.96.0.20', port: 80 },
  protocol: 'tcp',
  order: [],
};

/** node-a's files with some text of them changed. */
function nodeWith(change: (file: NodeFile) => string, more: readonly NodeFile[] = []): NodeFile[] {
  return [...NODE_A.map(file => ({ ...file, text: change(file) })), ...more];
}

function verdictOf(node: readonly NodeFile[], request: InspectRequest = HOST): string | undefined {
  const files = [...OLD_RULES, ...node];
  return inspectFiles({ files, gaps: [] }, request).predictions[0]?.verdict;
}

const kernel = (release: string): NodeFile => ({
  name: 'uname.txt',
  kind: 'kernel',
  text: `${release}\n`,
});
const noChecksum = ({ text }: NodeFile) => text.replaceAll('"udp_csum": true', '"udp_csum": false');
const asIs = ({ text }: NodeFile) => text;

describe('the verdict (THE-BUG.md, sections 2 and 4)', () => {
  it('udpcsum: stale, on every kernel', () => {
    expect(verdictOf(nodeWith(asIs, [kernel('6.18.44')]))).toBe('stale-checksum');
  });

  it.each([
    ['4.19.90', 'mangled-checksum'],
    ['5.4.33', 'mangled-checksum'],
    ['6.18.44', 'double-snat-harmless'],
  ])('noudpcsum on %s: %s', (release, verdict) => {
    expect(verdictOf(nodeWith(noChecksum, [kernel(release)]))).toBe(verdict);
  });

  it('noudpcsum on a kernel that is not known is left open', () => {
    expect(verdictOf(nodeWith(noChecksum))).toBe('inconclusive');
  });

  it('tx offload of the VXLAN device off: harmless', () => {
    const off = ({ text }: NodeFile) =>
      text.replace(/(Features for flannel\.1:[^#]*?tx-checksumming: )on/, '$1off');
    expect(verdictOf(nodeWith(off))).toBe('double-snat-harmless');
  });

  it('udp hangs on the NIC of the first route, tcp does not', () => {
    const dns: InspectRequest = {
      ...HOST,
      target: { address: '10.96.0.10', port: 53 },
      protocol: 'udp',
    };
    const on = ({ text }: NodeFile) =>
      text.replace(/(Features for eth0:[^#]*?tx-checksumming: )off/, '$1on');
    expect(verdictOf(nodeWith(asIs), dns)).toBe('double-snat-harmless');
    expect(verdictOf(nodeWith(on), dns)).toBe('stale-checksum');
    expect(verdictOf(nodeWith(asIs))).toBe('stale-checksum');
  });

  it('what came in from outside is complete: harmless', () => {
    const target = { address: '192.168.50.1', port: 30088 };
    expect(verdictOf(NODE_A, { ...HOST, source: 'external', target })).toBe('double-snat-harmless');
  });

  it('a local address that masquerade does not pick: the address changes', () => {
    const other = ({ text }: NodeFile) =>
      text.replaceAll(
        '"local": "192.168.50.1",\n                "link"',
        '"local": "192.168.50.9",\n                "link"',
      );
    const files = [...filesIn(join(RULESETS, 'pre92035-no-random-fully')), ...nodeWith(other)];
    const [prediction] = inspectFiles({ files, gaps: [] }, HOST).predictions;
    expect(prediction).toMatchObject({
      verdict: 'stale-checksum',
      outerSourcePortRewritten: false,
    });
  });
});

describe('the fate of a port (nf_nat_core.c, get_unique_tuple())', () => {
  const port = { low: 32768, high: 60999 };

  it.each([
    [null, false, 'kept'],
    [null, true, 'rewritten'],
    [{ low: 1024, high: 65535 }, false, 'kept'],
    [{ low: 1024, high: 65535 }, true, 'rewritten'],
    [{ low: 1024, high: 2048 }, false, 'rewritten'],
    [{ low: 40000, high: 65535 }, false, 'depends'],
  ] as const)('to ports %j, random %s: %s', (ports, random, expected) => {
    expect(portFate(port, ports, random)).toBe(expected);
  });
});

describe('inspect', () => {
  it('without a target, predicts every service that leads to another node', () => {
    const { predictions } = inspectFiles(
      { files: [...OLD_RULES, ...NODE_A], gaps: [] },
      { ...HOST, target: undefined, protocol: undefined },
    );
    const targets = predictions.map(
      ({ flow }) => `${flow.protocol} ${flow.target} ${flow.service}`,
    );
    expect(targets).toContain('tcp 10.96.0.20:80 default/echo:http');
    expect(targets).toContain('udp 10.96.0.10:53 kube-system/kube-dns:dns');
    // default/kubernetes is at 192.168.50.100, outside of the tunnel.
    expect(targets.join()).not.toContain('10.96.0.1:443');
  });

  it('says what was not saved', () => {
    const { gaps, predictions } = inspectFiles({ files: OLD_RULES, gaps: ['a gap'] }, HOST);
    expect(gaps).toContain('a gap');
    expect(gaps.join()).toContain('ethtool -k');
    expect(predictions[0]?.assumptions.join()).toContain('the VXLAN device was not saved');
  });

  it('refuses an order that names no file', () => {
    const request = { ...HOST, order: ['nothing.nft'] };
    expect(() => inspectFiles({ files: OLD_RULES, gaps: [] }, request)).toThrow(
      /no file "nothing.nft"/,
    );
  });

  it('reads a recording: text of ip, rules of before the run', () => {
    const folder = join(
      import.meta.dirname,
      '../../captures/linux-5.4.33/double-snat-udpcsum/node-a',
    );
    const document = inspectFiles(
      { files: filesIn(folder).filter(({ name }) => !/conntrack|nstat/.test(name)), gaps: [] },
      { ...HOST, target: undefined, protocol: undefined },
    );
    expect(document.predictions).toMatchObject([
      {
        verdict: 'stale-checksum',
        certain: true,
        decidingRule: { file: 'iptables-save.before.txt' },
      },
    ]);
  });

  it('prints the answer first, then the rule with file and line', () => {
    const document = inspectFiles({ files: [...OLD_RULES, ...NODE_A], gaps: [] }, HOST);
    const text = predictionReport(document, { color: false });
    const rule = document.predictions[0]?.decidingRule;
    expect(text.startsWith('STALE CHECKSUM TO BE EXPECTED\n')).toBe(true);
    expect(text.indexOf('Deciding rule')).toBeLessThan(text.indexOf('Inner packet'));
    expect(text).toContain(`${rule?.file}:${rule?.line}  nat  KUBE-POSTROUTING`);
    expect(text).toContain('ethtool -K flannel.1 tx-checksum-ip-generic off');
    expect(Math.max(...text.split('\n').map(line => line.length))).toBeLessThan(140);
  });
});

describe('the name of the rule that did the second SNAT', () => {
  const folder = join(
    import.meta.dirname,
    '../../captures/linux-5.4.33/double-snat-udpcsum/node-a',
  );
  const file = (name: string): NodeFile => {
    const found = recognise(name, readFileSync(join(folder, name), 'utf8'));
    if (!found) throw new Error(name);
    return found;
  };
  const flow = {
    protocol: 'tcp',
    destination: { address: '10.244.1.2', port: 8080 },
    service: undefined,
  } as const;
  const rule = '-A KUBE-POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE --random-fully';

  it('with its line, and what it counted before and after', () => {
    const network = parseNetwork([readFileSync(join(folder, 'ip.txt'), 'utf8')]);
    const [before, after] = [file('iptables-save.before.txt'), file('iptables-save.after.txt')];
    const named = namePostroutingRule([before], [after], flow, network);
    const line = before.text.split('\n').findIndex(text => text.includes('-j MASQUERADE')) + 1;
    const counted = /^\[(\d+):\d+\] .*-j MASQUERADE/m.exec(after.text)?.[1];
    expect(named).toEqual({
      file: 'iptables-save.before.txt',
      line,
      table: 'nat (legacy)',
      chain: 'KUBE-POSTROUTING',
      rule,
      packetsBefore: 0,
      packetsAfter: Number(counted),
    });
  });

  it('nothing, if no way through the rules rewrites the port', () => {
    const patched = filesIn(join(RULESETS, '1.28.4-nftbackend'));
    expect(namePostroutingRule(patched, [], flow, parseNetwork([]))).toBeUndefined();
  });
});
