/** Controls: connections that fail or hang for other reasons, and must not be mistaken for the bug. */
import { NODE_A, VXLAN } from '../layout.js';
import type { LabChange, Scenario } from '../scenario.js';
import { NOT_REWRITTEN, OTHER_CORRUPTION, PATCHED } from './clusters.js';

/** Bits from the outer UDP header to inner headers: 8 bytes of it, VXLAN (8), Ethernet (14), IPv4 (20). */
const INNER_IP = 8 * (8 + 8 + 14);
const INNER_TCP = INNER_IP + 8 * 20;
const INNER_IS_TCP = `@th,${INNER_IP + 8 * 9},8 6`;
const INNER_TCP_FLAGS = `@th,${INNER_TCP + 8 * 13},8`;
const INNER_TCP_CHECKSUM = `@th,${INNER_TCP + 8 * 16},16`;

/** Above every datagram that a small packet makes, below one that carries a full segment. */
const BLACK_HOLE_BYTES = 1400;

/** A fault of the wire, on the way from node A to node B: what becomes of the tunnel's datagrams. */
function onTheWire(statement: string): LabChange {
  return {
    when: 'after-control',
    node: 'wire',
    command: 'nft',
    args: ['-f', '-'],
    input: `
      table bridge fault {
        chain forward {
          type filter hook forward priority 0;
          iifname ${NODE_A.wirePort} ip protocol udp udp dport ${VXLAN.port} ${statement}
        }
      }
    `,
  };
}

/** SYN without ACK; the limit is used up by the first one and refills no sooner than a day later. */
const LOSE_FIRST_SYN = onTheWire(
  `${INNER_IS_TCP} ${INNER_TCP_FLAGS} & 0x12 == 0x02 limit rate 1/day burst 1 packets drop`,
);

/** Bridges send no ICMP. */
const DROP_LARGE = onTheWire(`ip length > ${BLACK_HOLE_BYTES} drop`);

/** The checksum may still be pending here, so what is written need not be what arrives: just wrong. */
const BREAK_INNER_CHECKSUM = onTheWire(`${INNER_IS_TCP} ${INNER_TCP_CHECKSUM} set 0xdead`);

/**
 * A middlebox that routes, translates 192.168.50.1 to 192.168.51.1, and forgets the UDP checksum. The
 * fields are written raw, because nft would mend that one too; the IP header's own checksum stays right
 * without mending: the TTL's 0x40 becomes 0x3f where the address gains 0x0100, so its sum is the same.
 */
const REWRITE_ADDRESS = onTheWire('@nh,64,8 64 @nh,64,8 set 63 @nh,96,32 set 0xc0a83301');

export const LOOK_ALIKES: readonly Scenario[] = [
  {
    ...PATCHED,
    name: 'lost-syn',
    title: 'the wire loses the first SYN: plain loss',
    expect: NOT_REWRITTEN,
    onlyProtocol: true,
    onlyIpv4: true,
    changes: [LOSE_FIRST_SYN],
  },
  {
    ...PATCHED,
    name: 'no-listener',
    title: 'nobody listens behind the service: refused by the pod',
    expect: NOT_REWRITTEN,
    serviceAnswers: false,
  },
  {
    ...PATCHED,
    name: 'mtu-blackhole',
    title: `the wire drops datagrams above ${BLACK_HOLE_BYTES} bytes without a word: connects, then hangs`,
    expect: NOT_REWRITTEN,
    onlyProtocol: true,
    onlyIpv4: true,
    bytes: 8000,
    timeoutSeconds: 4,
    changes: [DROP_LARGE],
  },
  {
    ...PATCHED,
    name: 'inner-corruption',
    title: 'inner TCP checksum broken on the way, under a zero outer checksum',
    expect: OTHER_CORRUPTION,
    onlyProtocol: true,
    onlyIpv4: true,
    timeoutSeconds: 4,
    vxlan: { ...PATCHED.vxlan, outerChecksum: 'noudpcsum' },
    changes: [BREAK_INNER_CHECKSUM],
  },
  {
    ...PATCHED,
    name: 'address-rewritten-on-the-way',
    title: 'a middlebox rewrites the outer source address and forgets the UDP checksum',
    expect: OTHER_CORRUPTION,
    onlyIpv4: true,
    // Only flows of different ports tell a rewritten address from a rewritten port.
    attempts: 3,
    timeoutSeconds: 4,
    changes: [REWRITE_ADDRESS],
  },
];
