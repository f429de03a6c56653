/** Marks, chains and NAT, one rule at a time; expected values worked out by hand from the sources named. */
import { describe, expect, it } from 'vitest';
import { carriedMark, DNAT, natTable, TO_SERVICE, way, ways } from './support.js';

const SAVE = 'iptables-nft-save.txt';
const MASQUERADE = '-j MASQUERADE --random-fully';

function nat(rules: readonly string[], before: readonly string[] = []) {
  return { files: { [SAVE]: natTable(rules, before) } };
}

/** The mark that a packet has behind these rules of nat OUTPUT. */
function markAfter(...rules: string[]): number {
  return carriedMark(
    nat(
      [],
      rules.map(rule => `-A OUTPUT ${rule}`),
    ),
  );
}

describe('xt_MARK: mark = (mark & ~mask) ^ value', () => {
  it.each([
    ['set-xmark sets under its mask', ['--set-xmark 0x4000/0x4000'], 0x4000],
    ['set-xmark V/0 flips V', ['--set-xmark 0x4000/0x4000', '--set-xmark 0x4000/0x0'], 0],
    ['and flips it on again', ['--set-xmark 0x4000/0x0'], 0x4000],
    [
      'bits outside of the mask stay',
      ['--set-xmark 0x18000/0xffffffff', '--set-xmark 0x1/0xf'],
      0x18001,
    ],
    [
      'a mask wider than the value clears',
      ['--set-xmark 0xc000/0xffffffff', '--set-xmark 0x4000/0xffff'],
      0x4000,
    ],
    ['or-mark', ['--or-mark 0x1', '--or-mark 0x4000'], 0x4001],
    ['and-mark', ['--or-mark 0xc001', '--and-mark 0x4000'], 0x4000],
    ['xor-mark', ['--or-mark 0xc000', '--xor-mark 0x4000'], 0x8000],
    // set-mark V/M is set-xmark V/(V|M): libxt_MARK.c.
    ['set-mark V/M clears M and sets V', ['--or-mark 0xffff', '--set-mark 0x10000/0xff'], 0x1ff00],
    ['the highest bit is no sign', ['--set-xmark 0x80000000/0x0'], 0x80000000],
    ['0xffffffff is no -1', ['--set-xmark 0xffffffff/0xffffffff'], 0xffffffff],
  ])('%s', (_, targets, expected) => {
    expect(markAfter(...targets.map(target => `-j MARK ${target}`))).toBe(expected);
  });
});

describe('xt_CONNMARK', () => {
  it.each([
    [
      'saves and restores',
      [
        'MARK --set-xmark 0x4000/0x4000',
        'CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff',
        'MARK --set-xmark 0x0/0xffffffff',
        'CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff',
      ],
      0x4000,
    ],
    // mark = (mark & ~nfmask) ^ (ct & ctmask)
    [
      'restores under its masks',
      [
        'CONNMARK --set-xmark 0xff/0xffffffff',
        'MARK --set-xmark 0xf00f/0xffffffff',
        'CONNMARK --restore-mark --nfmask 0xf --ctmask 0xf0',
      ],
      0xf0f0,
    ],
  ])('%s', (_, targets, expected) => {
    expect(markAfter(...targets.map(target => `-j ${target}`))).toBe(expected);
  });
});

describe('mark matches', () => {
  const marked = (match: string) =>
    markAfter(
      '-j MARK --set-xmark 0x5000/0xffffffff',
      `-m mark ${match} -j MARK --set-xmark 0x1/0x1`,
    ) === 0x5001;

  it.each([
    ['--mark 0x4000/0x4000', true],
    ['! --mark 0x4000/0x4000', false],
    ['--mark 0x4000/0x5000', false],
    ['--mark 0x5000', true],
    ['! --mark 0x4000', true],
    ['--mark 0x0/0x8000', true],
  ])('mark 0x5000, %s: %s', (match, expected) => {
    expect(marked(match)).toBe(expected);
  });
});

describe('chains', () => {
  const put = (bit: number) => `-j MARK --set-xmark 0x${bit.toString(16)}/0x${bit.toString(16)}`;
  const sub = (...rules: string[]) => carriedMark(nat([], ['-A OUTPUT -j A', ...rules]));

  it('RETURN goes back behind the jump', () => {
    expect(sub('-A A -j RETURN', `-A A ${put(1)}`, `-A OUTPUT ${put(2)}`)).toBe(2);
  });

  it('the end of a chain is a return', () => {
    expect(sub(`-A A ${put(1)}`, `-A OUTPUT ${put(2)}`)).toBe(3);
  });

  it('from a chain gone to, the return skips the one it was gone to from', () => {
    expect(sub('-A A -g B', `-A A ${put(1)}`, `-A B ${put(4)}`, `-A OUTPUT ${put(2)}`)).toBe(6);
  });

  it('RETURN in a base chain ends it', () => {
    const { journey } = way(nat([], ['-A OUTPUT -j RETURN']));
    expect(journey).toMatchObject({ kind: 'not-tunnelled' });
  });

  it('a goto from a base chain ends in its policy', () => {
    const { journey } = way(nat([], ['-A OUTPUT -g A', `-A A ${put(1)}`]));
    expect(journey).toMatchObject({ kind: 'not-tunnelled' });
  });

  it('deep jumps come back through all of them', () => {
    const depth = 200;
    const chains = Array.from({ length: depth }, (_, n) => `-A C${n} -j C${n + 1}`);
    const mark = carriedMark(
      nat([], ['-A OUTPUT -j C0', ...chains, `-A C${depth} ${put(1)}`, `-A OUTPUT ${put(2)}`]),
    );
    expect(mark).toBe(3);
  });

  it('chains that multiply the way are ended with a fault, not a hang', () => {
    const doubling = Array.from({ length: 40 }, (_, n) => [
      `-A C${n} -j C${n + 1}`,
      `-A C${n} -j C${n + 1}`,
    ]).flat();
    const rules = ['-A OUTPUT -j C0', ...doubling, `-A C40 ${put(1)}`];
    expect(() => way(nat([], rules))).toThrow(/would meet more than 500000 rules/);
  });
});

describe('NAT of the outer datagram', () => {
  const rewritten = (rule: string) => way(nat([`-A POSTROUTING ${rule}`])).rewritten;

  it.each([
    ['-j MASQUERADE --random-fully', true],
    ['-j MASQUERADE --random', true],
    ['-j MASQUERADE', false],
    ['-p udp -j MASQUERADE --to-ports 1024-65535', false],
    ['-p udp -j MASQUERADE --to-ports 2000-3000', true],
    ['-p udp -j MASQUERADE --to-ports 1024-65535 --random', true],
    ['-o eth0 -j SNAT --to-source 192.168.50.1', false],
    ['-o eth0 -p udp -j SNAT --to-source 192.168.50.1:1024-65535 --random-fully', true],
    ['-o flannel.1 -j MASQUERADE --random-fully', false],
    ['! -o flannel.1 -j MASQUERADE --random-fully', true],
    ['-p tcp -j MASQUERADE --random-fully', false],
    ['-p udp -m udp --dport 8472 -j MASQUERADE --random-fully', true],
    ['-s 10.244.0.0/16 -j MASQUERADE --random-fully', false],
    ['-m addrtype ! --dst-type LOCAL -j MASQUERADE --random-fully', true],
    ['-m addrtype --dst-type LOCAL -j MASQUERADE --random-fully', false],
    // The outer datagram leaves by eth0, from eth0's own address.
    ['-m addrtype --src-type LOCAL -j MASQUERADE --random-fully', true],
    ['-m addrtype --src-type LOCAL --limit-iface-out -j MASQUERADE --random-fully', true],
    ['-m addrtype ! --src-type LOCAL --limit-iface-out -j MASQUERADE --random-fully', false],
    ['-m conntrack --ctstate ESTABLISHED -j MASQUERADE --random-fully', false],
    ['-m conntrack --ctstate DNAT -j MASQUERADE --random-fully', false],
    ['-m statistic --mode random --probability 1.0 -j MASQUERADE --random-fully', true],
  ])('%s: rewritten %s', (rule, expected) => {
    expect(rewritten(rule)).toBe(expected);
  });

  it("an address that is not the device's own is a change, with the port kept", () => {
    const { rewritten: port, addressRewritten } = way(
      nat(['-A POSTROUTING -o eth0 -j SNAT --to-source 192.168.50.77']),
    );
    expect({ port, addressRewritten }).toEqual({ port: false, addressRewritten: true });
  });

  it('ports that hold some of the possible ones leave both possible', () => {
    const all = ways(nat(['-A POSTROUTING -o eth0 -p udp -j MASQUERADE --to-ports 40000-50000']));
    expect(new Set(all.map(outcome => outcome.rewritten))).toEqual(new Set([true, false]));
  });

  it('ACCEPT in front of it keeps the rest of the base chain away', () => {
    const rules = ['-p udp -m udp --dport 8472 -j ACCEPT', MASQUERADE];
    expect(way(nat(rules.map(rule => `-A POSTROUTING ${rule}`))).rewritten).toBe(false);
  });

  it.each(['-j NOTRACK', '-j CT --notrack'])('raw %s keeps all NAT away', target => {
    const raw = `*raw\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p udp -m udp --dport 8472 ${target}\nCOMMIT\n`;
    const files = { [SAVE]: raw + natTable([`-A POSTROUTING ${MASQUERADE}`]) };
    const { rewritten: port, deciding } = way({ files });
    expect({ port, rule: deciding?.rule }).toEqual({
      port: false,
      rule: `-A OUTPUT -p udp -m udp --dport 8472 ${target}`,
    });
  });

  it('NOTRACK in mangle is too late', () => {
    const mangle = '*mangle\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j NOTRACK\nCOMMIT\n';
    const files = { [SAVE]: mangle + natTable([`-A POSTROUTING ${MASQUERADE}`]) };
    expect(way({ files }).rewritten).toBe(true);
  });

  it('a mark that mangle POSTROUTING takes off is not seen by nat', () => {
    const mangle =
      '*mangle\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -o eth0 -j MARK --set-xmark 0x0/0x4000\nCOMMIT\n';
    const mark = '-A OUTPUT -d 10.96.0.20/32 -j MARK --set-xmark 0x4000/0x4000';
    const masquerade = `-A POSTROUTING -m mark --mark 0x4000/0x4000 ${MASQUERADE}`;
    const plain = natTable([masquerade], [mark]);
    expect(way({ files: { [SAVE]: plain } }).rewritten).toBe(true);
    expect(way({ files: { [SAVE]: mangle + plain } }).rewritten).toBe(false);
  });
});

describe('what is not known', () => {
  it('an unknown match that decides leaves both outcomes, and names its rule', () => {
    const all = ways(nat([`-A POSTROUTING -m owner --uid-owner 0 ${MASQUERADE}`]));
    expect(new Set(all.map(outcome => outcome.rewritten))).toEqual(new Set([true, false]));
  });

  it('one that decides nothing leaves one outcome', () => {
    const all = ways(nat(['-A POSTROUTING -m owner --uid-owner 0 -j RETURN']));
    expect(new Set(all.map(outcome => outcome.rewritten))).toEqual(new Set([false]));
  });

  it('an unknown target leaves no outcome', () => {
    const { rewritten, doubt } = way(nat(['-A POSTROUTING -j HMARK --hmark-mod 2']));
    expect({ rewritten, rule: doubt?.rule.line }).toEqual({ rewritten: null, rule: 5 });
  });

  it('the same unknown condition is one question for one packet', () => {
    const match = '-m set --match-set pods src';
    const all = ways(
      nat([`-A POSTROUTING ${match} -j RETURN`, `-A POSTROUTING ${match} -j RETURN`]),
    );
    expect(all.length).toBeLessThanOrEqual(4);
  });

  it('dice of a service lead to each of its endpoints', () => {
    const dice = '-m statistic --mode random --probability 0.5';
    const text = natTable([]).replace(
      DNAT,
      `-A OUTPUT -d 10.96.0.20/32 -p tcp ${dice} -j DNAT --to-destination 10.244.1.9:8080\n${DNAT}`,
    );
    const ends = ways({ files: { [SAVE]: text } }).map(({ journey }) => journey.inner?.destination);
    expect(new Set(ends)).toEqual(new Set(['10.244.1.2', '10.244.1.9']));
  });
});

describe('where packets come from', () => {
  const dnat =
    '-A PREROUTING -d 10.96.0.20/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.1.2:8080';
  const table = (filter: string) =>
    `*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n${dnat}\nCOMMIT\n` +
    `*filter\n:FORWARD ACCEPT [0:0]\n${filter}COMMIT\n`;

  it('a pod goes through PREROUTING and FORWARD', () => {
    const { journey } = way({ files: { [SAVE]: table('') }, flow: { ...TO_SERVICE, from: 'pod' } });
    expect(journey).toMatchObject({ kind: 'tunnelled' });
  });

  it('and is dropped there if a rule says so', () => {
    const drop = '-A FORWARD -i cni0 -o flannel.1 -j DROP\n';
    const { because } = way({
      files: { [SAVE]: table(drop) },
      flow: { ...TO_SERVICE, from: 'pod' },
    });
    expect(because).toBe(
      'the packet is dropped in forward by FORWARD: -A FORWARD -i cni0 -o flannel.1 -j DROP',
    );
  });
});

describe('IPVS mode (kube-proxy/ipvs/README.md: a dummy device has the services)', () => {
  const address = JSON.stringify([
    { ifname: 'kube-ipvs0', addr_info: [{ local: '10.96.0.20', prefixlen: 32, scope: 'global' }] },
  ]);
  const rules = (postrouting: readonly string[]) =>
    [
      '*nat',
      ':OUTPUT ACCEPT [0:0]',
      ':POSTROUTING ACCEPT [0:0]',
      '-A OUTPUT ! -s 10.244.0.0/16 -m set --match-set KUBE-CLUSTER-IP dst,dst -j MARK --set-xmark 0x4000/0x4000',
      ...postrouting,
      'COMMIT',
      '',
    ].join('\n');

  it.each([
    [[`-A POSTROUTING -m mark --mark 0x4000/0x4000 ${MASQUERADE}`], true],
    [
      [
        '-A POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
        '-A POSTROUTING -j MARK --set-xmark 0x4000/0x0',
        `-A POSTROUTING ${MASQUERADE}`,
      ],
      false,
    ],
  ])('%j: rewritten %s', (postrouting, expected) => {
    const files = { [SAVE]: rules(postrouting), 'ip-addr.json': address };
    expect(way({ files }).rewritten).toBe(expected);
  });
});
