/** Members of ipsets (ipset(8)), and kube-proxy's IPVS mode, whose rules know services only by sets. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type InspectRequest, inspectFiles } from '../../src/rules/inspect.js';
import { type IpSet, parseIpSets, setKey } from '../../src/rules/ipset.js';
import { parseIptablesSave } from '../../src/rules/iptables-save.js';
import { type NodeFile, recognise } from '../../src/snapshot/node-files.js';
import { NODE_A } from './support.js';

function only(text: string): IpSet {
  const [set, ...more] = parseIpSets(text, 'ipset-save.txt').values();
  if (!set || more.length > 0) throw new Error('not one set');
  return set;
}

const SAVED = `create KUBE-CLUSTER-IP hash:ip,port family inet hashsize 1024 maxelem 65536
add KUBE-CLUSTER-IP 10.96.0.10,udp:53
add KUBE-CLUSTER-IP 10.96.0.1,tcp:443
`;
const LISTED = `Name: KUBE-CLUSTER-IP
Type: hash:ip,port
Revision: 5
Header: family inet hashsize 1024 maxelem 65536
Size in memory: 440
References: 2
Number of entries: 2
Members:
10.96.0.10,udp:53
10.96.0.1,tcp:443

`;

describe('members', () => {
  it('are the same from ipset save and from ipset list', () => {
    expect(only(LISTED)).toEqual(only(SAVED));
    expect(only(SAVED).elements[0]?.pattern).toEqual({
      kind: 'concat',
      parts: [
        { kind: 'exact', value: '10.96.0.10' },
        { kind: 'exact', value: 'udp' },
        { kind: 'exact', value: 53 },
      ],
    });
  });

  it.each([
    ['hash:ip', '10.0.0.1', { kind: 'exact', value: '10.0.0.1' }],
    ['hash:net', '10.0.0.0/8', { kind: 'prefix', network: 10n, bits: 8, of: 4 }],
    ['bitmap:port', '30080', { kind: 'exact', value: 30080 }],
    ['bitmap:port', '30000-30010', { kind: 'numbers', low: 30000, high: 30010 }],
  ])('%s %s', (type, member, pattern) => {
    expect(only(`create S ${type}\nadd S ${member}\n`).elements).toEqual([
      { pattern, datum: null },
    ]);
  });

  it('a port without a protocol is one of tcp, and protocols have numbers', () => {
    const ports = (member: string) => {
      const [element] = only(`create S hash:ip,port\nadd S ${member}\n`).elements;
      return element?.pattern.kind === 'concat' ? element.pattern.parts.slice(1) : undefined;
    };
    const tcp = [
      { kind: 'exact', value: 'tcp' },
      { kind: 'exact', value: 80 },
    ];
    expect([ports('10.0.0.1,80'), ports('10.0.0.1,6:80'), ports('10.0.0.1,tcp:80')]).toEqual([
      tcp,
      tcp,
      tcp,
    ]);
  });

  it.each([
    ['an exception', 'create S hash:net\nadd S 10.0.0.0/8\nadd S 10.1.0.0/16 nomatch\n'],
    ['time', 'create S hash:ip timeout 600\nadd S 10.0.0.1 timeout 599\n'],
    ['masks', 'create S hash:ip family inet netmask 24\nadd S 10.0.0.0\n'],
    ['sets of sets', 'create T hash:ip\ncreate S list:set size 8\nadd S T\n'],
    ['MACs', 'create S hash:mac\nadd S 02:00:00:00:00:01\n'],
    ['a member that is none', 'create S hash:ip\nadd S nothing\n'],
  ])('are in doubt with %s', (_, text) => {
    const doubts = [...parseIpSets(text, 'ipset-save.txt').values()].map(({ doubt }) => doubt);
    expect(doubts.at(-1)).toMatch(/\S/);
  });

  it('of a set that was not created are refused with file and line', () => {
    expect(() => parseIpSets('create S hash:ip\nadd T 10.0.0.1\n', 'ipset-save.txt')).toThrow(
      /ipset-save\.txt:2: .*"T", which was not created/,
    );
    expect(() => parseIpSets('Name: S\nMembers:\n10.0.0.1\n', 'x')).toThrow(/x:3: /);
  });
});

describe('what a packet is asked for', () => {
  const key = (type: string, directions: string) =>
    setKey({ name: 'S', type, family: 'ip', elements: [], doubt: null }, directions);

  it.each([
    ['hash:ip', 'src', 'source'],
    ['hash:net', 'dst', 'destination'],
    ['bitmap:port', 'dst', 'destinationPort'],
    ['hash:ip,port', 'dst,dst', 'destination protocol destinationPort'],
    ['hash:ip,port', 'src,dst', 'source protocol destinationPort'],
    ['hash:ip,port,ip', 'dst,dst,src', 'destination protocol destinationPort source'],
    ['hash:net,iface', 'src,src', 'source inInterface'],
  ])('%s %s: %s', (type, directions, fields) => {
    const found = key(type, directions);
    const parts = found?.kind === 'concat' ? found.parts : [found];
    expect(parts.map(part => (part?.kind === 'field' ? part.field : part)).join(' ')).toBe(fields);
  });

  it('with too few directions is not known', () => {
    expect(key('hash:ip,port', 'dst')).toBeUndefined();
  });
});

describe('a rule with a set', () => {
  const condition = (sets: string, match = '--match-set S src') => {
    const text = `*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -m set ${match} -j RETURN\nCOMMIT\n`;
    const [table] = parseIptablesSave(text, 'iptables-save.txt', parseIpSets(sets, 'ipset.txt'));
    const [statement] = table?.chains.get('POSTROUTING')?.rules[0]?.statements ?? [];
    return statement?.kind === 'match' ? statement.condition : undefined;
  };

  it('is known with its members, and unknown without them or with a doubt', () => {
    expect(condition('create S hash:ip\nadd S 10.0.0.1\n')?.kind).toBe('is');
    expect(condition('create T hash:ip\n')).toMatchObject({
      kind: 'unknown',
      text: expect.stringContaining('its members were not saved (ipset save)'),
    });
    expect(condition('create S hash:net\nadd S 10.0.0.0/8 nomatch\n')).toMatchObject({
      kind: 'unknown',
      text: expect.stringContaining('exceptions'),
    });
    // More options make it another question.
    const counters = '--match-set S src --packets-gt 5';
    expect(condition('create S hash:ip\n', counters)?.kind).toBe('unknown');
  });
});

describe('IPVS mode', () => {
  const WRITTEN = join(import.meta.dirname, 'written');
  const file = (name: string, text: string): NodeFile => {
    const found = recognise(name, text);
    if (!found) throw new Error(name);
    return found;
  };
  const ipvsNode = (set: string): NodeFile[] => [
    ...['iptables-nft-save.txt', 'ipset-save.txt'].map(name =>
      file(name, readFileSync(join(WRITTEN, set, name), 'utf8')),
    ),
    ...NODE_A,
    file(
      'ip-ipvs.json',
      JSON.stringify([
        {
          ifname: 'kube-ipvs0',
          addr_info: [{ local: '10.96.0.10', prefixlen: 32, scope: 'global' }],
        },
      ]),
    ),
  ];
  const request: InspectRequest = {
    source: 'host',
    target: { address: '10.96.0.10', port: 80 },
    protocol: 'udp',
    order: [],
  };

  it.each([
    ['ipvs-sets', false],
    ['ipvs-sets-before-92035', true],
  ])('%s: uncertain, as IPVS was never measured, and what its sources suggest', (set, rewritten) => {
    const [prediction] = inspectFiles({ files: ipvsNode(set), gaps: [] }, request).predictions;
    expect(prediction).toMatchObject({
      verdict: 'inconclusive',
      certain: false,
      outerSourcePortRewritten: null,
    });
    expect(prediction?.because).toMatch(/^uncertain: IPVS .* never measured/);
    expect(prediction?.outcomes).toMatchObject([{ outerSourcePortRewritten: rewritten }]);
    const met = prediction?.steps.map(({ chain, effect }) => `${chain}: ${effect}`);
    expect(met).toContain('KUBE-SERVICES: to KUBE-MARK-MASQ');
    expect(prediction?.recommendations[0]?.command).toBe('stalesum reproduce');
  });

  it('services are those of KUBE-CLUSTER-IP', () => {
    const all = { ...request, target: undefined, protocol: undefined };
    const { predictions } = inspectFiles({ files: ipvsNode('ipvs-sets'), gaps: [] }, all);
    expect(predictions.map(({ flow }) => `${flow.protocol} ${flow.target}`)).toEqual([
      'udp 10.96.0.10:80',
    ]);
  });

  it('a service that is not in the set is not marked', () => {
    const files = ipvsNode('ipvs-sets-other-port');
    const [prediction] = inspectFiles({ files, gaps: [] }, request).predictions;
    expect(prediction?.steps.some(({ chain }) => chain === 'KUBE-MARK-MASQ')).toBe(false);
  });
});
