/** Scenarios that have the bug, in its two kinds and several guises. */
import { NODE_A, NODE_B, VXLAN } from '../layout.js';
import type { LabChange, Scenario } from '../scenario.js';
import { HARMLESS, MANGLED, STALE, UNPATCHED } from './clusters.js';

/**
 * What `udp_manip_pkt()` (net/netfilter/nf_nat_proto.c) did before ea64d8d6c675: it took
 * CHECKSUM_PARTIAL for "has a checksum", updated a zero one, and sent the result 0 as 0xffff. Here a
 * rule does it, behind nat POSTROUTING (priority 100): `ct status snat` are the datagrams whose source
 * was rewritten, `ct direction original` those that the rewriting goes for, and no `iif` those that
 * this node made itself. That their inner checksum is pending no rule can see; in the lab, where
 * nothing arrives from outside, all that node A sends over TCP or UDP has it pending.
 */
const MANGLE_ZERO: LabChange = {
  node: 'node-a',
  command: 'nft',
  args: ['-f', '-'],
  input: `
    table ip stalesum-emulated {
      chain old-kernel {
        type filter hook postrouting priority 300;
        ip protocol udp udp dport ${VXLAN.port} ct status snat ct direction original @th,48,16 0 @th,48,16 set 0xffff
      }
    }
  `,
};

/** As a cautious administrator writes it, in front of everything. */
const DROP_INVALID: LabChange = {
  node: 'node-b',
  command: 'iptables',
  args: ['-I', 'INPUT', '1', '-m', 'conntrack', '--ctstate', 'INVALID', '-j', 'DROP'],
};

export const DEFECTS: readonly Scenario[] = [
  {
    ...UNPATCHED,
    name: 'unpatched',
    title: 'kube-proxy rules of before PR 92035, VXLAN device with udpcsum: the bug',
    expect: STALE,
  },
  {
    ...UNPATCHED,
    name: 'unpatched-zero-checksum',
    title: 'the same rules, VXLAN device with noudpcsum: the bug only on kernels before 5.7',
    expect: HARMLESS,
    expectBeforeZeroFix: MANGLED,
    vxlan: { ...UNPATCHED.vxlan, outerChecksum: 'noudpcsum' },
  },
  {
    ...UNPATCHED,
    name: 'emulated-pre-5.7',
    title:
      'the same, and an nft rule mangles the zero checksum as kernels before 5.7 do (emulated)',
    expect: MANGLED,
    onlyIpv4: true,
    emulated: true,
    vxlan: { ...UNPATCHED.vxlan, outerChecksum: 'noudpcsum' },
    changes: [MANGLE_ZERO],
  },
  {
    ...UNPATCHED,
    name: 'udp-dns',
    title:
      'DNS queries to a UDP service: the bug, and no retransmit from another port to the rescue',
    expect: STALE,
    protocol: 'udp',
    onlyProtocol: true,
  },
  {
    ...UNPATCHED,
    name: 'ipv6-underlay',
    title: 'VXLAN over IPv6, where the outer checksum is always in use: the bug',
    expect: STALE,
    vxlan: { ...UNPATCHED.vxlan, underlay: 'ipv6' },
  },
  {
    ...UNPATCHED,
    name: 'secondary-address',
    title: `VXLAN from a secondary address: the second SNAT changes ${NODE_A.secondaryAddress} to ${NODE_A.address} as well`,
    expect: STALE,
    onlyIpv4: true,
    vxlan: { ...UNPATCHED.vxlan, local: 'secondary' },
  },
  {
    ...UNPATCHED,
    name: 'veth-offload-on',
    title:
      'the bug on an underlay of plain veth links, where the receiver does not verify: no loss',
    expect: STALE,
    wireOffload: 'on',
  },
  {
    ...UNPATCHED,
    name: 'invalid-dropped-first',
    title: `the bug where ${NODE_B.name}'s firewall drops invalid packets: UdpInCsumErrors stays still`,
    expect: STALE,
    changes: [DROP_INVALID],
  },
];
